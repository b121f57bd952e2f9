/* Rows to sums. Why here: see lockstep/metrics/sums.h. */
#include "lockstep/metrics/sums.h"

#include <math.h>

size_t ls_sums_width(const ls_problem *problem) {
    if (problem->kind & LS_FOR_CLASSES)
        return LS_SUM_BIN + LS_BINS * LS_BIN_NUMBERS;
    if (problem->kind == LS_FOR_FLAGS)
        return ls_sum_counts(problem) + 3 * problem->n;
    return LS_SUM_FIXED + 2 * problem->n;
}

void ls_sums_add_rows(size_t rows, double loss, double weight, double *sums) {
    sums[LS_SUM_ROWS] += (double)rows;
    sums[LS_SUM_LOSS] += loss;
    sums[LS_SUM_WEIGHT] += weight;
}

/* -log of the probability that a row's class has, from its logits: no probability is so small that
 * it becomes 0. */
static double log_loss(size_t n, size_t n_outputs, const float *z, int32_t label) {
    if (n_outputs < n) { /* the second class's alone */
        const double against = label == 1 ? -(double)z[0] : (double)z[0];
        return (against > 0 ? against : 0) + log1p(exp(-fabs(against)));
    }
    size_t top = 0;
    double others = 0; /* beside the largest, which counts 1 */
    for (size_t j = 1; j < n_outputs; j++)
        top = z[j] > z[top] ? j : top;
    for (size_t j = 0; j < n_outputs; j++)
        others += j != top ? exp((double)z[j] - (double)z[top]) : 0;
    return log1p(others) - ((double)z[label] - (double)z[top]);
}

/* The squared distance of the probabilities from the truth (Brier, 1950); with two classes that of
 * the second alone, half of it. */
static double brier(size_t n, const float *p, int32_t label) {
    double sum = 0;
    for (size_t j = n == 2 ? 1 : 0; j < n; j++) {
        const double d = (double)p[j] - ((int32_t)j == label);
        sum += d * d;
    }
    return sum;
}

/* Classes that stand before the row's: with higher outputs, or equal ones and lower numbers, as
 * the one that is predicted is chosen. */
static size_t place_of(size_t n_outputs, const float *z, int32_t label) {
    size_t before = 0;
    for (size_t j = 0; j < n_outputs; j++)
        before += z[j] > z[label] || (z[j] == z[label] && (int32_t)j < label);
    return before;
}

static size_t bin_of(float confidence) {
    const double place = (double)confidence * (double)LS_BINS;
    return place > 0 ? (size_t)fmin(place, (double)LS_BINS - 1) : 0;
}

/* What costs time of a row: threads share it, and the sums go in row order. */
typedef struct row {
    size_t place;
    double log_loss, brier;
} row;

enum { ROWS_AT_ONCE = 256 };

static row look_at(const ls_problem *problem, size_t n_outputs, const float *z, const float *p,
                   int32_t label) {
    row r = {0};
    if (n_outputs == problem->n)
        r.place = place_of(n_outputs, z, label);
    if (problem->probabilities) {
        r.log_loss = log_loss(problem->n, n_outputs, z, label);
        r.brier = brier(problem->n, p, label);
    }
    return r;
}

static void add(const ls_problem *problem, const row *r, float confidence, bool right,
                double *sums) {
    double *bin = sums + LS_SUM_BIN + bin_of(confidence) * LS_BIN_NUMBERS;
    sums[LS_SUM_CORRECT] += right;
    sums[LS_SUM_TOP3] += r->place < 3;
    sums[LS_SUM_TOP5] += r->place < 5;
    if (!problem->probabilities)
        return;
    sums[LS_SUM_LOG_LOSS] += r->log_loss;
    sums[LS_SUM_BRIER] += r->brier;
    bin[LS_BIN_ROWS]++;
    bin[LS_BIN_CONFIDENCE] += (double)confidence;
    bin[LS_BIN_CORRECT] += right;
}

static void add_some(const ls_problem *problem, size_t rows, size_t n_outputs, const float *z,
                     const float *p, const int32_t *label, const int32_t *predicted, double *sums) {
    const size_t n = problem->n;
    row seen[ROWS_AT_ONCE];
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++)
        seen[r] = look_at(problem, n_outputs, z + r * n_outputs, p + r * n, label[r]);
    for (size_t r = 0; r < rows; r++)
        add(problem, &seen[r], p[r * n + (size_t)predicted[r]], label[r] == predicted[r], sums);
}

void ls_sums_add_classes(const ls_problem *problem, size_t rows, size_t n_outputs, const float *z,
                         const float *p, const int32_t *label, const int32_t *predicted,
                         double *sums) {
    for (size_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        const size_t some = rows - first < ROWS_AT_ONCE ? rows - first : ROWS_AT_ONCE;
        add_some(problem, some, n_outputs, z + first * n_outputs, p + first * problem->n,
                 label + first, predicted + first, sums);
    }
}

void ls_sums_add_value(const ls_problem *problem, size_t output, double prediction, double target,
                       double *sums) {
    const double d = prediction - target;
    sums[ls_sum_squared(problem) + output] += d * d;
    sums[ls_sum_absolute(problem) + output] += fabs(d);
}

void ls_sums_add_flags(const ls_problem *problem, size_t rows, const float *z, const float *target,
                       double *sums) {
    const size_t n = problem->n;
    for (size_t r = 0; r < rows; r++, z += n, target += n) {
        double *count = sums + ls_sum_counts(problem);
        size_t right = 0;
        for (size_t j = 0; j < n; j++, count += 3) {
            const bool is = target[j] > 0.5f, said = z[j] > 0;
            count[0] += is;
            count[1] += said;
            count[2] += is && said;
            right += is == said;
        }
        sums[ls_sum_all_right(problem)] += right == n;
    }
}

void ls_sums_counts(const ls_problem *problem, const double *sums, ls_counts *count) {
    const double *from = sums + ls_sum_counts(problem);
    for (size_t j = 0; j < problem->n; j++, from += 3)
        count[j] = (ls_counts){from[0], from[1], from[2]};
}
