/* The run directory: names, who holds it, and what may be overwritten.
 *
 * Why here: two runs never write to one directory, and no run is lost by a wrong call. Only
 * rank 0 touches it.
 */
#ifndef LS_TRAIN_RUN_DIR_H
#define LS_TRAIN_RUN_DIR_H

#include <stdbool.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"

typedef struct ls_run_dir {
    char *path;
    char *config, *provenance, *metrics, *log, *checkpoints, *best, *last, *lock;
    int lock_fd; /* -1: not held */
} ls_run_dir;

/* Makes the names; path is taken as it is. Errors: ERR_MEMORY. */
ls_status ls_run_dir_name(ls_run_dir *dir, const char *path) LS_MUST_CHECK;
void ls_run_dir_free(ls_run_dir *dir); /* lets go of the lock, too */

/* How a run means to use the directory. */
typedef struct ls_run_dir_use {
    bool resume, overwrite;
    const char *config_path; /* the config as the user named it */
} ls_run_dir_use;

/* Whether there is a checkpoint, good or not. */
ls_status ls_run_dir_holds_checkpoint(const ls_run_dir *dir, bool *found) LS_MUST_CHECK;

/* Whether a run may begin here; a directory that is there is locked, nothing else changes. *found:
 * there is a checkpoint to go on from. Errors: ERR_USAGE where a run is and neither flag is given,
 * or the user's own config would be lost; ERR_BUSY where another process holds it. */
ls_status ls_run_dir_check(ls_run_dir *dir, const ls_run_dir_use *use, ls_log *log,
                           bool *found) LS_MUST_CHECK;

/* Makes the directories, locks them and removes what a killed process has left unfinished; afresh:
 * also all that an earlier run left there. Errors: ERR_IO, ERR_BUSY, and ERR_USAGE where a run has
 * come and gone since ls_run_dir_check. */
ls_status ls_run_dir_open(ls_run_dir *dir, const ls_run_dir_use *use, bool afresh,
                          ls_log *log) LS_MUST_CHECK;

#endif
