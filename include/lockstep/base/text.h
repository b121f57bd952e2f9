/* Text: copies, a growing buffer, lists of strings, strict numbers, the nearest of some words.
 *
 * Why here: config, formats and messages all need these. Never depends on the locale.
 */
#ifndef LS_BASE_TEXT_H
#define LS_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

/* *out = a copy of s, freed with ls_free. */
ls_status ls_strdup(const char *s, char **out) LS_MUST_CHECK;
ls_status ls_strndup(const char *s, size_t n, char **out) LS_MUST_CHECK;

/* *out = the formatted text, freed with ls_free. */
ls_status ls_format(char **out, const char *format, ...)
    __attribute__((format(printf, 2, 3))) LS_MUST_CHECK;

/* A growing text, always terminated. Start with {0}; free with ls_buffer_free. An allocation
 * failure is remembered in status and makes later calls do nothing: check it once at the end. */
typedef struct ls_buffer {
    char *data; /* NULL until something was added */
    size_t length;
    size_t capacity;
    ls_status status;
} ls_buffer;

void ls_buffer_add(ls_buffer *b, const char *s);
void ls_buffer_addn(ls_buffer *b, const char *s, size_t n);
void ls_buffer_addf(ls_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ls_buffer_free(ls_buffer *b);

/* How many bytes at the beginning of s[0..n) are UTF-8: n where all are. */
size_t ls_utf8_valid(const char *s, size_t n);

/* Appends s as UTF-8: a byte that is not becomes \xNN, so that different texts stay different. */
void ls_buffer_add_utf8(ls_buffer *b, const char *s);

/* An immutable-once-built list of strings in one arena. Start with {0}. */
typedef struct ls_strings {
    size_t count;
    size_t *offset; /* [count], into text */
    char *text;
    size_t text_length;
    size_t offset_capacity;
    size_t text_capacity;
} ls_strings;

ls_status ls_strings_add(ls_strings *list, const char *s) LS_MUST_CHECK;
ls_status ls_strings_addn(ls_strings *list, const char *s, size_t n) LS_MUST_CHECK;
const char *ls_strings_at(const ls_strings *list, size_t i);
ls_status ls_strings_copy(const ls_strings *from, ls_strings *to) LS_MUST_CHECK;
void ls_strings_free(ls_strings *list);

#define LS_NOT_FOUND ((size_t)-1)

/* A hash index over a list that outlives it: finds a string's first position in constant time.
 * *duplicate (may be NULL) is the position of the first string that repeats an earlier one, or
 * LS_NOT_FOUND. Needs: the list is not changed while the index lives. */
typedef struct ls_string_index ls_string_index;
ls_status ls_string_index_create(const ls_strings *list, size_t *duplicate,
                                 ls_string_index **out) LS_MUST_CHECK;
size_t ls_string_index_find(const ls_string_index *index, const char *s);
void ls_string_index_destroy(ls_string_index *index);

/* Orders class names: numerically if all are numbers, else bytewise; drops repeats. */
ls_status ls_strings_sort_classes(const ls_strings *names, ls_strings *out) LS_MUST_CHECK;

/* Reads a whole string as a number, in the C locale: false when it is not one, when something
 * follows, or when it does not fit. ls_parse_double takes "nan" and "inf" in any case. */
bool ls_parse_double(const char *s, double *out);
bool ls_parse_int64(const char *s, int64_t *out);

/* The shortest decimal text that reads back as the same double, with a '.' or exponent only
 * where needed; buffer holds at least 32 bytes. Returns buffer. */
char *ls_print_double(double x, char *buffer);

/* "17,382": a count with thousands separated; buffer holds at least 32 bytes. */
char *ls_print_count(uint64_t n, char *buffer);

/* "3.9 GB": a size in decimal units; buffer holds at least 32 bytes. */
char *ls_print_bytes(double bytes, char *buffer);

/* The word of words[0..count) nearest to s (edit distance with transpositions), or NULL when
 * none is near enough to be meant. */
const char *ls_nearest(const char *s, const char *const *words, size_t count);

/* Adds "did you mean 'x'?", with all names that contain the word where several do, or a list of
 * all that is known, to the failure just recorded; returns st. known is what the list is of: "the
 * keys here". */
ls_status ls_hint_nearest(ls_status st, const char *given, const char *const *names, size_t count,
                          const char *known);

#endif
