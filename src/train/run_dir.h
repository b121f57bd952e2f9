/* The run directory: names, who holds it, and what may be overwritten.
 *
 * Why here: two runs never write to one directory, and no run is lost by a wrong call. Only
 * rank 0 touches it.
 */
#ifndef LS_TRAIN_RUN_DIR_H
#define LS_TRAIN_RUN_DIR_H

#include <stdbool.h>

#include "lockstep/base/status.h"

typedef struct ls_run_dir {
    char *path;
    char *config, *provenance, *metrics, *log, *checkpoints, *best, *last, *lock;
    int lock_fd; /* -1: not held */
} ls_run_dir;

/* Makes the names; path is taken as it is. Errors: ERR_MEMORY. */
ls_status ls_run_dir_name(ls_run_dir *dir, const char *path) LS_MUST_CHECK;
void ls_run_dir_free(ls_run_dir *dir); /* lets go of the lock, too */

/* Whether a run may begin here: ERR_USAGE where a run is and neither flag is given, ERR_BUSY
 * where another process holds it. *found: there is a last.h5 to go on from. Changes nothing. */
ls_status ls_run_dir_check(const ls_run_dir *dir, bool resume, bool overwrite,
                           bool *found) LS_MUST_CHECK;

/* Makes the directories, takes the lock and removes what a killed process has left unfinished;
 * overwrite removes all that an earlier run left there.
 * Errors: ERR_IO, ERR_BUSY. */
ls_status ls_run_dir_open(ls_run_dir *dir, bool overwrite) LS_MUST_CHECK;

#endif
