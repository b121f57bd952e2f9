/* The first difference between two sets of options, and the taking over of what may differ.
 *
 * Why here: a resumed run must be the run that was begun; the user is told the very key that
 * differs. Comparing never looks into rows that may change, adopting never into others.
 */
#include <string.h>

#include "fields.h"

static bool is_same_table(const ls_opt *table, const void *a, const void *b, ls_key_path *path);

static bool is_same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same_double(double a, double b) {
    return isnan(a) || isnan(b) ? isnan(a) && isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

static bool is_same_floats(const ls_float_list *a, const ls_float_list *b, ls_key_path *path) {
    if (a->count != b->count || a->word != b->word)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(&a->values[i], &b->values[i], sizeof(float)) != 0) {
            (void)ls_key_path_push_index(path, i);
            return false;
        }
    return true;
}

static bool is_same_strings(const ls_strings *a, const ls_strings *b, ls_key_path *path) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(ls_strings_at(a, i), ls_strings_at(b, i)) != 0) {
            (void)ls_key_path_push_index(path, i);
            return false;
        }
    return true;
}

static bool is_same_choice(const ls_choice *a, const ls_choice *b, ls_key_path *path) {
    if (a->row != b->row)
        return false;
    if (a->row == NULL || a->row->options == NULL)
        return true;
    size_t before = ls_key_path_push(path, a->row->name);
    if (!is_same_table(a->row->options, a->options, b->options, path))
        return false;
    ls_key_path_pop(path, before);
    return true;
}

static bool is_same_choices(const ls_choice_list *a, const ls_choice_list *b, ls_key_path *path) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        size_t before = ls_key_path_push_index(path, i);
        if (!is_same_choice(&a->items[i], &b->items[i], path))
            return false;
        ls_key_path_pop(path, before);
    }
    return true;
}

static bool is_same_section(const ls_opt *table, const void *a, const void *b, ls_key_path *path) {
    return ls_opt_is_given(table, a) == ls_opt_is_given(table, b) &&
           is_same_table(table, a, b, path);
}

static bool is_same_field(const ls_opt *row, const void *a, const void *b, ls_key_path *path) {
    switch (row->kind) {
    case LS_OPT_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case LS_OPT_INT:
        return *(const int64_t *)a == *(const int64_t *)b;
    case LS_OPT_FLOAT:
        return is_same_double(*(const double *)a, *(const double *)b);
    case LS_OPT_STRING:
    case LS_OPT_PATH:
        return is_same_text(*(char *const *)a, *(char *const *)b);
    case LS_OPT_WORD:
        return *(const int *)a == *(const int *)b;
    case LS_OPT_FLOAT_LIST:
        return is_same_floats(a, b, path);
    case LS_OPT_STRING_LIST:
        return is_same_strings(a, b, path);
    case LS_OPT_SECTION:
        return is_same_section(row->section, a, b, path);
    case LS_OPT_CHOICE:
        return is_same_choice(a, b, path);
    case LS_OPT_CHOICE_LIST:
        return is_same_choices(a, b, path);
    case LS_OPT_GIVEN: /* asked by is_same_section */
    case LS_OPT_END:
        break;
    }
    return true;
}

/* Where it is false, path ends at the difference. */
static bool is_same_table(const ls_opt *table, const void *a, const void *b, ls_key_path *path) {
    for (const ls_opt *row = table; row->kind != LS_OPT_END; row++) {
        if (row->key == NULL || (row->flags & LS_OPT_MAY_CHANGE))
            continue;
        size_t before = ls_key_path_push(path, row->key);
        if (!is_same_field(row, ls_opt_field_const(row, a), ls_opt_field_const(row, b), path))
            return false;
        ls_key_path_pop(path, before);
    }
    return true;
}

ls_status ls_options_compare(const ls_opt *table, const void *a, const void *b, char **key) {
    ls_key_path path = {0};
    bool same = is_same_table(table, a, b, &path);
    return ls_strdup(same ? "" : path.text, key);
}

/* Bytes of a field that may change; lists and choices decide the result and never may. */
static size_t field_bytes(ls_opt_kind kind) {
    switch (kind) {
    case LS_OPT_BOOL:
        return sizeof(bool);
    case LS_OPT_INT:
        return sizeof(int64_t);
    case LS_OPT_FLOAT:
        return sizeof(double);
    case LS_OPT_WORD:
        return sizeof(int);
    case LS_OPT_STRING:
    case LS_OPT_PATH:
        return sizeof(char *);
    case LS_OPT_FLOAT_LIST:
    case LS_OPT_STRING_LIST:
    case LS_OPT_SECTION:
    case LS_OPT_CHOICE:
    case LS_OPT_CHOICE_LIST:
    case LS_OPT_GIVEN:
    case LS_OPT_END:
        break;
    }
    return 0;
}

void ls_options_adopt(const ls_opt *table, void *into, void *from) {
    for (const ls_opt *row = table; row->kind != LS_OPT_END; row++) {
        char *a = ls_opt_field(row, into), *b = ls_opt_field(row, from);
        if (row->kind == LS_OPT_SECTION)
            ls_options_adopt(row->section, a, b);
        size_t bytes = (row->flags & LS_OPT_MAY_CHANGE) ? field_bytes(row->kind) : 0;
        for (size_t i = 0; i < bytes; i++) { /* swapped, so that each text is freed once */
            char byte = a[i];
            a[i] = b[i];
            b[i] = byte;
        }
    }
}
