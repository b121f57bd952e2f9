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
#define LS_OPTIMIZER_NUMBERS_MAX 64 /* bytes */

typedef struct ls_optimizer_type {
    ls_opt_row row;
    size_t n_slots;
    const char *slot_name[LS_OPTIMIZER_SLOTS_MAX]; /* in a checkpoint */
    /* Which of these slots the options ask for, as bits 1 << k. NULL: all. */
    unsigned (*needs)(const void *options);
    /* What no option alone can tell; where names the config. NULL: nothing. Errors: ERR_CONFIG. */
    ls_status (*check)(const void *options, const char *where);
    /* The learning rate of the options. */
    double (*learning_rate)(const void *options);
    /* What a step's updates take from the options, computed once. step counts from 1. */
    void (*prepare)(const void *options, uint64_t step, double lr, void *numbers);
    /* Updates n weights w from their gradient g; slot[k] are n numbers each, those of slots that
     * are not needed left out. */
    void (*update)(const void *numbers, size_t n, float *w, const float *g, float *const *slot);
    /* Of optimisers that look at the norms of a matrix: what its learning rate is multiplied by,
     * from the norms of its weights and of the gradient, or of the direction that direct() (NULL:
     * none) has made of it. NULL: it does not look at norms. */
    double (*trust)(const void *options, double weights_norm, double gradient_norm);
    void (*direct)(const void *numbers, size_t n, const float *w, float *g, float *const *slot);
} ls_optimizer_type;

/* sgd, adam, adamw, adagrad, rmsprop, lars, lamb. */
extern const ls_opt_choices ls_optimizer_choices;

const ls_optimizer_type *ls_optimizer_type_of(const ls_choice *optimizer);

/* Errors: ERR_CONFIG: options that do not go together; where names the config. */
ls_status ls_optimizer_check(const ls_choice *optimizer, const char *where) LS_MUST_CHECK;

/* How many slots an optimizer with these options keeps, and, unless it is NULL, name[k] of each. */
size_t ls_optimizer_slots(const ls_choice *optimizer, const char *name[LS_OPTIMIZER_SLOTS_MAX]);

/* One update of n weights at the learning rate of the options, over all threads. */
void ls_optimizer_update(const ls_choice *optimizer, uint64_t step, size_t n, float *w,
                         const float *g, float *const *slot);

#endif
