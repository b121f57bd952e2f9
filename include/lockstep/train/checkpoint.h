/* Checkpoints: a trained model, and the optimiser's state, in one HDF5 file.
 *
 * Layout (version 1):
 *   /                 attributes: format = "lockstep checkpoint", version = 1
 *   /config           the resolved config, YAML
 *   /provenance       where the run came from, JSON
 *   /state            attributes: epoch, epoch_step, step, best_value, ... (ls_train_state)
 *   /model/<param>    float32, dense weights as [out, in], biases as [out]
 *   /optimizer/<slot>/<param>   the same shapes; absent before the first step
 *   /transforms/...   the chain with its fitted constants
 *   /classes, /targets, /features   names
 *   /split            uint8 [samples]: 0 train, 1 val, 2 test, 255 not used
 * A matrix is cut into blocks of LS_CHECKPOINT_COLUMNS columns; the attribute xxh3_128 of every
 * array holds two uint64 (high, low) a block: the sum over the block's rows. A reader verifies
 * them.
 *
 * Written by rank 0; the other ranks send their part of the optimiser's state through a bounded
 * buffer. A file appears under its name only when it is complete.
 *
 * Why here: it is the only code that knows the layout.
 */
#ifndef LS_TRAIN_CHECKPOINT_H
#define LS_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/train/trained.h"

#define LS_CHECKPOINT_FORMAT "lockstep checkpoint"
#define LS_CHECKPOINT_VERSION 1
#define LS_CHECKPOINT_COLUMNS ((size_t)4096)

/* The optimiser's state of this rank: slot[k] holds the floats of the slab that it owns. */
typedef struct ls_optimizer_state {
    float *slot[3];
} ls_optimizer_state;

/* Writes path. Collective. Errors: ERR_IO. */
ls_status ls_checkpoint_save(ls_comm *comm, const char *path, const ls_trained *t,
                             const ls_exchange *exchange,
                             const ls_optimizer_state *state) LS_MUST_CHECK;

/* Reads all but the optimiser's state; the weights only if asked to, their sums verified. Not
 * collective. Errors: ERR_DATA naming file and array. */
ls_status ls_checkpoint_read(const char *path, bool weights, ls_trained **out) LS_MUST_CHECK;

/* The same on all ranks; every sum is verified. Collective: rank 0 reads the
 * weights and gives them to all. Errors: ERR_DATA naming file and array. */
ls_status ls_checkpoint_load(ls_comm *comm, const char *path, ls_trained **out) LS_MUST_CHECK;

/* Reads the optimiser's state of the ranges that exchange deals out, on any number of ranks.
 * Collective. Errors: ERR_DATA. */
ls_status ls_checkpoint_load_optimizer(ls_comm *comm, const char *path, const ls_trained *t,
                                       const ls_exchange *exchange,
                                       ls_optimizer_state *state) LS_MUST_CHECK;

/* The checkpoint that a RUN or CHECKPOINT argument means: the file itself, or best.h5, else
 * last.h5 of a run directory. *out: ls_free. Not collective. Errors: ERR_DATA. */
ls_status ls_checkpoint_find(const char *run_or_file, char **out) LS_MUST_CHECK;

#endif
