/* minmax: every column to 0 .. 1 over the training rows; a constant column becomes 0. Other rows
 * may leave the interval. */
#include "kind.h"

static ls_status fit(const float *x, size_t rows, size_t columns, double parameter,
                     double *const *constant) {
    (void)parameter;
    ls_column_bounds(x, rows, columns, constant[0], constant[1]);
    return LS_OK;
}

static bool valid(const double *constant) {
    return constant[0] <= constant[1];
}

static void affine(const double *constant, double parameter, double *shift, double *factor) {
    (void)parameter;
    *shift = constant[0];
    *factor = constant[1] > constant[0] ? 1 / (constant[1] - constant[0]) : 0;
}

const ls_transform_kind ls_transform_minmax = {
    .row = {.name = "minmax",
            .help = "(x - min) / (max - min) of the column's training rows, so 0 to 1"},
    .constant_name = {"min", "max"},
    .fit = fit,
    .constants_valid = valid,
    .affine = affine};
