/* Tables as text: comma-separated (RFC 4180), tab-separated, or by another delimiter.
 *
 * Why here: data of users, attribute tables and predictions come and go in this form. Never
 * interprets a field.
 */
#ifndef LS_FORMAT_CSV_H
#define LS_FORMAT_CSV_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/base/text.h"

typedef struct ls_csv ls_csv;

typedef struct ls_csv_row {
    size_t line; /* where the row begins, from 1 */
    size_t count;
    char **field;   /* [count], terminated, without their quotes */
    size_t *length; /* [count] */
} ls_csv_row;

/* delimiter 0: a tab when the first line has one, else a comma. Errors: as ls_lines_open. */
ls_status ls_csv_open(const char *path, char delimiter, ls_csv **out) LS_MUST_CHECK;

/* *row = the next row, valid until the next call; NULL at the end. Empty lines are skipped. A
 * quoted field may hold delimiters, line ends (they become LF) and doubled quotes. Errors:
 * ERR_DATA with the line: a quote that is never closed, text behind a closing quote; and those of
 * ls_lines_next. */
ls_status ls_csv_next(ls_csv *csv, const ls_csv_row **row) LS_MUST_CHECK;

double ls_csv_fraction(const ls_csv *csv); /* of the file on disk, 0 to 1 */
const char *ls_csv_path(const ls_csv *csv);
void ls_csv_close(ls_csv *csv); /* safe on NULL */

/* Appends a field, in quotes where it needs them; the caller appends ',' and '\n'. */
void ls_csv_put(ls_buffer *out, const char *text);

#endif
