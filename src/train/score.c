/* Counting rows, and the table of metrics: a new metric is a row here. */
#include "score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/format/json.h"

size_t ls_score_width(const ls_trained *t) {
    return LS_SCORE_FIXED + (t->target == LS_TARGET_VALUES ? 2 * t->n_targets : 0);
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

void ls_score_rows(const ls_trained *t, size_t rows, const float *z, const ls_targets *targets,
                   const ls_loss_sum *loss, double *score) {
    size_t n = t->model->out_size;
    ls_link link = ls_loss_type_of(&t->config.loss)->link;
    score[LS_SCORE_ROWS] += (double)rows;
    score[LS_SCORE_LOSS] += loss->loss;
    score[LS_SCORE_WEIGHT] += loss->weight;
    if (t->target == LS_TARGET_CLASSES) {
        for (size_t r = 0; r < rows; r++)
            score[LS_SCORE_CORRECT] += ls_predicted_class(t, z + r * n) == targets->label[r];
        return;
    }
    double *squared = score + LS_SCORE_FIXED, *absolute = squared + n;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++) {
            double d = ls_link_of(link, z[r * n + j]) - (double)targets->value[r * n + j];
            squared[j] += d * d;
            absolute[j] += fabs(d);
        }
}

static double loss_value(const ls_trained *t, const double *score, const double *spread) {
    (void)t;
    (void)spread;
    return score[LS_SCORE_LOSS] / score[LS_SCORE_WEIGHT];
}

static double accuracy_value(const ls_trained *t, const double *score, const double *spread) {
    (void)t;
    (void)spread;
    return score[LS_SCORE_CORRECT] / score[LS_SCORE_ROWS];
}

static double mean_over_outputs(const ls_trained *t, const double *sums, double rows) {
    double sum = 0;
    for (size_t j = 0; j < t->n_targets; j++)
        sum += sums[j] / rows;
    return sum / (double)t->n_targets;
}

static double mse_value(const ls_trained *t, const double *score, const double *spread) {
    (void)spread;
    return mean_over_outputs(t, score + LS_SCORE_FIXED, score[LS_SCORE_ROWS]);
}

static double mae_value(const ls_trained *t, const double *score, const double *spread) {
    (void)spread;
    return mean_over_outputs(t, score + LS_SCORE_FIXED + t->n_targets, score[LS_SCORE_ROWS]);
}

/* 1 - squared error / spread, the mean over outputs; a constant target counts 1 when it is met
 * and 0 else, as scikit-learn's r2_score has it. */
static double r2_value(const ls_trained *t, const double *score, const double *spread) {
    double sum = 0;
    for (size_t j = 0; j < t->n_targets; j++) {
        double error = score[LS_SCORE_FIXED + j];
        sum += spread[j] > 0 ? 1 - error / spread[j] : (error > 0 ? 0.0 : 1.0);
    }
    return sum / (double)t->n_targets;
}

const ls_metric ls_metrics[] = {
    {"loss", true, true, false, loss_value}, {"accuracy", true, false, true, accuracy_value},
    {"mse", false, true, false, mse_value},  {"mae", false, true, false, mae_value},
    {"r2", false, true, true, r2_value},     {0},
};

bool ls_metric_applies(const ls_metric *m, const ls_trained *t) {
    return t->target == LS_TARGET_CLASSES ? m->classes : m->values;
}

const ls_metric *ls_metric_find(const ls_trained *t, const char *name) {
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0 && ls_metric_applies(m, t))
            return m;
    return NULL;
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

void ls_metrics_to_json(const ls_trained *t, const double *score, const double *spread,
                        const char *prefix, json_t **object) {
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++) {
        if (!ls_metric_applies(m, t))
            continue;
        char name[64];
        snprintf(name, sizeof name, "%s%s", prefix, m->name);
        double value = m->value(t, score, spread);
        /* JSON has no NaN: a metric without a value is null. */
        ls_json_set(object, name, isfinite(value) ? json_real(value) : json_null());
    }
}
