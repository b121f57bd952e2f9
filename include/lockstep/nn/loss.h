/* Losses: from the model's outputs and the targets to a number and its gradient.
 *
 * A loss that ends in a link function (softmax, sigmoid) works on logits, where it is stable; a
 * last layer that is the same function is absorbed. Every loss is a sum over rows: row losses
 * are float64, summed per lane in row order, and divided by the true count of the whole batch.
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
#include "lockstep/opt/options.h"

/* Targets of a batch: either of the two. */
typedef struct ls_targets {
    const int32_t *label; /* [B] class codes */
    const float *value;   /* [B, n] */
} ls_targets;

typedef enum ls_link { LS_LINK_NONE, LS_LINK_SOFTMAX, LS_LINK_SIGMOID } ls_link;

typedef struct ls_loss_type {
    ls_opt_row row;
    ls_link link;               /* what turns outputs into predictions */
    bool takes_labels;          /* class codes */
    bool takes_values;          /* float targets */
    size_t n_classes;           /* how many classes it takes; 0: any number. Only with labels */
    float value_min, value_max; /* of float targets; both 0: any */
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

/* Per segment: loss[s] = the sum of its rows' losses. dz (NULL: not wanted) = the gradient of
 * (sum of losses) * scale, [B, n]; row_loss is room for B doubles. */
void ls_loss_evaluate(const ls_choice *loss, const ls_segments *segments, size_t n, const float *z,
                      const ls_targets *targets, float scale, float *dz, double *row_loss,
                      double *segment_loss);

/* p[B, n] = the loss's link of z; in place where p is z. */
void ls_loss_predict(const ls_choice *loss, size_t rows, size_t n, const float *z, float *p);

#endif
