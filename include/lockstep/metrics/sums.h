/* Sums over rows from which metrics follow: a vector of float64, added up in any fixed tree.
 *
 * Rows, weighted loss and weights, which count in the loss alone; of classes: right ones, log loss,
 * Brier score, rows whose class is among the first few, and the calibration bins; of float targets:
 * squared and absolute errors of every output, and of those that are 0 or 1 the counts of every
 * output.
 *
 * Why here: a metric of sums is exact over all rows, never a mean of means. Knows neither ranks
 * nor files.
 */
#ifndef LS_METRICS_SUMS_H
#define LS_METRICS_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/metrics/counts.h"

/* What a model answers; bits, so that a metric can be for several. */
typedef enum ls_problem_kind {
    LS_FOR_TWO = 1,    /* one of two classes; the second is the one that is looked for */
    LS_FOR_MANY = 2,   /* one of any other number of classes */
    LS_FOR_FLAGS = 4,  /* outputs that each say yes or no: targets 0 or 1 through a sigmoid */
    LS_FOR_NUMBERS = 8 /* any other float targets */
} ls_problem_kind;

#define LS_FOR_CLASSES (LS_FOR_TWO | LS_FOR_MANY)
#define LS_FOR_VALUES (LS_FOR_FLAGS | LS_FOR_NUMBERS)

typedef struct ls_problem {
    unsigned kind;      /* one ls_problem_kind */
    size_t n;           /* classes, or outputs */
    bool probabilities; /* of classes: predictions are probabilities */
} ls_problem;

/* Calibration bins: equal parts of the confidences from 0 to 1, which are the only float32 on an
 * edge of one. */
#define LS_BINS ((size_t)15)

enum { LS_BIN_ROWS, LS_BIN_CONFIDENCE, LS_BIN_CORRECT, LS_BIN_NUMBERS };

/* Places in the vector. */
enum {
    LS_SUM_ROWS,
    LS_SUM_LOSS,
    LS_SUM_WEIGHT,
    LS_SUM_FIXED,
    /* of classes */
    LS_SUM_CORRECT = LS_SUM_FIXED,
    LS_SUM_LOG_LOSS,
    LS_SUM_BRIER,
    LS_SUM_TOP3,
    LS_SUM_TOP5,
    LS_SUM_BIN /* [LS_BINS, LS_BIN_NUMBERS] */
};

/* Numbers of the vector. */
size_t ls_sums_width(const ls_problem *problem);

/* Of float targets: the squared and the absolute errors [n]; of flags also the rows whose outputs
 * are all right, and the counts of the outputs as [n, 3]: actual, predicted, hits. */
static inline size_t ls_sum_squared(const ls_problem *problem) {
    (void)problem;
    return LS_SUM_FIXED;
}
static inline size_t ls_sum_absolute(const ls_problem *problem) {
    return LS_SUM_FIXED + problem->n;
}
static inline size_t ls_sum_all_right(const ls_problem *problem) {
    return LS_SUM_FIXED + 2 * problem->n;
}
static inline size_t ls_sum_counts(const ls_problem *problem) {
    return LS_SUM_FIXED + 2 * problem->n + 1;
}

/* Adds rows, the weighted sum of their losses and the sum of the weights. */
void ls_sums_add_rows(size_t rows, double loss, double weight, double *sums);

/* Adds rows of classes: outputs z[rows, n_outputs] (logits where there are probabilities: one for
 * two classes, else one a class), predictions p[rows, n], the classes and those predicted. */
void ls_sums_add_classes(const ls_problem *problem, size_t rows, size_t n_outputs, const float *z,
                         const float *p, const int32_t *label, const int32_t *predicted,
                         double *sums);

/* Adds the prediction of one output of a row of float targets. */
void ls_sums_add_value(const ls_problem *problem, size_t output, double prediction, double target,
                       double *sums);

/* Adds rows of flags: outputs z[rows, n], yes where above 0, targets [rows, n]. */
void ls_sums_add_flags(const ls_problem *problem, size_t rows, const float *z, const float *target,
                       double *sums);

/* count[n] of flags. */
void ls_sums_counts(const ls_problem *problem, const double *sums, ls_counts *count);

#endif
