/* What one column of predictions tells beside that of the targets: for it all rows are needed.
 *
 * Why here: areas under curves and correlations are no sums over rows. One column at a time, so
 * that the room is bounded by the rows. Knows neither ranks nor files.
 */
#ifndef LS_METRICS_COLUMNS_H
#define LS_METRICS_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/metrics/order.h"
#include "lockstep/metrics/sums.h"

/* Each NAN where it has no value, and where it is not of the kind of problem. */
typedef struct ls_column {
    double auc, average_precision;                /* classes, flags */
    double pearson, spearman, explained_variance; /* values */
} ls_column;

typedef struct ls_column_room {
    ls_order order;
    uint8_t *truth; /* [rows] of classes and flags */
    float *target;  /* [rows] of values */
    double *rank;   /* [2, rows] of values */
} ls_column_room;

/* Room for columns of so many rows. Errors: ERR_MEMORY, ERR_DATA. */
ls_status ls_column_room_create(const ls_problem *problem, size_t rows,
                                ls_column_room *out) LS_MUST_CHECK;
void ls_column_room_free(ls_column_room *room);

/* room->truth or room->target (flags: both) = column j of the targets: label[rows] of classes,
 * value[rows, n] of float targets. */
void ls_column_targets(const ls_problem *problem, size_t j, size_t rows, const int32_t *label,
                       const float *value, ls_column_room *room);

/* Of predictions p[rows] and the targets in the room. */
ls_column ls_column_measure(const ls_problem *problem, size_t rows, const float *p,
                            ls_column_room *room);

/* The correlation coefficient of a and b (Pearson, 1895); NAN where one of them is constant. */
double ls_pearson(size_t n, const double *a, const double *b);

#endif
