/* Losses: from the model's outputs and the targets to a number and its gradient.
 *
 * A loss that ends in a link function (softmax, sigmoid, exp) works on what stands before it, where
 * it is stable: any number. A last layer that is the same function is absorbed; one that gives some
 * numbers only is an error.
 *
 * The loss of a batch is the weighted mean of its rows' losses, sum(w l) / sum(w), w = 1 unless
 * targets say otherwise (as PyTorch's CrossEntropyLoss with weight=, and scikit-learn's
 * sample_weight). Row losses and weights are float64, summed per lane in row order; the sums that
 * divide are those of the whole batch. A row of weight 0 is as if it were not there.
 *
 * Why here: adding a loss is one file in src/nn/losses and one row in src/nn/losses.c.
 */
#ifndef LS_NN_LOSS_H
#define LS_NN_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/math/gemm.h"
#include "lockstep/nn/link.h"
#include "lockstep/opt/options.h"

/* Targets of a batch: either label or value. */
typedef struct ls_targets {
    const int32_t *label; /* [B] class codes */
    const float *value;   /* [B, n] */
    const double *weight; /* [B] of the rows, or NULL: 1 each */
} ls_targets;

typedef struct ls_loss_type {
    ls_opt_row row;
    ls_link link;               /* what turns outputs into predictions */
    bool takes_labels;          /* class codes */
    bool takes_values;          /* float targets */
    size_t n_classes;           /* how many classes it takes; 0: any number. Only with labels */
    float value_min, value_max; /* of float targets, INFINITY: no bound; both 0: any */
    /* Outputs that the model must have for this many classes; 0: any. Only with labels. */
    size_t (*outputs)(size_t n_classes);
    /* The loss of one row of n outputs z; dz (NULL: not wanted) = its gradient. Either label or
     * value is the target. */
    double (*row_loss)(const void *options, size_t n, const float *z, int32_t label,
                       const float *value, float *dz);
} ls_loss_type;

extern const ls_opt_choices ls_loss_choices;

/* The loss's row, from its choice in the config. */
const ls_loss_type *ls_loss_type_of(const ls_choice *loss);

/* Over the rows of a segment: of weight * loss, and of the weights. */
typedef struct ls_loss_sum {
    double loss, weight;
} ls_loss_sum;

/* sum[s] = of segment s. dz (NULL: not wanted) = the gradient of each row's own loss, [B, n];
 * row_loss is room for B doubles. */
void ls_loss_evaluate(const ls_choice *loss, const ls_segments *segments, size_t n, const float *z,
                      const ls_targets *targets, float *dz, double *row_loss, ls_loss_sum *sum);

/* dz[rows, n], the gradients of the rows' losses, becomes that of their weighted mean: each row's
 * times its weight (NULL: 1) / all, the sum of the weights of the whole batch; 0 where that is 0.
 */
void ls_loss_mean_gradient(size_t rows, size_t n, const double *weight, double all, float *dz);

/* p[B, n] = the loss's link of z; in place where p is z. */
void ls_loss_predict(const ls_choice *loss, size_t rows, size_t n, const float *z, float *p);

#endif
