/* The lock of a run directory.
 *
 * Why here: two runs never write to one directory, and a run that was killed locks nobody out: the
 * lock is one of the open file, which ends with the process that holds it, however that ends.
 */
#ifndef LS_TRAIN_RUN_LOCK_H
#define LS_TRAIN_RUN_LOCK_H

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"

/* Locks the file at path, which tells host, process and time of its holder; a holder that has died
 * without letting go is noted. *fd: what ls_run_lock_release takes. directory names the place in
 * errors: ERR_BUSY where a living process holds it, ERR_IO. */
ls_status ls_run_lock_take(const char *path, const char *directory, ls_log *log,
                           int *fd) LS_MUST_CHECK;

/* Removes the file and lets go; nothing for fd < 0. */
void ls_run_lock_release(const char *path, int fd);

/* ERR_BUSY where a living process holds the lock. Changes nothing. */
ls_status ls_run_lock_check(const char *path, const char *directory) LS_MUST_CHECK;

#endif
