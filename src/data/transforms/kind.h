/* What a transform is to the chain: one row of functions on columns.
 *
 * A fitted transform keeps up to LS_TRANSFORM_CONSTANTS float64 numbers a column ("mean",
 * "scale"). What it does to a value is either a function of the value alone (map) or
 *     (float)(((double)x - shift[column]) * factor[column]),
 * computed in float64 because a column's mean may be large against its spread; or it is kept within
 * two bounds of its column.
 *
 * Why here: a new transform is one file with one row, named in kinds.c. Never knows about ranks,
 * files or rows that do not train.
 */
#ifndef LS_DATA_TRANSFORMS_KIND_H
#define LS_DATA_TRANSFORMS_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/data/transform.h"

#define LS_TRANSFORM_CONSTANTS 2

typedef struct ls_transform_kind {
    ls_opt_row row; /* must be first; an option of a transform is its `parameter` */

    /* The config's option as the transform's one number, and its name in a checkpoint. NULL:
     * none. */
    const char *parameter_name;
    double (*parameter)(const void *options);
    bool (*parameter_valid)(double parameter);

    /* Names of the constants of a column; NULL: fewer. */
    const char *constant_name[LS_TRANSFORM_CONSTANTS];
    /* constant[k][0..columns) from x[rows, columns], rows > 0. NULL: nothing to fit. */
    ls_status (*fit)(const float *x, size_t rows, size_t columns, double parameter,
                     double *const *constant);
    bool (*constants_valid)(const double *constant); /* of one column; finite already */

    /* Exactly one of the three, or none for a transform that chooses columns. */
    void (*map)(float *x, size_t count);
    void (*affine)(const double *constant, double parameter, double *shift, double *factor);
    void (*bounds)(const double *constant, double parameter, double *low, double *high);

    bool limited; /* map takes only values above `above` */
    float above;

    /* Keeps the `parameter` columns with the largest scores; fit leaves them in constant[0]. */
    bool selects;
} ls_transform_kind;

extern const ls_transform_kind ls_transform_log1p;
extern const ls_transform_kind ls_transform_log2p1;
extern const ls_transform_kind ls_transform_standardize;
extern const ls_transform_kind ls_transform_minmax;
extern const ls_transform_kind ls_transform_center;
extern const ls_transform_kind ls_transform_scale;
extern const ls_transform_kind ls_transform_robust;
extern const ls_transform_kind ls_transform_quantile_clip;
extern const ls_transform_kind ls_transform_select;

/* mean[columns] and variance[columns] (of the population) of x[rows, columns], in two passes in
 * float64. A constant column has exactly its value as mean and variance 0 (below 2^29 rows). A
 * column's sums run over the rows in order, in one thread, so they do not depend on the columns
 * beside it. mean may be NULL. Errors: ERR_MEMORY. */
ls_status ls_column_moments(const float *x, size_t rows, size_t columns, double *mean,
                            double *variance) LS_MUST_CHECK;

/* out[k][columns] = the quantile share[k] (0 to 1) of x[rows, columns], in float64 between values
 * of neighbouring ranks. Errors: ERR_MEMORY. */
ls_status ls_column_quantiles(const float *x, size_t rows, size_t columns, const double *share,
                              size_t count, double *const *out) LS_MUST_CHECK;

/* smallest[columns] and largest[columns] of x[rows, columns]. */
void ls_column_bounds(const float *x, size_t rows, size_t columns, double *smallest,
                      double *largest);

#endif
