/* The bytes of a file, plain or gzip, from front to back.
 *
 * Why here: every text and image format may come compressed; what is behind the compression
 * should not care. Never seeks, never interprets.
 */
#ifndef LS_FORMAT_STREAM_H
#define LS_FORMAT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"

typedef struct ls_stream ls_stream;

/* Errors: ERR_DATA: no such file, not readable, a directory. */
ls_status ls_stream_open(const char *path, ls_stream **out) LS_MUST_CHECK;

/* Up to `bytes` bytes; *got is less only at the end. Errors: ERR_DATA: gzip data that is cut
 * short or damaged, with the byte in the file. */
ls_status ls_stream_read(ls_stream *s, void *out, size_t bytes, size_t *got) LS_MUST_CHECK;

/* Whether a file of this size, packed or not, can hold so many bytes. */
bool ls_stream_can_hold(const ls_stream *s, double bytes);

/* How much of the file on disk has been read, 0 to 1. */
double ls_stream_fraction(const ls_stream *s);

const char *ls_stream_path(const ls_stream *s);
void ls_stream_close(ls_stream *s); /* safe on NULL */

#endif
