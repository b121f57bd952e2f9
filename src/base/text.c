/* Copies of text and the growing buffer.
 *
 * Why here: see text.h. Never interprets what it holds.
 */
#include "lockstep/base/text.h"

#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "vformat.h"

ls_status ls_strdup(const char *s, char **out) {
    return ls_strndup(s, strlen(s), out);
}

ls_status ls_strndup(const char *s, size_t n, char **out) {
    size_t length = strnlen(s, n);
    LS_TRY(ls_alloc(length + 1, 1, "text", out));
    memcpy(*out, s, length);
    return LS_OK;
}

ls_status ls_vformat(char **out, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    *out = NULL;
    if (length < 0)
        return ls_fail(LS_ERR_RUNTIME, NULL, "cannot format text after '%s'", format);
    LS_TRY(ls_alloc((size_t)length + 1, 1, "text", out));
    if (vsnprintf(*out, (size_t)length + 1, format, args) != length) {
        ls_free(*out);
        *out = NULL;
        return ls_fail(LS_ERR_RUNTIME, NULL, "cannot format text after '%s'", format);
    }
    return LS_OK;
}

ls_status ls_format(char **out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    ls_status st = ls_vformat(out, format, args);
    va_end(args);
    return st;
}

void ls_buffer_add(ls_buffer *b, const char *s) {
    ls_buffer_addn(b, s, strlen(s));
}

void ls_buffer_addn(ls_buffer *b, const char *s, size_t n) {
    if (b->status == LS_OK)
        b->status = ls_grow(&b->data, &b->capacity, b->length + n + 1, 1, "text");
    if (b->status != LS_OK)
        return;
    memcpy(b->data + b->length, s, n);
    b->length += n;
    b->data[b->length] = '\0';
}

void ls_buffer_addf(ls_buffer *b, const char *format, ...) {
    if (b->status != LS_OK)
        return;
    char *text;
    va_list args;
    va_start(args, format);
    b->status = ls_vformat(&text, format, args);
    va_end(args);
    if (b->status != LS_OK)
        return;
    ls_buffer_add(b, text);
    ls_free(text);
}

void ls_buffer_free(ls_buffer *b) {
    ls_free(b->data);
    *b = (ls_buffer){0};
}
