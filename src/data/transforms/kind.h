/* What a transform is to the chain: one row of functions.
 *
 * Most work on each column by itself. Fitted, such a transform keeps up to LS_TRANSFORM_CONSTANTS
 * float64 numbers a column ("mean", "scale"). What it does to a value is either a function of the
 * value alone (map) or
 *     (float)(((double)x - shift[column]) * factor[column]),
 * computed in float64 because a column's mean may be large against its spread; or it is kept within
 * two bounds of its column.
 *
 * Others mix: they make a row of other columns from all of a row's (see ls_mixing).
 *
 * Why here: a new transform is one file with one row, named in kinds.c. Never knows about files or
 * rows that do not train.
 */
#ifndef LS_DATA_TRANSFORMS_KIND_H
#define LS_DATA_TRANSFORMS_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/comm/comm.h"
#include "lockstep/data/transform.h"

#define LS_TRANSFORM_PARAMETERS 2
#define LS_TRANSFORM_CONSTANTS 3

struct ls_transform_kind;

/* A transform in a chain. */
typedef struct ls_transform_step {
    const struct ls_transform_kind *kind;
    double parameter[LS_TRANSFORM_PARAMETERS];
    size_t inputs, outputs;                   /* of one that mixes: the columns before and after */
    double *constant[LS_TRANSFORM_CONSTANTS]; /* [columns] or as ls_mixing says; NULL: none */
    double *shift, *factor; /* [columns], of affine kinds; bounds of others; [1] where uniform */
    bool uniform;           /* affine without constants: all columns alike */
} ls_transform_step;

/* A number from the config that a transform keeps. */
typedef struct ls_transform_parameter {
    const char *name;                  /* in a checkpoint; NULL: none */
    double (*of)(const void *options); /* NULL: the place of the column that the config names */
    bool (*valid)(double value);
} ls_transform_parameter;

/* The training rows as a transform that mixes finds them. */
typedef struct ls_mix_rows {
    ls_comm *comm;
    ls_log *log;
    const char *path; /* of the dataset, for messages */
    size_t count;
    /* out[n, inputs] = rows [first, first + n). Not collective. */
    ls_status (*read)(void *from, size_t first, size_t n, float *out);
    void *from;
} ls_mix_rows;

/* By what a constant of a transform that mixes is numbered. */
#define LS_BY_OUTPUT 1u
#define LS_BY_INPUT 2u

typedef struct ls_mixing {
    /* *outputs from the config alone. Errors: ERR_CONFIG. */
    ls_status (*outputs)(const double *parameter, size_t inputs, size_t *outputs);

    /* out[outputs] from in[inputs] of one row; they do not overlap. */
    void (*mix)(const ls_transform_step *step, const float *in, float *out);
    /* In place of mix: the number that all of a row is multiplied by. */
    double (*row_factor)(const float *in, size_t count);

    /* The first input whose value it can not take, or LS_NOT_FOUND; NULL: it takes all. */
    size_t (*refused)(const ls_transform_step *step, const float *in);
    const char *takes; /* "counts, which are never negative", for the hint */

    /* The input that output j is (or a multiple of), LS_NOT_FOUND: a new column. NULL: all are
     * new. */
    size_t (*origin)(const ls_transform_step *step, size_t j);

    /* The column, by name or number in the file, whose place among the inputs is parameter[0].
     * NULL: none. */
    const char *(*column)(const void *options);

    /* Finds the constants, of which constant k has one number for each of what by[k] says,
     * [outputs, inputs] for both. NULL: nothing to fit. Collective. */
    ls_status (*fit)(const ls_mix_rows *rows, ls_transform_step *step);
    unsigned by[LS_TRANSFORM_CONSTANTS];
} ls_mixing;

typedef struct ls_transform_kind {
    ls_opt_row row; /* must be first */

    ls_transform_parameter parameter[LS_TRANSFORM_PARAMETERS];

    /* Names of the constants; NULL: fewer. */
    const char *constant_name[LS_TRANSFORM_CONSTANTS];
    /* constant[k][0..columns) from x[rows, columns], rows > 0; parameter: the first. NULL: nothing
     * to fit. */
    ls_status (*fit)(const float *x, size_t rows, size_t columns, double parameter,
                     double *const *constant);
    bool (*constants_valid)(const double *constant); /* of one column; finite already */

    /* Exactly one of the four, or none for a transform that chooses columns. */
    void (*map)(float *x, size_t count);
    void (*affine)(const double *constant, double parameter, double *shift, double *factor);
    void (*bounds)(const double *constant, double parameter, double *low, double *high);
    const ls_mixing *mixing;

    bool limited; /* map takes only values above `above` */
    float above;

    /* Keeps the parameter[0] columns with the largest scores; fit leaves them in constant[0]. */
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
extern const ls_transform_kind ls_transform_cpm;
extern const ls_transform_kind ls_transform_polynomial;
extern const ls_transform_kind ls_transform_one_hot;
extern const ls_transform_kind ls_transform_pca;
extern const ls_transform_kind ls_transform_whiten;

/* More columns than that come of no transform that mixes. */
#define LS_TRANSFORM_MADE_MAX ((size_t)1 << 22)

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
