/* Rows and the fields that they describe: what reading, dumping, comparing and freeing share. */
#ifndef LS_OPT_FIELDS_H
#define LS_OPT_FIELDS_H

#include "lockstep/opt/options.h"

/* The field of a row in a struct. */
static inline void *ls_opt_field(const ls_opt *row, void *options) {
    return (char *)options + row->offset;
}

static inline const void *ls_opt_field_const(const ls_opt *row, const void *options) {
    return (const char *)options + row->offset;
}

/* Whether the row's default is null, so that null may be given too. */
bool ls_opt_may_be_null(const ls_opt *row);

/* What the table's GIVEN row says about this struct; true where it has none. */
bool ls_opt_is_given(const ls_opt *table, const void *options);

/* Copies word number i of "a|b|c" into buffer; false where there are fewer. */
#define LS_OPT_WORD_MAX 64
bool ls_opt_word(const char *words, size_t i, char buffer[LS_OPT_WORD_MAX]);

/* The number of the word in words, or LS_NOT_FOUND. */
size_t ls_opt_find_word(const char *words, const char *word);

/* The bounds as text, "at least 1 and below 2"; "" where there are none. */
#define LS_OPT_BOUNDS_MAX 96
char *ls_opt_print_bounds(const ls_opt *row, char buffer[LS_OPT_BOUNDS_MAX]);

bool ls_opt_is_within(const ls_opt *row, double x);

/* A dotted key that grows and shrinks: "model.0.dense.units". Start with {0}; a longer one is
 * cut. */
typedef struct ls_key_path {
    char text[512];
    size_t length;
} ls_key_path;

/* Appends a part; returns the length before, for ls_key_path_pop. */
size_t ls_key_path_push(ls_key_path *path, const char *part);
size_t ls_key_path_push_index(ls_key_path *path, size_t index);
void ls_key_path_pop(ls_key_path *path, size_t length);

#endif
