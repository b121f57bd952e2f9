/* The checkpoints of a run directory: which there are, and how a new one takes its place.
 *
 * best.h5 and last.h5 as the contract says; those before last.h5 are kept as step-N.h5, N being the
 * updates done. At every moment the directory holds a state from which training goes on to the same
 * result: a file gets its name when it is complete, and names of other states never go before.
 *
 * Why here: saving, resuming, overwriting and killing meet in these files. Only rank 0 calls it.
 */
#ifndef LS_TRAIN_CHECKPOINT_FILES_H
#define LS_TRAIN_CHECKPOINT_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "lockstep/base/file.h"
#include "lockstep/base/log.h"
#include "lockstep/base/text.h"
#include "run_dir.h"

/* What a checkpoint that is being written will replace. */
typedef struct ls_succession {
    bool best;       /* it becomes best.h5, too */
    bool keeps_last; /* last.h5 is a good state, that of `last_step`: it is kept as step-N.h5 */
    uint64_t last_step;
    uint64_t keep; /* newest states to keep, the new one included */
} ls_succession;

/* Opens the new file under a temporary name. Errors: ERR_IO. */
ls_status ls_checkpoint_begin(const ls_run_dir *dir, const ls_succession *s,
                              ls_pending_file *pending) LS_MUST_CHECK;

/* Gives the complete file its names and removes the states that are not kept. Errors: ERR_IO. */
ls_status ls_checkpoint_commit(const ls_run_dir *dir, const ls_succession *s,
                               ls_pending_file *pending) LS_MUST_CHECK;

/* Names in checkpoints/, in the order in which resuming tries them: last.h5, step-N.h5 with the
 * highest N first, best.h5; those that are there. Errors: ERR_MEMORY. */
ls_status ls_checkpoint_list(const ls_run_dir *dir, ls_strings *out) LS_MUST_CHECK;

/* The path of the checkpoint from which training goes on: the newest that can be read whole; one
 * that cannot is passed over with a warning that says why. *path: ls_free. Errors: ERR_DATA where
 * there are some and none is good. */
ls_status ls_checkpoint_choose(const ls_run_dir *dir, ls_log *log, char **path) LS_MUST_CHECK;

#endif
