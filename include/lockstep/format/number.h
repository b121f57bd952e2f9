/* One cell of a table of numbers.
 *
 * Why here: all text formats agree on what a number and what a missing value is. Never decides
 * whether a missing value is an error.
 */
#ifndef LS_FORMAT_NUMBER_H
#define LS_FORMAT_NUMBER_H

#include <stddef.h>

typedef enum ls_cell {
    LS_CELL_NUMBER,
    LS_CELL_MISSING,  /* empty, NA, N/A, NaN, null, ? in any case; the value is NaN */
    LS_CELL_INFINITE, /* inf, or too large for float32; the value is infinite */
    LS_CELL_TEXT      /* something else; the value is NaN */
} ls_cell;

/* Reads s[0..n), blanks around it ignored, as the nearest float32: the same bits as strtof. Needs:
 * s[n] exists and belongs to no number (a delimiter or the terminating 0). */
ls_cell ls_parse_cell(const char *s, size_t n, float *out);

/* The shortest decimal text that reads back as the same float32; buffer holds at least 16 bytes.
 * Returns buffer. */
char *ls_print_float(float x, char *buffer);

#endif
