/* The lines of a text file, plain or gzip, of any length.
 *
 * Why here: GCT and CSV are read a line at a time, and a line may have many MB. Never splits a
 * line into fields.
 */
#ifndef LS_FORMAT_LINES_H
#define LS_FORMAT_LINES_H

#include <stddef.h>

#include "lockstep/base/status.h"

typedef struct ls_lines ls_lines;

/* Errors: as ls_stream_open. */
ls_status ls_lines_open(const char *path, ls_lines **out) LS_MUST_CHECK;

/* *line = the next line without LF or CRLF, terminated, free to be changed until the next call;
 * NULL at the end. A byte-order mark at the start is left out. Errors: ERR_DATA as ls_stream_read,
 * and for a zero byte (not a text file) or one that is not UTF-8, with the line. */
ls_status ls_lines_next(ls_lines *r, char **line, size_t *length) LS_MUST_CHECK;

/* The number, from 1, of the line that was given last; 0 before the first. */
size_t ls_lines_number(const ls_lines *r);

double ls_lines_fraction(const ls_lines *r); /* of the file on disk, 0 to 1 */
const char *ls_lines_path(const ls_lines *r);
void ls_lines_close(ls_lines *r); /* safe on NULL */

/* Records "path: line 1,234: message" as ERR_DATA. */
ls_status ls_lines_fail(const char *path, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
