/* Optimisers: the update of flat spans of weights from their gradient.
 *
 * An optimiser keeps a number of slots a weight (momentum, second moments), which exist once
 * across the ranks: each rank holds those of the range that it owns.
 *
 * Why here: adding an optimiser is one file in src/optim and one row in src/optim/optimizer.c.
 * Never sees a layer.
 */
#ifndef LS_OPTIM_OPTIMIZER_H
#define LS_OPTIM_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/opt/options.h"

#define LS_OPTIMIZER_SLOTS_MAX 3

typedef struct ls_optimizer_type {
    ls_opt_row row;
    size_t n_slots;
    const char *slot_name[LS_OPTIMIZER_SLOTS_MAX]; /* in a checkpoint */
    /* The learning rate of the options. */
    double (*learning_rate)(const void *options);
    /* Updates n weights w from their gradient g; slot[k] are n numbers each. step counts from 1. */
    void (*update)(const void *options, uint64_t step, double lr, size_t n, float *w,
                   const float *g, float *const *slot);
} ls_optimizer_type;

/* sgd, adam, adamw. */
extern const ls_opt_choices ls_optimizer_choices;

const ls_optimizer_type *ls_optimizer_type_of(const ls_choice *optimizer);

/* One update of n weights, over all threads. */
void ls_optimizer_update(const ls_choice *optimizer, uint64_t step, size_t n, float *w,
                         const float *g, float *const *slot);

/* The same of the n weights from w[first] on, with g[0..n), by the calling thread. */
void ls_optimizer_update_span(const ls_choice *optimizer, uint64_t step, size_t first, size_t n,
                              float *w, const float *g, float *const *slot);

#endif
