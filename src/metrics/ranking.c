/* Curves over thresholds. Why here: see lockstep/metrics/ranking.h. */
#include "lockstep/metrics/ranking.h"

#include <math.h>
#include <string.h>

ls_curve ls_curve_begin(const ls_order *order, const uint8_t *truth) {
    ls_curve c = {.order = order, .truth = truth, .rows = (double)order->n, .left = order->n};
    for (size_t i = 0; i < order->n; i++)
        c.counts.actual += truth[i];
    return c;
}

bool ls_curve_next(ls_curve *c, size_t *row) {
    if (c->left == 0)
        return false;
    const size_t first = c->left - 1;
    for (; c->left > 0 && ls_order_tied(c->order, c->left - 1, first); c->left--) {
        c->counts.predicted++;
        c->counts.hits += c->truth[ls_order_row(c->order, c->left - 1)];
    }
    *row = ls_order_row(c->order, first);
    return true;
}

double ls_auc(const ls_order *order, const uint8_t *truth) {
    ls_curve c = ls_curve_begin(order, truth);
    uint64_t area = 0, hits = 0, mistakes = 0; /* twice the area, in rows: below 2^63 */
    size_t row;
    while (ls_curve_next(&c, &row)) {
        const uint64_t h = (uint64_t)c.counts.hits, m = (uint64_t)c.counts.predicted - h;
        area += (m - mistakes) * (h + hits);
        hits = h;
        mistakes = m;
    }
    return (double)area / (2 * (double)hits * (double)mistakes);
}

double ls_average_precision(const ls_order *order, const uint8_t *truth) {
    ls_curve c = ls_curve_begin(order, truth);
    double sum = 0, hits = 0;
    size_t row;
    while (ls_curve_next(&c, &row)) {
        sum += (c.counts.hits - hits) * ls_counts_precision(&c.counts, c.rows);
        hits = c.counts.hits;
    }
    return sum / c.counts.actual;
}

/* ---- the best threshold ---- */

/* Youden's J (1950): the ROC curve's height above the diagonal, recall - false positive rate. As
 * one quotient of whole numbers, so that equal values are equal numbers. */
static double youden(const ls_counts *c, double rows) {
    const double others = rows - c->actual, mistakes = c->predicted - c->hits;
    return (c->hits * others - mistakes * c->actual) / (c->actual * others);
}

const ls_criterion ls_criteria[] = {
    {"youden", youden},
    {"f1", ls_counts_f1},
    {0},
};

const ls_criterion *ls_criterion_find(const char *name) {
    for (const ls_criterion *c = ls_criteria; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

bool ls_best_threshold(const ls_order *order, const uint8_t *truth, const ls_criterion *criterion,
                       size_t *row, ls_counts *counts) {
    ls_curve c = ls_curve_begin(order, truth);
    double best = -INFINITY;
    size_t at;
    while (ls_curve_next(&c, &at)) {
        const double value = criterion->value(&c.counts, c.rows);
        if (value > best) { /* never with NAN */
            best = value;
            *row = at;
            *counts = c.counts;
        }
    }
    return best > -INFINITY;
}
