/* Updates of a slab of weights: what comes between a gradient and the optimiser's rule.
 *
 * A step takes the gradient of the loss, adds that of the penalty, clips it, and gives it to the
 * optimiser at the learning rate of the parameter. All of that is done weight by weight as soon as
 * a piece of the gradient is there, unless something needs the whole gradient first: its norm
 * (clipping, LARS, LAMB), or more batches (accumulation). Then a piece is prepared, its squares are
 * added up, and only when all ranks have told theirs it is used.
 *
 * Why here: it is elementwise, and the same for what each rank has for itself and for what it owns
 * of what all have. Knows neither layers nor ranks.
 */
#ifndef LS_OPTIM_UPDATE_H
#define LS_OPTIM_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/optim/optimizer.h"

/* How the floats of a slab from the span before up to `end` are updated. */
typedef struct ls_update_span {
    size_t end;
    double rate;    /* times the learning rate; 0: the weights stay as they are (frozen) */
    double running; /* not 0: running statistics, which move by this share to the mean over rows of
                       what their gradient is the sum of; no rule but this one holds for them */
    bool penalised; /* the penalty holds for them */
    bool is_matrix; /* rules that look at norms (LARS, LAMB) do so for matrices */
} ls_update_span;

typedef struct ls_update_rule {
    const ls_choice *optimizer;
    size_t n_slots;               /* of the optimiser with its options */
    double l1, l2;                /* the penalty: l1 |w| + l2 w^2 / 2, summed over weights */
    double clip_value, clip_norm; /* INFINITY: not clipped */
    double ema;        /* share of the weights' mean that an update leaves; NAN: there is no mean */
    size_t accumulate; /* batches whose gradients an update takes */
    size_t n_spans;
    const ls_update_span *span; /* [n_spans] in slab order */
} ls_update_rule;

/* What tells how a step goes: the squares of the gradient that the optimiser gets, of the weights
 * before and of what they change by. */
enum { LS_UPDATE_GRADIENT, LS_UPDATE_WEIGHTS, LS_UPDATE_CHANGE, LS_UPDATE_SQUARES };

/* Which update it is, and how fast. */
typedef struct ls_update_step {
    uint64_t number; /* from 1 */
    double lr;
    float scale; /* of gradients, when they are used */
    double rows; /* of all batches that it takes */
    /* [spans][LS_UPDATE_SQUARES], to which they are added, in any order; NULL: nobody asks. */
    double *squares;
} ls_update_step;

/* Some weights of one span: n of them at w, with n numbers at each slot and at their mean. */
typedef struct ls_update_piece {
    const ls_update_span *span;
    size_t n;
    float *w;
    float *slot[LS_OPTIMIZER_SLOTS_MAX];
    float *mean; /* of the weights, with ema */
} ls_update_piece;

/* Whether an update has to wait for all of the gradient. */
bool ls_update_needs_all(const ls_update_rule *rule);

/* Whether the norms of matrices decide how far a step goes. */
bool ls_update_is_layerwise(const ls_update_rule *rule);

/* The span that float `at` of the slab is in. */
const ls_update_span *ls_update_span_at(const ls_update_rule *rule, size_t at);

/* A whole update of `count` pieces of one span, each `stride` floats behind the one before, from
 * the gradient g[count, n] of the loss, which stays. */
void ls_update_now(const ls_update_rule *rule, const ls_update_step *step,
                   const ls_update_piece *piece, size_t count, size_t stride, const float *g);

/* The same in parts. First: g[n] becomes the gradient of what is minimised, clipped by value;
 * returns the sum of its squares, 0 of what is frozen. */
double ls_update_prepare(const ls_update_rule *rule, const ls_update_step *step,
                         const ls_update_piece *piece, float *g);

/* Layerwise: g[n], times scale, becomes the direction of the step where the optimiser has one. Adds
 * the squares of the weights and of g. */
void ls_update_direct(const ls_update_rule *rule, const ls_update_step *step,
                      const ls_update_piece *piece, float *g, double squares[2]);

/* Layerwise: what the learning rate of a matrix is multiplied by. */
double ls_update_trust(const ls_update_rule *rule, const ls_update_span *span, double weights_norm,
                       double gradient_norm);

/* Last: the optimiser's step along g[n], at trust times the learning rate. */
void ls_update_apply(const ls_update_rule *rule, const ls_update_step *step,
                     const ls_update_piece *piece, double trust, float *g);

#endif
