/* Metrics: numbers that tell how good a model's predictions are, one row each.
 *
 * A row says what a metric is called, for which problems it is, whether more of it is better, what
 * it needs, and how it follows from the facts of all rows. `lockstep evaluate`, the records of
 * epochs and early stopping go by the table, so that a new metric is one row
 * (src/metrics/metrics.c) and its function.
 *
 * Why here: one definition for training and evaluation. Knows neither ranks nor files: who calls
 * has summed over all ranks.
 */
#ifndef LS_METRICS_METRICS_H
#define LS_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/metrics/columns.h"
#include "lockstep/metrics/counts.h"
#include "lockstep/metrics/sums.h"

/* What is known of all rows. */
typedef struct ls_facts {
    ls_problem problem;
    const double *sums;      /* [ls_sums_width] */
    const ls_counts *counts; /* [n] of classes and flags, else NULL */
    const double *spread;    /* [n] of values: sum of (target - mean)^2; else NULL */
    const ls_column *column; /* [n], or NULL: not asked for */
} ls_facts;

enum {
    LS_METRIC_HIGHER = 1,        /* higher is better */
    LS_METRIC_COLUMNS = 2,       /* needs facts.column */
    LS_METRIC_PROBABILITIES = 4, /* needs predictions that are probabilities */
    LS_METRIC_EPOCHS = 8,        /* cheap and telling: recorded of every epoch's validation */
    LS_METRIC_SCREEN = 16        /* and on the screen, too */
};

typedef struct ls_metric ls_metric;
struct ls_metric {
    const char *name;
    unsigned kinds;  /* of problems, LS_FOR_* */
    unsigned traits; /* LS_METRIC_* */
    /* NAN where there is no value. */
    double (*value)(const ls_metric *m, const ls_facts *f);
    ls_counts_measure *of; /* what `value` takes of counts */
    ls_mean mean;          /* how `value` takes it together */
    size_t column;         /* the member of ls_column that `value` takes, as offsetof */
    size_t top;            /* how many classes count as right; there must be more */
};

/* Ends with a row without a name; loss comes first. */
extern const ls_metric ls_metrics[];

bool ls_metric_applies(const ls_metric *m, const ls_problem *problem);

/* The metric of that name that applies, or NULL. */
const ls_metric *ls_metric_find(const ls_problem *problem, const char *name);

/* Rows and mean loss. */
double ls_facts_rows(const ls_facts *f);
double ls_facts_loss(const ls_facts *f);

/* ---- of one class or one output ---- */

/* A number of one class, flag or value. */
typedef struct ls_part_metric {
    const char *name;
    unsigned kinds;
    unsigned traits; /* LS_METRIC_COLUMNS, LS_METRIC_SCREEN: in the table on the screen */
    double (*value)(const struct ls_part_metric *m, const ls_facts *f, size_t part);
    ls_counts_measure *of;
    size_t column;
} ls_part_metric;

/* precision, recall, f1, ...; ends with a row without a name. */
extern const ls_part_metric ls_part_metrics[];

/* ---- calibration ---- */

typedef struct ls_bin {
    double rows, confidence, accuracy; /* the last two: means over its rows, NAN without any */
} ls_bin;

/* Needs: classes with probabilities. */
ls_bin ls_calibration_bin(const ls_facts *f, size_t bin);

#endif
