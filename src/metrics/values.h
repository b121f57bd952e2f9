/* The functions of the tables in metrics.c: facts to numbers. */
#ifndef LS_METRICS_VALUES_H
#define LS_METRICS_VALUES_H

#include "lockstep/metrics/metrics.h"

typedef double ls_metric_value(const ls_metric *m, const ls_facts *f);

/* of_sums.c: sums over rows, divided. */
ls_metric_value ls_mean_loss, ls_accuracy, ls_top_accuracy, ls_subset_accuracy, ls_output_accuracy;
ls_metric_value ls_mean_log_loss, ls_mean_brier, ls_calibration_error;
ls_metric_value ls_mse, ls_rmse, ls_mae, ls_r2; /* the mean over outputs */

/* of_parts.c: `of` the counts, or the `column`, of all classes or outputs. */
ls_metric_value ls_counts_mean;     /* their mean */
ls_metric_value ls_of_second_class; /* that of the class that is looked for */
ls_metric_value ls_column_mean;     /* over those that have a value; NAN where none has */
ls_metric_value ls_area_mean;       /* the same of several classes; of two, the second's */
ls_metric_value ls_mcc, ls_cohens_kappa;

typedef double ls_part_value(const ls_part_metric *m, const ls_facts *f, size_t part);

ls_part_value ls_part_mse, ls_part_rmse, ls_part_mae, ls_part_r2; /* of_sums.c */
ls_part_value ls_part_of_counts, ls_part_of_column;               /* of_parts.c */

#endif
