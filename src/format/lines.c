/* The lines of a text file.
 * Why here: see lockstep/format/lines.h. Never splits a line into fields. */
#include "lockstep/format/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/format/stream.h"

#define BLOCK_BYTES ((size_t)1 << 20)

struct ls_lines {
    ls_stream *stream;
    char *data; /* what was read and not yet given is [begin, end) */
    size_t begin, end, capacity;
    bool at_end; /* the stream has no more */
    size_t number;
};

ls_status ls_lines_fail(const char *path, size_t line, const char *format, ...) {
    char message[LS_ERROR_MESSAGE_MAX], number[32];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return ls_fail(LS_ERR_DATA, path, "line %s: %s", ls_print_count(line, number), message);
}

ls_status ls_lines_open(const char *path, ls_lines **out) {
    ls_lines *r = NULL;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *r, "line reader", &r));
    const ls_status st = ls_stream_open(path, &r->stream);
    if (st != LS_OK) {
        ls_lines_close(r);
        return st;
    }
    *out = r;
    return LS_OK;
}

/* Reads a block behind what there is, with room for a terminator. */
static ls_status fill(ls_lines *r) {
    if (r->begin > 0) {
        memmove(r->data, r->data + r->begin, r->end - r->begin);
        r->end -= r->begin;
        r->begin = 0;
    }
    LS_TRY(ls_grow(&r->data, &r->capacity, r->end + BLOCK_BYTES + 1, 1, "line"));
    size_t got = 0;
    LS_TRY(ls_stream_read(r->stream, r->data + r->end, BLOCK_BYTES, &got));
    r->end += got;
    r->at_end = got < BLOCK_BYTES;
    return LS_OK;
}

static ls_status skip_byte_order_mark(ls_lines *r) {
    LS_TRY(fill(r));
    if (r->end >= 3 && memcmp(r->data, "\xef\xbb\xbf", 3) == 0)
        r->begin = 3;
    return LS_OK;
}

static ls_status check_text(const ls_lines *r, const char *text, size_t length) {
    if (memchr(text, '\0', length))
        return ls_hint(ls_lines_fail(ls_lines_path(r), r->number,
                                     "holds a zero byte, so this is not a text file"),
                       "text must be ASCII or UTF-8, plain or gzip");
    const size_t valid = ls_utf8_valid(text, length);
    if (valid == length)
        return LS_OK;
    size_t begin = valid;
    while (begin > 0 && valid - begin < 20 && (unsigned char)text[begin - 1] >= ' ')
        begin--;
    while (begin < valid && ((unsigned char)text[begin] & 0xc0) == 0x80)
        begin++; /* begin with a whole character */
    return ls_hint(ls_lines_fail(ls_lines_path(r), r->number,
                                 "byte %zu (0x%02x, behind '%.*s') is not UTF-8 text", valid + 1,
                                 (unsigned)(unsigned char)text[valid], (int)(valid - begin),
                                 text + begin),
                   "convert the file: iconv -f latin1 -t utf-8 OLD > NEW (latin1, or whatever it "
                   "was written in)");
}

ls_status ls_lines_next(ls_lines *r, char **line, size_t *length) {
    *line = NULL;
    *length = 0;
    if (!r->data)
        LS_TRY(skip_byte_order_mark(r));
    size_t searched = 0;
    char *newline;
    while (!(newline = memchr(r->data + r->begin + searched, '\n', r->end - r->begin - searched)) &&
           !r->at_end) {
        searched = r->end - r->begin;
        LS_TRY(fill(r));
    }
    if (!newline && r->begin == r->end)
        return LS_OK;
    char *text = r->data + r->begin;
    char *end = newline ? newline : r->data + r->end;
    r->begin = (size_t)(end - r->data) + (newline ? 1 : 0);
    r->number++;
    if (end > text && end[-1] == '\r')
        end--;
    *end = '\0';
    LS_TRY(check_text(r, text, (size_t)(end - text)));
    *line = text;
    *length = (size_t)(end - text);
    return LS_OK;
}

size_t ls_lines_number(const ls_lines *r) {
    return r->number;
}

double ls_lines_fraction(const ls_lines *r) {
    return ls_stream_fraction(r->stream);
}

const char *ls_lines_path(const ls_lines *r) {
    return ls_stream_path(r->stream);
}

void ls_lines_close(ls_lines *r) {
    if (!r)
        return;
    ls_stream_close(r->stream);
    ls_free(r->data);
    ls_free(r);
}
