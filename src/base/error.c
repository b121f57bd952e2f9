/* One record of the last failure per thread.
 *
 * Why here: see error.h. Never allocates, so that "out of memory" can be said too; a text that
 * is too long is cut.
 */
#include "lockstep/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local ls_error last;

/* Appends text to the terminated string in buffer, as much as fits. */
static void append(char *buffer, size_t capacity, const char *text) {
    size_t used = strlen(buffer);
    size_t length = strnlen(text, capacity - used - 1);
    memcpy(buffer + used, text, length);
    buffer[used + length] = '\0';
}

/* Replaces the record. where and text may point into the old one. */
static void record(ls_status st, const char *where, const char *text) {
    ls_error next = {.status = st};
    if (where != NULL && where[0] != '\0') {
        append(next.message, sizeof next.message, where);
        append(next.message, sizeof next.message, ": ");
    }
    append(next.message, sizeof next.message, text);
    last = next;
}

ls_status ls_fail(ls_status st, const char *where, const char *format, ...) {
    char text[LS_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    va_end(args);
    record(st, where, text);
    return st;
}

ls_status ls_hint(ls_status st, const char *format, ...) {
    if (st == LS_OK)
        return st;
    char text[LS_ERROR_HINT_MAX];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    va_end(args);
    memcpy(last.hint, text, sizeof text);
    return st;
}

ls_status ls_fail_in(ls_status st, const char *where) {
    if (st == LS_OK)
        return st;
    char hint[LS_ERROR_HINT_MAX];
    memcpy(hint, last.hint, sizeof hint);
    record(st, where, last.message);
    memcpy(last.hint, hint, sizeof hint);
    return st;
}

ls_status ls_fail_errno(ls_status st, const char *where, const char *verb) {
    char buffer[256];
    int number = errno;
    ls_fail(st, where, "%s: %s", verb, strerror_r(number, buffer, sizeof buffer));
    return ls_hint_errno(st, number);
}

ls_status ls_hint_errno(ls_status st, int number) {
    if (number == ENOSPC || number == EDQUOT)
        return ls_hint(st, "free some space, or write to another disk");
    return st;
}

const ls_error *ls_error_last(void) {
    return &last;
}

void ls_error_set(const ls_error *error) {
    memmove(&last, error, sizeof last);
}
