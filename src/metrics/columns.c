/* Areas and correlations of one column. Why here: see lockstep/metrics/columns.h.
 *
 * Sums go over rows in their order; products are of differences from the means, so that nothing
 * is lost where means are large beside deviations. */
#include "lockstep/metrics/columns.h"

#include <math.h>

#include "lockstep/base/memory.h"
#include "lockstep/metrics/ranking.h"

ls_status ls_column_room_create(const ls_problem *problem, size_t rows, ls_column_room *out) {
    *out = (ls_column_room){0};
    const bool values = (problem->kind & LS_FOR_VALUES) != 0;
    const bool truth = problem->kind != LS_FOR_NUMBERS;
    ls_status st = ls_order_create(rows, &out->order);
    if (st == LS_OK && truth)
        st = ls_alloc(rows, sizeof *out->truth, "column of targets", &out->truth);
    if (st == LS_OK && values)
        st = ls_alloc(rows, sizeof *out->target, "column of targets", &out->target);
    if (st == LS_OK && values)
        st = ls_alloc(2 * rows, sizeof *out->rank, "ranks", &out->rank);
    if (st != LS_OK)
        ls_column_room_free(out);
    return st;
}

void ls_column_room_free(ls_column_room *room) {
    ls_order_free(&room->order);
    ls_free(room->truth);
    ls_free(room->target);
    ls_free(room->rank);
    *room = (ls_column_room){0};
}

void ls_column_targets(const ls_problem *problem, size_t j, size_t rows, const int32_t *label,
                       const float *value, ls_column_room *room) {
    if (problem->kind & LS_FOR_CLASSES) {
        for (size_t r = 0; r < rows; r++)
            room->truth[r] = label[r] == (int32_t)j;
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        room->target[r] = value[r * problem->n + j];
        if (problem->kind == LS_FOR_FLAGS)
            room->truth[r] = room->target[r] > 0.5f;
    }
}

static double mean_of(size_t n, const double *x) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

double ls_pearson(size_t n, const double *a, const double *b) {
    const double mean_a = mean_of(n, a), mean_b = mean_of(n, b);
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++) {
        const double da = a[i] - mean_a, db = b[i] - mean_b;
        aa += da * da;
        bb += db * db;
        ab += da * db;
    }
    return ab / (sqrt(aa) * sqrt(bb));
}

/* 1 - variance of the errors / variance of the targets b; of constant targets 1 where the errors
 * are constant and 0 else, as r2. a: the predictions, becomes the errors. */
static double explained_variance(size_t n, double *a, const double *b) {
    double errors = 0, targets = 0;
    for (size_t i = 0; i < n; i++)
        a[i] -= b[i];
    const double mean_a = mean_of(n, a), mean_b = mean_of(n, b);
    for (size_t i = 0; i < n; i++) {
        errors += (a[i] - mean_a) * (a[i] - mean_a);
        targets += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return targets > 0 ? 1 - errors / targets : (errors > 0 ? 0.0 : 1.0);
}

static void correlate(size_t rows, const float *p, ls_column_room *room, ls_column *out) {
    double *a = room->rank, *b = room->rank + rows;
    if (ls_order_sort(&room->order, rows, p)) {
        ls_order_ranks(&room->order, a);
        if (ls_order_sort(&room->order, rows, room->target)) {
            ls_order_ranks(&room->order, b);
            out->spearman = ls_pearson(rows, a, b);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        a[r] = (double)p[r];
        b[r] = (double)room->target[r];
    }
    out->pearson = ls_pearson(rows, a, b);
    out->explained_variance = explained_variance(rows, a, b);
}

ls_column ls_column_measure(const ls_problem *problem, size_t rows, const float *p,
                            ls_column_room *room) {
    ls_column out = {NAN, NAN, NAN, NAN, NAN};
    if (problem->kind & LS_FOR_VALUES)
        correlate(rows, p, room, &out);
    if (problem->kind != LS_FOR_NUMBERS && ls_order_sort(&room->order, rows, p)) {
        out.auc = ls_auc(&room->order, room->truth);
        out.average_precision = ls_average_precision(&room->order, room->truth);
    }
    return out;
}
