/* The tables of metrics: a new one is a row here, and where it is of a new kind its function.
 *
 * Why here: see lockstep/metrics/metrics.h. */
#include "lockstep/metrics/metrics.h"

#include <string.h>

#include "values.h"

#define EVERY (LS_FOR_CLASSES | LS_FOR_VALUES)
#define COUNTED (LS_FOR_CLASSES | LS_FOR_FLAGS)
#define SEVERAL (LS_FOR_MANY | LS_FOR_FLAGS)

#define HIGHER LS_METRIC_HIGHER
#define COLUMNS LS_METRIC_COLUMNS
#define PROBABILITIES LS_METRIC_PROBABILITIES
#define EPOCHS LS_METRIC_EPOCHS
#define SCREEN (LS_METRIC_EPOCHS | LS_METRIC_SCREEN)

#define COLUMN(member) .column = offsetof(ls_column, member)

const ls_metric ls_metrics[] = {
    {"loss", EVERY, SCREEN, .value = ls_mean_loss},
    {"accuracy", LS_FOR_CLASSES, HIGHER | SCREEN, .value = ls_accuracy},
    {"mse", LS_FOR_VALUES, SCREEN, .value = ls_mse},
    {"mae", LS_FOR_VALUES, SCREEN, .value = ls_mae},
    {"r2", LS_FOR_VALUES, HIGHER | SCREEN, .value = ls_r2},
    {"rmse", LS_FOR_VALUES, EPOCHS, .value = ls_rmse},
    {"explained_variance", LS_FOR_VALUES, HIGHER | COLUMNS, .value = ls_column_mean,
     COLUMN(explained_variance)},
    {"pearson", LS_FOR_VALUES, HIGHER | COLUMNS, .value = ls_column_mean, COLUMN(pearson)},
    {"spearman", LS_FOR_VALUES, HIGHER | COLUMNS, .value = ls_column_mean, COLUMN(spearman)},
    {"subset_accuracy", LS_FOR_FLAGS, HIGHER | EPOCHS, .value = ls_subset_accuracy},
    {"output_accuracy", LS_FOR_FLAGS, HIGHER | EPOCHS, .value = ls_output_accuracy},
    {"balanced_accuracy", LS_FOR_CLASSES, HIGHER | EPOCHS, .value = ls_counts_mean,
     .of = ls_counts_recall},
    {"top3_accuracy", LS_FOR_MANY, HIGHER, .value = ls_top_accuracy, .top = 3},
    {"top5_accuracy", LS_FOR_MANY, HIGHER, .value = ls_top_accuracy, .top = 5},
    {"precision", LS_FOR_TWO, HIGHER, .value = ls_of_second_class, .of = ls_counts_precision},
    {"recall", LS_FOR_TWO, HIGHER, .value = ls_of_second_class, .of = ls_counts_recall},
    {"f1", LS_FOR_TWO, HIGHER, .value = ls_of_second_class, .of = ls_counts_f1},
    {"contamination", LS_FOR_TWO, 0, .value = ls_of_second_class, .of = ls_counts_contamination},
    {"specificity", LS_FOR_TWO, HIGHER, .value = ls_of_second_class, .of = ls_counts_specificity},
    {"false_positive_rate", LS_FOR_TWO, 0, .value = ls_of_second_class,
     .of = ls_counts_false_positive_rate},
    {"precision_macro", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_precision},
    {"precision_micro", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_precision,
     .mean = LS_MEAN_MICRO},
    {"precision_weighted", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_precision,
     .mean = LS_MEAN_WEIGHTED},
    {"recall_macro", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_recall},
    {"recall_micro", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_recall,
     .mean = LS_MEAN_MICRO},
    {"recall_weighted", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_recall,
     .mean = LS_MEAN_WEIGHTED},
    {"f1_macro", COUNTED, HIGHER | EPOCHS, .value = ls_counts_mean, .of = ls_counts_f1},
    {"f1_micro", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_f1,
     .mean = LS_MEAN_MICRO},
    {"f1_weighted", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_f1,
     .mean = LS_MEAN_WEIGHTED},
    {"specificity_macro", COUNTED, HIGHER, .value = ls_counts_mean, .of = ls_counts_specificity},
    {"mcc", LS_FOR_CLASSES, HIGHER, .value = ls_mcc},
    {"kappa", LS_FOR_CLASSES, HIGHER, .value = ls_cohens_kappa},
    {"auc", COUNTED, HIGHER | COLUMNS, .value = ls_area_mean, COLUMN(auc)},
    {"auc_weighted", SEVERAL, HIGHER | COLUMNS, .value = ls_area_mean, COLUMN(auc),
     .mean = LS_MEAN_WEIGHTED},
    {"average_precision", COUNTED, HIGHER | COLUMNS, .value = ls_area_mean,
     COLUMN(average_precision)},
    {"average_precision_weighted", SEVERAL, HIGHER | COLUMNS, .value = ls_area_mean,
     COLUMN(average_precision), .mean = LS_MEAN_WEIGHTED},
    {"log_loss", LS_FOR_CLASSES, PROBABILITIES, .value = ls_mean_log_loss},
    {"brier", LS_FOR_CLASSES, PROBABILITIES, .value = ls_mean_brier},
    {"calibration_error", LS_FOR_CLASSES, PROBABILITIES, .value = ls_calibration_error},
    {0},
};

const ls_part_metric ls_part_metrics[] = {
    {"precision", COUNTED, LS_METRIC_SCREEN, .value = ls_part_of_counts, .of = ls_counts_precision},
    {"recall", COUNTED, LS_METRIC_SCREEN, .value = ls_part_of_counts, .of = ls_counts_recall},
    {"f1", COUNTED, LS_METRIC_SCREEN, .value = ls_part_of_counts, .of = ls_counts_f1},
    {"contamination", COUNTED, LS_METRIC_SCREEN, .value = ls_part_of_counts,
     .of = ls_counts_contamination},
    {"specificity", COUNTED, 0, .value = ls_part_of_counts, .of = ls_counts_specificity},
    {"false_positive_rate", COUNTED, 0, .value = ls_part_of_counts,
     .of = ls_counts_false_positive_rate},
    {"mse", LS_FOR_VALUES, LS_METRIC_SCREEN, .value = ls_part_mse},
    {"rmse", LS_FOR_VALUES, 0, .value = ls_part_rmse},
    {"mae", LS_FOR_VALUES, LS_METRIC_SCREEN, .value = ls_part_mae},
    {"r2", LS_FOR_VALUES, LS_METRIC_SCREEN, .value = ls_part_r2},
    {"auc", COUNTED, COLUMNS | LS_METRIC_SCREEN, .value = ls_part_of_column, COLUMN(auc)},
    {"average_precision", COUNTED, COLUMNS, .value = ls_part_of_column, COLUMN(average_precision)},
    {"pearson", LS_FOR_VALUES, COLUMNS | LS_METRIC_SCREEN, .value = ls_part_of_column,
     COLUMN(pearson)},
    {"spearman", LS_FOR_VALUES, COLUMNS | LS_METRIC_SCREEN, .value = ls_part_of_column,
     COLUMN(spearman)},
    {"explained_variance", LS_FOR_VALUES, COLUMNS, .value = ls_part_of_column,
     COLUMN(explained_variance)},
    {0},
};

bool ls_metric_applies(const ls_metric *m, const ls_problem *problem) {
    return (m->kinds & problem->kind) != 0 &&
           (problem->probabilities || !(m->traits & LS_METRIC_PROBABILITIES)) &&
           (m->top == 0 || problem->n > m->top);
}

const ls_metric *ls_metric_find(const ls_problem *problem, const char *name) {
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0 && ls_metric_applies(m, problem))
            return m;
    return NULL;
}
