/* GCT, the text format of gene-expression matrices (Broad Institute, versions 1.2 and 1.3).
 *
 * A line is a feature, a column is a sample:
 *   #1.2                              #1.3
 *   rows TAB columns                  rows TAB columns TAB row-fields TAB column-fields
 *   Name TAB Description TAB ids...   id TAB row-field names... TAB ids...
 *                                     (column-fields lines: name TAB ... TAB values...)
 *   name TAB text TAB values...       name TAB row-field values... TAB values...
 *
 * Why here: GTEx and most public expression data come in it. Lines are parsed in parallel, the
 * next ones read meanwhile. Never holds more than some lines; never transposes.
 */
#ifndef LS_FORMAT_GCT_H
#define LS_FORMAT_GCT_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/base/text.h"

typedef struct ls_gct ls_gct;

/* Opens a file, plain or gzip, and reads all before the first line of values. Errors: ERR_DATA
 * with the line: not a GCT file, a header that does not fit. */
ls_status ls_gct_open(const char *path, ls_gct **out) LS_MUST_CHECK;

size_t ls_gct_rows(const ls_gct *g);    /* features, as the header promises */
size_t ls_gct_columns(const ls_gct *g); /* samples */
const ls_strings *ls_gct_column_names(const ls_gct *g);

/* Of version 1.3: names of what is told about the columns, and the values [columns] of the
 * i-th, or an empty list. */
const ls_strings *ls_gct_fields(const ls_gct *g);
const ls_strings *ls_gct_field(const ls_gct *g, size_t i);

/* out[*rows, columns] = the next lines of values, at most max_rows; their names are added to
 * names. *rows is less than max_rows only at the end. Missing values are NaN, infinite ones
 * infinite. Uses OpenMP. Errors: ERR_DATA with the line: too few or too many values, text in place
 * of a number, more or fewer lines than the header promises; and those of ls_lines_next. */
ls_status ls_gct_read(ls_gct *g, size_t max_rows, float *out, ls_strings *names,
                      size_t *rows) LS_MUST_CHECK;

/* The line in the file of a row of values, rows counted from 0. */
size_t ls_gct_line(const ls_gct *g, size_t row);

void ls_gct_close(ls_gct *g); /* safe on NULL */

#endif
