/* Outputs to predictions and sums. Why here: see score.h. */
#include "score.h"

#include <math.h>

static bool are_flags(const ls_dataset *ds) {
    for (size_t i = 0; i < ds->n_samples * ds->n_outputs; i++)
        if (ds->value[i] != 0 && ds->value[i] != 1)
            return false;
    return true;
}

ls_problem ls_problem_of(const ls_trained *t, const ls_dataset *ds) {
    const ls_link link = ls_loss_type_of(&t->config.loss)->link;
    if (t->target == LS_TARGET_CLASSES)
        return (ls_problem){.kind = t->classes.count == 2 ? LS_FOR_TWO : LS_FOR_MANY,
                            .n = t->classes.count,
                            .probabilities = link == LS_LINK_SOFTMAX || link == LS_LINK_SIGMOID};
    const bool flags = link == LS_LINK_SIGMOID && ds->value != NULL && are_flags(ds);
    return (ls_problem){.kind = flags ? LS_FOR_FLAGS : LS_FOR_NUMBERS, .n = t->n_targets};
}

int32_t ls_predicted_class(const ls_trained *t, const float *z) {
    size_t n = t->model->out_size, best = 0;
    if (n == 1 && t->classes.count == 2) /* one logit for two classes */
        return z[0] > 0.0f;
    for (size_t j = 1; j < n; j++)
        if (z[j] > z[best])
            best = j;
    return (int32_t)best;
}

void ls_predict_rows(const ls_trained *t, size_t rows, const float *z, float *p) {
    const size_t out = t->model->out_size;
    ls_loss_predict(&t->config.loss, rows, out, z, p);
    if (out != 1 || t->target != LS_TARGET_CLASSES || t->classes.count != 2)
        return;
    for (size_t r = rows; r-- > 0;) {
        const float one = p[r];
        p[2 * r] = 1.0f - one;
        p[2 * r + 1] = one;
    }
}

static void score_classes(const ls_trained *t, const ls_problem *problem, size_t rows,
                          const float *z, const float *p, const int32_t *label, int32_t *code,
                          double *sums) {
    const size_t out = t->model->out_size;
    for (size_t r = 0; r < rows; r++)
        code[r] = ls_predicted_class(t, z + r * out);
    ls_sums_add_classes(problem, rows, out, z, p, label, code, sums);
}

static void score_values(const ls_trained *t, const ls_problem *problem, size_t rows,
                         const float *z, const float *value, double *sums) {
    const ls_link link = ls_loss_type_of(&t->config.loss)->link;
    const size_t n = problem->n;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++)
            ls_sums_add_value(problem, j, ls_link_of(link, z[r * n + j]), (double)value[r * n + j],
                              sums);
    if (problem->kind == LS_FOR_FLAGS)
        ls_sums_add_flags(problem, rows, z, value, sums);
}

void ls_score_rows(const ls_trained *t, const ls_problem *problem, size_t rows, const float *z,
                   const float *p, const ls_targets *targets, const ls_loss_sum *loss,
                   int32_t *code, double *sums) {
    ls_sums_add_rows(rows, loss->loss, loss->weight, sums);
    if (t->target == LS_TARGET_CLASSES)
        score_classes(t, problem, rows, z, p, targets->label, code, sums);
    else
        score_values(t, problem, rows, z, targets->value, sums);
}

void ls_score_spread(const ls_dataset *ds, const size_t *row, size_t n, double *spread) {
    for (size_t j = 0; j < ds->n_outputs; j++) {
        double mean = 0;
        spread[j] = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)ds->value[row[i] * ds->n_outputs + j];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++) {
            double d = (double)ds->value[row[i] * ds->n_outputs + j] - mean;
            spread[j] += d * d;
        }
    }
}
