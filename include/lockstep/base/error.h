/* The text of the last failure: where, what, and a hint how to mend it.
 *
 * Why here: a function returns only an ls_status; the words travel beside it in one record per
 * thread, as errno does, so that every signature stays short. This record is the one piece of
 * per-thread state in lockstep. Never prints: the program prints once, at its end.
 */
#ifndef LS_BASE_ERROR_H
#define LS_BASE_ERROR_H

#include "lockstep/base/status.h"

#define LS_ERROR_MESSAGE_MAX 1536
#define LS_ERROR_HINT_MAX 768

typedef struct ls_error {
    ls_status status;
    char message[LS_ERROR_MESSAGE_MAX]; /* "where: what", without a prefix or newline */
    char hint[LS_ERROR_HINT_MAX];       /* "" where there is none */
} ls_error;

/* Records a failure and returns st. where (a file, a key; NULL: none) is put before the
 * message as "where: ". Forgets an earlier hint. */
ls_status ls_fail(ls_status st, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a hint to the failure just recorded and returns st, for
 * `return ls_hint(ls_fail(...), "...")`. Does nothing when st is LS_OK. */
ls_status ls_hint(ls_status st, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "where: " before the message of the failure just recorded and returns st. Does nothing
 * when st is LS_OK. */
ls_status ls_fail_in(ls_status st, const char *where);

/* Records a failure of a system call from errno: "where: verb: strerror", with its hint. */
ls_status ls_fail_errno(ls_status st, const char *where, const char *verb);

/* Adds the hint that an error number calls for, where there is one, and returns st. */
ls_status ls_hint_errno(ls_status st, int number);

/* The calling thread's last failure. */
const ls_error *ls_error_last(void);

/* Replaces the calling thread's record, for example by another rank's. */
void ls_error_set(const ls_error *error);

#endif
