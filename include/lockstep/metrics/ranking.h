/* What the order of scores tells: ROC and precision-recall curves, the areas under them, and the
 * best threshold.
 *
 * A row is taken for a class where its score is at least a threshold. The curves go through all
 * thresholds that differ, from the highest on; tied rows pass at once, so that the result does not
 * depend on their order. Many classes are asked one by one: this one or another.
 *
 * Why here: exact areas need all scores, not sums of them. Knows neither ranks nor files.
 */
#ifndef LS_METRICS_RANKING_H
#define LS_METRICS_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/metrics/counts.h"
#include "lockstep/metrics/order.h"

/* The way through the thresholds of rows that an ls_order has sorted by their scores. */
typedef struct ls_curve {
    const ls_order *order;
    const uint8_t *truth; /* [rows] 1: of the class */
    double rows;
    size_t left;      /* rows that no threshold has reached yet */
    ls_counts counts; /* at the present threshold; actual from the beginning on */
} ls_curve;

ls_curve ls_curve_begin(const ls_order *order, const uint8_t *truth);

/* Moves to the next lower threshold: *row is a row that has it. false: there is none. */
bool ls_curve_next(ls_curve *curve, size_t *row);

/* The area under the ROC curve: the share of pairs of a row of the class and another where the
 * first has the higher score; a tie counts a half (Hanley and McNeil, 1982). Exact up to its one
 * rounding. NAN where rows of the class or others are missing. */
double ls_auc(const ls_order *order, const uint8_t *truth);

/* The sum over thresholds of precision times what recall gains, as scikit-learn's
 * average_precision_score. NAN where no row is of the class. */
double ls_average_precision(const ls_order *order, const uint8_t *truth);

/* A criterion by which a threshold is the best, the largest value being it. */
typedef struct ls_criterion {
    const char *name;
    ls_counts_measure *value;
} ls_criterion;

/* youden (recall - false positive rate), f1; ends with a row without a name. */
extern const ls_criterion ls_criteria[];

/* The one of that name, or NULL. */
const ls_criterion *ls_criterion_find(const char *name);

/* The threshold of the largest value, the highest of several: a row that has it, and the counts
 * there. false: the criterion has no value. */
bool ls_best_threshold(const ls_order *order, const uint8_t *truth, const ls_criterion *criterion,
                       size_t *row, ls_counts *counts) LS_MUST_CHECK;

#endif
