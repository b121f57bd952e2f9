/* Lists of strings in one arena, and a hash index over one.
 *
 * Why here: 60,000 feature names are matched by name; one allocation each and a linear search
 * would not do. Never changes a list behind an index.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

ls_status ls_strings_add(ls_strings *list, const char *s) {
    return ls_strings_addn(list, s, strlen(s));
}

ls_status ls_strings_addn(ls_strings *list, const char *s, size_t n) {
    LS_TRY(ls_grow(&list->offset, &list->offset_capacity, list->count + 1, sizeof(size_t),
                   "list of strings"));
    LS_TRY(ls_grow(&list->text, &list->text_capacity, list->text_length + n + 1, 1,
                   "list of strings"));
    char *place = list->text + list->text_length;
    memcpy(place, s, n);
    place[n] = '\0';
    list->offset[list->count++] = list->text_length;
    list->text_length += n + 1;
    return LS_OK;
}

const char *ls_strings_at(const ls_strings *list, size_t i) {
    return list->text + list->offset[i];
}

ls_status ls_strings_copy(const ls_strings *from, ls_strings *to) {
    *to = (ls_strings){0};
    ls_status st =
        ls_grow(&to->offset, &to->offset_capacity, from->count, sizeof(size_t), "list of strings");
    if (st == LS_OK)
        st = ls_grow(&to->text, &to->text_capacity, from->text_length, 1, "list of strings");
    if (st != LS_OK) {
        ls_strings_free(to);
        return st;
    }
    if (from->count > 0) {
        memcpy(to->offset, from->offset, from->count * sizeof(size_t));
        memcpy(to->text, from->text, from->text_length);
    }
    to->count = from->count;
    to->text_length = from->text_length;
    return LS_OK;
}

void ls_strings_free(ls_strings *list) {
    ls_free(list->offset);
    ls_free(list->text);
    *list = (ls_strings){0};
}

/* Open addressing with linear probing; at most half of the slots are taken. */
struct ls_string_index {
    const ls_strings *list;
    size_t *slot; /* [mask + 1]: position + 1, 0 where empty */
    size_t mask;
};

/* The slot that holds s, or the empty one where it would go. */
static size_t find_slot(const ls_string_index *index, const char *s) {
    size_t at = (size_t)XXH3_64bits(s, strlen(s)) & index->mask;
    while (index->slot[at] != 0 && strcmp(ls_strings_at(index->list, index->slot[at] - 1), s) != 0)
        at = (at + 1) & index->mask;
    return at;
}

ls_status ls_string_index_create(const ls_strings *list, size_t *duplicate, ls_string_index **out) {
    *out = NULL;
    ls_string_index *index;
    LS_TRY(ls_alloc(1, sizeof *index, "string index", &index));
    size_t slots = 2;
    while (slots < 2 * list->count)
        slots *= 2;
    ls_status st = ls_alloc(slots, sizeof(size_t), "string index", &index->slot);
    if (st != LS_OK) {
        ls_string_index_destroy(index);
        return st;
    }
    index->list = list;
    index->mask = slots - 1;
    size_t repeated = LS_NOT_FOUND;
    for (size_t i = 0; i < list->count; i++) {
        size_t at = find_slot(index, ls_strings_at(list, i));
        if (index->slot[at] == 0)
            index->slot[at] = i + 1;
        else if (repeated == LS_NOT_FOUND)
            repeated = i;
    }
    if (duplicate != NULL)
        *duplicate = repeated;
    *out = index;
    return LS_OK;
}

size_t ls_string_index_find(const ls_string_index *index, const char *s) {
    size_t position = index->slot[find_slot(index, s)];
    return position == 0 ? LS_NOT_FOUND : position - 1;
}

void ls_string_index_destroy(ls_string_index *index) {
    if (index == NULL)
        return;
    ls_free(index->slot);
    ls_free(index);
}

typedef struct class_name {
    double value; /* 0 unless all names are numbers */
    const char *name;
} class_name;

static int compare_classes(const void *left, const void *right) {
    const class_name *a = left, *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return strcmp(a->name, b->name);
}

ls_status ls_strings_sort_classes(const ls_strings *names, ls_strings *out) {
    *out = (ls_strings){0};
    class_name *row;
    LS_TRY(ls_alloc(names->count, sizeof *row, "class names", &row));
    bool all_numbers = true;
    for (size_t i = 0; i < names->count; i++) {
        row[i].name = ls_strings_at(names, i);
        all_numbers =
            all_numbers && ls_parse_double(row[i].name, &row[i].value) && isfinite(row[i].value);
    }
    for (size_t i = 0; i < names->count && !all_numbers; i++)
        row[i].value = 0;
    qsort(row, names->count, sizeof *row, compare_classes);
    ls_status st = LS_OK;
    for (size_t i = 0; i < names->count && st == LS_OK; i++)
        if (i == 0 || strcmp(row[i].name, row[i - 1].name) != 0)
            st = ls_strings_add(out, row[i].name);
    ls_free(row);
    if (st != LS_OK)
        ls_strings_free(out);
    return st;
}
