/* Checkpoints: a trained model, and the optimiser's state, in one HDF5 file.
 *
 * The file begins with a block of 4096 bytes of text (HDF5's user block, which every tool for HDF5
 * passes over): a line with the name of the format, a line with a sum of all bytes that follow the
 * block. They are cut into pieces of 2 MiB, the last one may be shorter; the sum is the XXH3-128 of
 * the pieces' XXH3-128s, each written as 32 hexadecimal digits. A reader verifies it before
 * anything else.
 *
 * Layout (version 3; read, too, are version 2, whose block has the XXH3-128 of all bytes as one,
 * and version 1, which had no such block):
 *
 *   /                 attributes: format = "lockstep checkpoint", version = 3
 *   /config           the resolved config, YAML
 *   /provenance       where the run came from, JSON
 *   /state            attributes: epoch, epoch_step, step, best_value, ... (ls_train_state)
 *   /model/<param>    float32, dense weights as [out, in], biases as [out]
 *   /optimizer/<slot>/<param>   the same shapes; absent before the first step
 *   /transforms/...   the chain with its fitted constants
 *   /classes, /targets, /features   names
 *   /class_weights    float64 [classes], where classes are weighted
 *   /split            uint8 [samples]: 0 train, 1 val, 2 test, 255 not used; attributes:
 *                     dataset_xxh3_128 (its names, targets and some of X), rows_xxh3_128_sum (two
 *                     uint64: all values trained and validated on)
 * A matrix is cut into blocks of LS_CHECKPOINT_COLUMNS columns and stored in chunks of
 * LS_CHECKPOINT_ROWS rows of a block; the attribute xxh3_128 of every array holds two uint64 (high,
 * low) a block: the sum over the block's rows. A reader verifies them.
 *
 * Written by rank 0; the other ranks send their part of the optimiser's state through a bounded
 * buffer.
 *
 * Why here: it is the only code that knows the layout.
 */
#ifndef LS_TRAIN_CHECKPOINT_H
#define LS_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/file.h"
#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/train/trained.h"

#define LS_CHECKPOINT_FORMAT "lockstep checkpoint"
#define LS_CHECKPOINT_VERSION 3
#define LS_CHECKPOINT_COLUMNS ((size_t)4096)
#define LS_CHECKPOINT_ROWS ((size_t)64)

/* Floats of the buffer that saving needs on every rank: a piece, and what another rank sends. */
#define LS_CHECKPOINT_BUFFER (2 * LS_CHECKPOINT_ROWS * LS_CHECKPOINT_COLUMNS)

/* The optimiser's state of this rank: slot[k] holds the shared floats of the slab that it owns,
 * sharded[k] those of its columns of the first layer (strategy features; else NULL). */
typedef struct ls_optimizer_state {
    float *slot[LS_STATE_SLOTS_MAX];
    float *sharded[LS_STATE_SLOTS_MAX];
} ls_optimizer_state;

/* Writes what becomes a checkpoint when `pending` is committed, with buffer[LS_CHECKPOINT_BUFFER].
 * Collective, but the status is rank 0's: on the others st comes back, which is what this rank has
 * come to before. Errors: ERR_IO. */
ls_status ls_checkpoint_save(ls_comm *comm, const ls_pending_file *pending, const ls_trained *t,
                             const ls_exchange *exchange, const ls_optimizer_state *state,
                             float *buffer, ls_status st) LS_MUST_CHECK;

/* The same by one process that has all of the optimiser's state: slot[k] holds whole slabs. Not
 * collective. Errors: ERR_IO. */
ls_status ls_checkpoint_write(const ls_pending_file *pending, const ls_trained *t,
                              const ls_optimizer_state *state, float *buffer) LS_MUST_CHECK;

/* Reads all but the optimiser's state; the weights only if asked to, their sums verified. Not
 * collective. Errors: ERR_DATA naming file and array. */
ls_status ls_checkpoint_read(const char *path, bool weights, ls_trained **out) LS_MUST_CHECK;

/* The same on all ranks; every sum is verified. averaged: where there is a mean of the weights
 * (train.ema), it takes their place. Collective: rank 0 reads the weights and gives them to all.
 * Errors: ERR_DATA naming file and array. */
ls_status ls_checkpoint_load(ls_comm *comm, const char *path, bool averaged,
                             ls_trained **out) LS_MUST_CHECK;

/* Reads the optimiser's state of the ranges that exchange deals out, on any number of ranks.
 * Collective. Errors: ERR_DATA. */
ls_status ls_checkpoint_load_optimizer(ls_comm *comm, const char *path, const ls_trained *t,
                                       const ls_exchange *exchange,
                                       ls_optimizer_state *state) LS_MUST_CHECK;

/* The checkpoint that a RUN or CHECKPOINT argument means: the file itself, or best.h5, else
 * last.h5 of a run directory. *out: ls_free. Not collective. Errors: ERR_DATA. */
ls_status ls_checkpoint_find(const char *run_or_file, char **out) LS_MUST_CHECK;

#endif
