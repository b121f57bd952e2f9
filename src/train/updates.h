/* From the gradients of a run's steps to updates of its weights.
 *
 * The weights that all ranks have alike are updated by their owners, as their sums arrive; those of
 * a first layer that is spread by the rank that holds them, tile by tile. Where the rule needs the
 * whole gradient first (optim/update.h) both are stored instead; after the last batch of a group
 * each rank prepares what it has, the ranks tell each other the squares of its blocks, which all
 * add up in one tree, and then everybody updates.
 *
 * Why here: it joins the model's spans, the exchange and the optimiser. Never allocates in a step.
 */
#ifndef LS_TRAIN_UPDATES_H
#define LS_TRAIN_UPDATES_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/optim/update.h"
#include "lockstep/train/checkpoint.h"

typedef struct ls_run ls_run; /* run.h */

typedef struct ls_updates {
    ls_update_rule rule;
    ls_update_span *span;     /* the rule's */
    ls_optimizer_state state; /* of the optimiser, of what this rank owns */
    /* Of a rule that needs all: */
    float *own,
        *spread;     /* gradients of what this rank owns, and of its columns of the first layer */
    size_t n_blocks; /* of the shared floats and, behind them, of the spread ones */
    ls_tree_range *blocks; /* [ranks] of the shared ones, those that a rank owns */
    double *squares;       /* [n_blocks][2] of weights and gradients */
    size_t *bytes;         /* [ranks] */
    double *trust;         /* [spans] */
    double *measured;      /* where the squares of this step go, or NULL */
    bool goes_on;          /* a group of batches has begun */
    double rows, weight;   /* of it so far, over all ranks */
} ls_updates;

/* After the exchange was planned. Not collective. Errors: ERR_MEMORY. */
ls_status ls_updates_create(ls_run *run) LS_MUST_CHECK;
void ls_updates_free(ls_updates *u);

/* Floats that ls_updates_create takes on a rank beside the optimiser's state. */
size_t ls_updates_floats(const ls_run *run);

/* With train.ema the mean of the weights changes places with them, on all ranks: for validation,
 * and back. Between steps, settled. Collective. */
void ls_updates_swap_mean(ls_run *run);

/* Where the mean of weights is whose slots are these, from float `at` on; NULL: there is none. */
float *ls_updates_mean(const ls_updates *u, float *const *slot, size_t at);

/* A step begins, of so many rows over all ranks. measured: see ls_update_step. */
void ls_updates_begin_step(ls_run *run, double rows, double *measured);

/* The weights of a step's rows, summed over all ranks: once the losses are known. */
void ls_updates_weigh(ls_run *run, double weight);

/* What the gradients of rows are divided by before they are summed. */
double ls_updates_divisor(const ls_run *run);

/* A piece of the gradient of the weights that all ranks have alike: the sums of floats
 * [first, first + n) of the slab. Called by any thread. */
void ls_updates_take(const ls_run *run, size_t first, size_t n, const float *sum);

/* A tile of that of a matrix: at `offset` of the slab, or of the one that is spread. */
void ls_updates_take_tile(const ls_run *run, size_t offset, const ls_tile *tile);
void ls_updates_take_spread_tile(const ls_run *run, const ls_tile *tile);

/* Whether what the ranks own goes to all in the round that sums. */
bool ls_updates_gather_at_once(const ls_run *run);

/* Updates of an epoch, and of so many steps in groups of so many: the last may be smaller. */
uint64_t ls_updates_of_epoch(const ls_run *run);
size_t ls_updates_in(size_t steps, size_t group);

/* Whether a step is the last of its group, and weights are updated after it. */
bool ls_updates_ends_group(const ls_run *run, size_t step);

/* Whether weights wait for more batches: then there is nothing that could be saved. */
bool ls_updates_group_is_open(const ls_run *run);

/* All of a step's gradient has been taken. is_last: of its group. Collective.
 * Errors: those of communication, agreed. */
ls_status ls_updates_end_step(ls_run *run, bool is_last) LS_MUST_CHECK;

#endif
