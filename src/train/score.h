/* Scores: sums over rows from which losses and metrics follow.
 *
 * A score is a vector of float64: rows, weighted loss and weights, correct, then for float targets
 * the squared and the absolute errors of every output. Scores of blocks or lanes are summed in a
 * tree, so a metric is exact over all ranks, never a mean of means.
 *
 * Why here: training, validation and evaluation count alike. Never communicates.
 */
#ifndef LS_TRAIN_SCORE_H
#define LS_TRAIN_SCORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lockstep/nn/loss.h"
#include "lockstep/train/trained.h"

enum { LS_SCORE_ROWS, LS_SCORE_LOSS, LS_SCORE_WEIGHT, LS_SCORE_CORRECT, LS_SCORE_FIXED };

/* Numbers of a score. */
size_t ls_score_width(const ls_trained *t);

/* Adds outputs z[rows, out] of one segment to *score, in row order; loss is the segment's. Weights
 * count in the loss alone. */
void ls_score_rows(const ls_trained *t, size_t rows, const float *z, const ls_targets *targets,
                   const ls_loss_sum *loss, double *score);

/* The class that an output row means. */
int32_t ls_predicted_class(const ls_trained *t, const float *z);

/* A metric: its name in files and on the screen, and how it follows from a score. */
typedef struct ls_metric {
    const char *name;
    bool classes, values; /* for which kind of target */
    bool higher_is_better;
    /* spread[j] = sum of (target - mean)^2 of output j; NULL with classes. */
    double (*value)(const ls_trained *t, const double *score, const double *spread);
} ls_metric;

/* loss, accuracy, mse, mae, r2; ends with a row without a name. */
extern const ls_metric ls_metrics[];

bool ls_metric_applies(const ls_metric *m, const ls_trained *t);

/* The metric of that name that applies to t, or NULL. */
const ls_metric *ls_metric_find(const ls_trained *t, const char *name);

/* spread[n_targets] of the targets of rows row[0..n) of a dataset. */
void ls_score_spread(const ls_dataset *ds, const size_t *row, size_t n, double *spread);

/* Sets prefix + name of every metric that applies in a JSON object, as ls_json_set does. */
void ls_metrics_to_json(const ls_trained *t, const double *score, const double *spread,
                        const char *prefix, json_t **object);

#endif
