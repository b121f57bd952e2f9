/* Small questions about rows, and freeing what their fields own.
 *
 * Why here: reading, dumping, comparing and help ask them alike. Never fails.
 */
#include "fields.h"

#include <stdio.h>
#include <string.h>

#include "lockstep/base/memory.h"

bool ls_opt_may_be_null(const ls_opt *row) {
    return row->fallback != NULL && strcmp(row->fallback, "null") == 0;
}

bool ls_opt_is_given(const ls_opt *table, const void *options) {
    for (const ls_opt *row = table; row->kind != LS_OPT_END; row++)
        if (row->kind == LS_OPT_GIVEN)
            return *(const bool *)ls_opt_field_const(row, options);
    return true;
}

bool ls_opt_word(const char *words, size_t i, char buffer[LS_OPT_WORD_MAX]) {
    if (words == NULL)
        return false;
    for (; i > 0; i--) {
        words = strchr(words, '|');
        if (words == NULL)
            return false;
        words++;
    }
    (void)snprintf(buffer, LS_OPT_WORD_MAX, "%.*s", (int)strcspn(words, "|"), words);
    return true;
}

size_t ls_opt_find_word(const char *words, const char *word) {
    char one[LS_OPT_WORD_MAX];
    for (size_t i = 0; ls_opt_word(words, i, one); i++)
        if (strcmp(one, word) == 0)
            return i;
    return LS_NOT_FOUND;
}

static bool has_bounds(const ls_opt *row) {
    return row->min != 0 || row->max != 0;
}

char *ls_opt_print_bounds(const ls_opt *row, char buffer[LS_OPT_BOUNDS_MAX]) {
    char low[32], high[32];
    bool has_low = has_bounds(row) && isfinite(row->min);
    bool has_high = has_bounds(row) && isfinite(row->max);
    (void)snprintf(buffer, LS_OPT_BOUNDS_MAX, "%s%s%s%s%s",
                   !has_low                          ? ""
                   : (row->flags & LS_OPT_ABOVE_MIN) ? "above "
                                                     : "at least ",
                   has_low ? ls_print_double(row->min, low) : "",
                   has_low && has_high ? " and " : "",
                   !has_high                         ? ""
                   : (row->flags & LS_OPT_BELOW_MAX) ? "below "
                                                     : "at most ",
                   has_high ? ls_print_double(row->max, high) : "");
    return buffer;
}

bool ls_opt_is_within(const ls_opt *row, double x) {
    if (!has_bounds(row))
        return true;
    bool above = (row->flags & LS_OPT_ABOVE_MIN) ? x > row->min : x >= row->min;
    bool below = (row->flags & LS_OPT_BELOW_MAX) ? x < row->max : x <= row->max;
    return above && below;
}

size_t ls_key_path_push(ls_key_path *path, const char *part) {
    size_t before = path->length;
    size_t room = sizeof path->text - before;
    int added = snprintf(path->text + before, room, "%s%s", before > 0 ? "." : "", part);
    if (added > 0)
        path->length += (size_t)added < room ? (size_t)added : room - 1;
    return before;
}

size_t ls_key_path_push_index(ls_key_path *path, size_t index) {
    char part[24];
    (void)snprintf(part, sizeof part, "%zu", index);
    return ls_key_path_push(path, part);
}

void ls_key_path_pop(ls_key_path *path, size_t length) {
    path->length = length;
    path->text[length] = '\0';
}

const ls_opt_row *ls_opt_find(const ls_opt_choices *choices, const char *name) {
    for (const ls_opt_row *const *row = choices->rows; *row != NULL; row++)
        if (strcmp((*row)->name, name) == 0)
            return *row;
    for (const ls_opt_alias *a = choices->aliases; a != NULL && a->name != NULL; a++)
        if (strcmp(a->name, name) == 0)
            return a->row;
    return NULL;
}

static void free_choice(ls_choice *choice) {
    if (choice->row != NULL && choice->row->options != NULL && choice->options != NULL)
        ls_options_free(choice->row->options, choice->options);
    ls_free(choice->options);
    *choice = (ls_choice){0};
}

static void free_choice_list(ls_choice_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free_choice(&list->items[i]);
    ls_free(list->items);
    *list = (ls_choice_list){0};
}

static void free_text(char **text) {
    ls_free(*text);
    *text = NULL;
}

static void free_float_list(ls_float_list *list) {
    ls_free(list->values);
    *list = (ls_float_list){0};
}

void ls_options_free(const ls_opt *table, void *options) {
    for (const ls_opt *row = table; row->kind != LS_OPT_END; row++) {
        void *field = ls_opt_field(row, options);
        if (row->kind == LS_OPT_STRING || row->kind == LS_OPT_PATH)
            free_text(field);
        else if (row->kind == LS_OPT_FLOAT_LIST)
            free_float_list(field);
        else if (row->kind == LS_OPT_STRING_LIST)
            ls_strings_free(field);
        else if (row->kind == LS_OPT_SECTION)
            ls_options_free(row->section, field);
        else if (row->kind == LS_OPT_CHOICE)
            free_choice(field);
        else if (row->kind == LS_OPT_CHOICE_LIST)
            free_choice_list(field);
    }
}
