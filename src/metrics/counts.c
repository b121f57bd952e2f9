/* Measures of classes from counts. Why here: see lockstep/metrics/counts.h. */
#include "lockstep/metrics/counts.h"

#include <math.h>
#include <string.h>

/* 0 / 0 is NAN; nothing else is ever divided by 0 here. */
double ls_counts_precision(const ls_counts *c, double rows) {
    (void)rows;
    return c->hits / c->predicted;
}

double ls_counts_recall(const ls_counts *c, double rows) {
    (void)rows;
    return c->hits / c->actual;
}

double ls_counts_f1(const ls_counts *c, double rows) {
    (void)rows;
    return 2 * c->hits / (c->actual + c->predicted);
}

double ls_counts_contamination(const ls_counts *c, double rows) {
    (void)rows;
    return (c->predicted - c->hits) / c->predicted;
}

double ls_counts_specificity(const ls_counts *c, double rows) {
    double others = rows - c->actual;
    return (others - (c->predicted - c->hits)) / others;
}

double ls_counts_false_positive_rate(const ls_counts *c, double rows) {
    return (c->predicted - c->hits) / (rows - c->actual);
}

void ls_counts_of(size_t rows, const int32_t *label, const int32_t *predicted, size_t n_classes,
                  ls_counts *count) {
    memset(count, 0, n_classes * sizeof *count);
    for (size_t r = 0; r < rows; r++) {
        count[label[r]].actual++;
        count[predicted[r]].predicted++;
        count[label[r]].hits += label[r] == predicted[r];
    }
}

void ls_confusion(size_t rows, const int32_t *label, const int32_t *predicted, size_t n_classes,
                  uint64_t *matrix) {
    memset(matrix, 0, n_classes * n_classes * sizeof *matrix);
    for (size_t r = 0; r < rows; r++)
        matrix[(size_t)label[r] * n_classes + (size_t)predicted[r]]++;
}

/* All rows are asked of every class once. */
static double micro_mean(const ls_counts *count, size_t n, double rows, ls_counts_measure *of) {
    ls_counts all = {0};
    for (size_t c = 0; c < n; c++) {
        all.actual += count[c].actual;
        all.predicted += count[c].predicted;
        all.hits += count[c].hits;
    }
    return of(&all, (double)n * rows);
}

double ls_mean_over_classes(const ls_counts *count, size_t n, double rows, ls_counts_measure *of,
                            ls_mean mean) {
    double sum = 0, weights = 0;
    if (mean == LS_MEAN_MICRO)
        return micro_mean(count, n, rows, of);
    for (size_t c = 0; c < n; c++) {
        const double weight = mean == LS_MEAN_WEIGHTED ? count[c].actual : count[c].actual > 0;
        const double value = weight > 0 ? of(&count[c], rows) : 0;
        sum += weight * (isnan(value) ? 0 : value);
        weights += weight;
    }
    return sum / weights;
}

double ls_matthews(const ls_counts *count, size_t n, double rows) {
    double hits = 0, both = 0, actual = 0, predicted = 0;
    for (size_t c = 0; c < n; c++) {
        hits += count[c].hits;
        both += count[c].actual * count[c].predicted;
        actual += count[c].actual * count[c].actual;
        predicted += count[c].predicted * count[c].predicted;
    }
    const double square = rows * rows, spread = (square - actual) * (square - predicted);
    return spread > 0 ? (hits * rows - both) / sqrt(spread) : 0;
}

double ls_kappa(const ls_counts *count, size_t n, double rows) {
    double hits = 0, both = 0;
    for (size_t c = 0; c < n; c++) {
        hits += count[c].hits;
        both += count[c].actual * count[c].predicted;
    }
    /* (observed - chance) / (1 - chance), times rows^2. */
    return (hits * rows - both) / (rows * rows - both);
}
