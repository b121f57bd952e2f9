/* From a model's outputs to what it predicts, and on to the sums that metrics follow from.
 *
 * Why here: training, validation, evaluation and prediction understand outputs alike; the metrics
 * (lockstep/metrics) know no model, the model knows no metric. Never communicates.
 */
#ifndef LS_TRAIN_SCORE_H
#define LS_TRAIN_SCORE_H

#include <stddef.h>

#include "lockstep/metrics/metrics.h"
#include "lockstep/nn/loss.h"
#include "lockstep/train/trained.h"

/* What the model is asked about rows of this dataset. */
ls_problem ls_problem_of(const ls_trained *t, const ls_dataset *ds);

/* The class that an output row means. */
int32_t ls_predicted_class(const ls_trained *t, const float *z);

/* p[rows, classes or targets] of outputs z[rows, out]: probabilities, or values. A single logit
 * becomes two probabilities. p has room for [rows, out], too. */
void ls_predict_rows(const ls_trained *t, size_t rows, const float *z, float *p);

/* Adds outputs z[rows, out] of one segment to *sums, in row order; loss is the segment's,
 * p[rows, classes] (classes only) as ls_predict_rows gives it. code[rows] = the
 * predicted classes, of classes. */
void ls_score_rows(const ls_trained *t, const ls_problem *problem, size_t rows, const float *z,
                   const float *p, const ls_targets *targets, const ls_loss_sum *loss,
                   int32_t *code, double *sums);

/* spread[n_targets] = sum of (target - mean)^2 of rows row[0..n) of a dataset. */
void ls_score_spread(const ls_dataset *ds, const size_t *row, size_t n, double *spread);

#endif
