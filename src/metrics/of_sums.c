/* Metrics that are sums over rows, divided. Why here: one family of the table in metrics.c. */
#include <math.h>

#include "values.h"

double ls_facts_rows(const ls_facts *f) {
    return f->sums[LS_SUM_ROWS];
}

double ls_facts_loss(const ls_facts *f) {
    return f->sums[LS_SUM_LOSS] / f->sums[LS_SUM_WEIGHT];
}

double ls_mean_loss(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return ls_facts_loss(f);
}

/* ---- of classes ---- */

double ls_accuracy(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return f->sums[LS_SUM_CORRECT] / ls_facts_rows(f);
}

double ls_top_accuracy(const ls_metric *m, const ls_facts *f) {
    return f->sums[m->top == 3 ? LS_SUM_TOP3 : LS_SUM_TOP5] / ls_facts_rows(f);
}

double ls_mean_log_loss(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return f->sums[LS_SUM_LOG_LOSS] / ls_facts_rows(f);
}

double ls_mean_brier(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return f->sums[LS_SUM_BRIER] / ls_facts_rows(f);
}

ls_bin ls_calibration_bin(const ls_facts *f, size_t bin) {
    const double *b = f->sums + LS_SUM_BIN + bin * LS_BIN_NUMBERS, rows = b[LS_BIN_ROWS];
    return (ls_bin){rows, b[LS_BIN_CONFIDENCE] / rows, b[LS_BIN_CORRECT] / rows};
}

/* The expected calibration error (Guo et al., 2017, "On calibration of modern neural networks"):
 * the mean over rows of |accuracy - confidence| of their bin, the confidence being the probability
 * of the class that is predicted. */
double ls_calibration_error(const ls_metric *m, const ls_facts *f) {
    (void)m;
    double sum = 0;
    for (size_t b = 0; b < LS_BINS; b++) {
        const double *bin = f->sums + LS_SUM_BIN + b * LS_BIN_NUMBERS;
        sum += fabs(bin[LS_BIN_CORRECT] - bin[LS_BIN_CONFIDENCE]);
    }
    return sum / ls_facts_rows(f);
}

/* ---- of flags ---- */

double ls_subset_accuracy(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return f->sums[ls_sum_all_right(&f->problem)] / ls_facts_rows(f);
}

/* 1 - the Hamming loss: the share of all outputs of all rows that are right. */
double ls_output_accuracy(const ls_metric *m, const ls_facts *f) {
    (void)m;
    const size_t n = f->problem.n;
    double wrong = 0;
    for (size_t j = 0; j < n; j++)
        wrong += f->counts[j].actual + f->counts[j].predicted - 2 * f->counts[j].hits;
    return 1 - wrong / (ls_facts_rows(f) * (double)n);
}

/* ---- of values ---- */

double ls_part_mse(const ls_part_metric *m, const ls_facts *f, size_t part) {
    (void)m;
    return f->sums[ls_sum_squared(&f->problem) + part] / ls_facts_rows(f);
}

double ls_part_rmse(const ls_part_metric *m, const ls_facts *f, size_t part) {
    return sqrt(ls_part_mse(m, f, part));
}

double ls_part_mae(const ls_part_metric *m, const ls_facts *f, size_t part) {
    (void)m;
    return f->sums[ls_sum_absolute(&f->problem) + part] / ls_facts_rows(f);
}

/* 1 - squared error / spread; a constant target counts 1 when it is met and 0 else, as
 * scikit-learn's r2_score has it. */
double ls_part_r2(const ls_part_metric *m, const ls_facts *f, size_t part) {
    (void)m;
    const double error = f->sums[ls_sum_squared(&f->problem) + part];
    return f->spread[part] > 0 ? 1 - error / f->spread[part] : (error > 0 ? 0.0 : 1.0);
}

static double mean_over_outputs(ls_part_value *value, const ls_facts *f) {
    double sum = 0;
    for (size_t j = 0; j < f->problem.n; j++)
        sum += value(NULL, f, j);
    return sum / (double)f->problem.n;
}

double ls_mse(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return mean_over_outputs(ls_part_mse, f);
}

double ls_rmse(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return mean_over_outputs(ls_part_rmse, f);
}

double ls_mae(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return mean_over_outputs(ls_part_mae, f);
}

double ls_r2(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return mean_over_outputs(ls_part_r2, f);
}
