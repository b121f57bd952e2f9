/* What several import formats need: columns by name or number, unique ids, labels to classes.
 * Why here: one idea is written once. Never reads a file. */
#include <ctype.h>
#include <string.h>

#include "import_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/number.h"

enum { NAMES_SHOWN = 5 };

void ls_import_add_names(ls_buffer *b, const ls_strings *names) {
    char count[32];
    for (size_t i = 0; i < names->count && i < NAMES_SHOWN; i++)
        ls_buffer_addf(b, "%s'%s'", i ? ", " : "", ls_strings_at(names, i));
    if (names->count > NAMES_SHOWN)
        ls_buffer_addf(b, " and %s more", ls_print_count(names->count - NAMES_SHOWN, count));
}

static ls_status no_such_column(const char *file, const ls_strings *header, const char *option,
                                const char *column) {
    const char **words = NULL;
    ls_buffer b = {0};
    LS_TRY(ls_alloc(header->count, sizeof *words, "column names", &words));
    for (size_t i = 0; i < header->count; i++)
        words[i] = ls_strings_at(header, i);
    ls_status st = ls_fail(LS_ERR_USAGE, file, "no column '%s' (%s)", column, option);
    const char *near = ls_nearest(column, words, header->count);
    ls_import_add_names(&b, header);
    if (near)
        st = ls_hint(st, "did you mean '%s'?", near);
    else if (header->count > 0)
        st = ls_hint(st, "its columns are %s; they can be given by number from 1, too",
                     b.data ? b.data : "");
    ls_buffer_free(&b);
    ls_free(words);
    return st;
}

ls_status ls_import_find_column(const char *file, const ls_strings *header, const char *option,
                                const char *column, size_t *out) {
    int64_t number;
    for (*out = 0; *out < header->count; ++*out)
        if (strcmp(ls_strings_at(header, *out), column) == 0)
            return LS_OK;
    if (ls_parse_int64(column, &number) && number >= 1 && (uint64_t)number <= header->count) {
        *out = (size_t)number - 1;
        return LS_OK;
    }
    return no_such_column(file, header, option, column);
}

bool ls_import_is_blank(const char *text) {
    float ignored;
    return ls_parse_cell(text, strlen(text), &ignored) == LS_CELL_MISSING;
}

ls_status ls_import_check_unique(const char *file, const ls_strings *names, const char *what,
                                 const char *place, const size_t *number) {
    ls_string_index *index = NULL;
    size_t again = LS_NOT_FOUND;
    LS_TRY(ls_string_index_create(names, &again, &index));
    ls_status st = LS_OK;
    if (again != LS_NOT_FOUND) {
        const char *name = ls_strings_at(names, again);
        char first[32], second[32];
        ls_print_count(number[ls_string_index_find(index, name)], first);
        ls_print_count(number[again], second);
        st = ls_fail(LS_ERR_DATA, file, "two %s are named '%s' (%s %s and %s %s)", what, name,
                     place, first, place, second);
    }
    ls_string_index_destroy(index);
    return st;
}

/* A name without blanks and in lower case (ASCII), in place. */
static void reduce(char *name) {
    char *to = name;
    for (const char *from = name; *from; from++)
        if (!isspace((unsigned char)*from))
            *to++ = (char)tolower((unsigned char)*from);
    *to = '\0';
}

static ls_status warn_of_near_classes(const ls_strings *classes, ls_log *log) {
    ls_strings reduced = {0};
    ls_string_index *index = NULL;
    size_t again = LS_NOT_FOUND;
    ls_status st = LS_OK;
    for (size_t c = 0; st == LS_OK && c < classes->count; c++) {
        char *name = NULL;
        st = ls_strdup(ls_strings_at(classes, c), &name);
        if (st == LS_OK) {
            reduce(name);
            st = ls_strings_add(&reduced, name);
        }
        ls_free(name);
    }
    if (st == LS_OK)
        st = ls_string_index_create(&reduced, &again, &index);
    if (st == LS_OK && again != LS_NOT_FOUND)
        ls_warn(log,
                "the classes '%s' and '%s' differ only in blanks or in case; if they are one, "
                "mend the labels and import again",
                ls_strings_at(classes, ls_string_index_find(index, ls_strings_at(&reduced, again))),
                ls_strings_at(classes, again));
    ls_string_index_destroy(index);
    ls_strings_free(&reduced);
    return st;
}

ls_status ls_import_write_labels(ls_dataset_writer *w, const ls_strings *labels, ls_log *log) {
    ls_strings classes = {0};
    ls_string_index *index = NULL;
    int32_t *code = NULL;
    ls_status st = ls_strings_sort_classes(labels, &classes);
    if (st == LS_OK)
        st = ls_string_index_create(&classes, NULL, &index);
    if (st == LS_OK)
        st = ls_alloc(labels->count, sizeof *code, "labels", &code);
    for (size_t i = 0; st == LS_OK && i < labels->count; i++)
        code[i] = (int32_t)ls_string_index_find(index, ls_strings_at(labels, i));
    if (st == LS_OK)
        st = ls_dataset_writer_labels(w, code, &classes);
    if (st == LS_OK)
        st = warn_of_near_classes(&classes, log);
    ls_free(code);
    ls_string_index_destroy(index);
    ls_strings_free(&classes);
    return st;
}
