/* Training: from a config file to a run directory.
 *
 * Why here: what `lockstep train` does, as one call. Never parses arguments, never prints
 * results: the plan of a dry run comes back as text.
 */
#ifndef LS_TRAIN_TRAIN_H
#define LS_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/comm/comm.h"

typedef struct ls_train_request {
    const char *config_path;
    const char *const *sets; /* --set assignments */
    size_t n_sets;
    const char *run_dir; /* NULL: runs/<name> */
    bool resume, overwrite;
    bool dry_run;
    double time_limit_s; /* stop with a checkpoint before; 0: never */
    int argc;            /* the command line, for the provenance */
    char **argv;
    const char *warning; /* to be told at the start; NULL or "": none */
} ls_train_request;

/* Trains, or with dry_run appends the plan to *plan (rank 0) and stops. Collective. Returns
 * LS_STOPPED when a signal or the end of its time ended it early; errors as in the table of
 * statuses. */
ls_status ls_train(ls_comm *comm, ls_log *log, const ls_train_request *request,
                   ls_buffer *plan) LS_MUST_CHECK;

#endif
