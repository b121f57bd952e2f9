/* standardize: every column to mean 0 and standard deviation 1.
 *
 * The deviation is the population's (divided by n, not n - 1) and a constant column is only
 * centered, as scikit-learn's StandardScaler does. */
#include <math.h>

#include "kind.h"

static ls_status fit(const float *x, size_t rows, size_t columns, double parameter,
                     double *const *constant) {
    (void)parameter;
    double *mean = constant[0], *scale = constant[1];
    LS_TRY(ls_column_moments(x, rows, columns, mean, scale));
    for (size_t j = 0; j < columns; j++)
        scale[j] = scale[j] > 0 ? sqrt(scale[j]) : 1;
    return LS_OK;
}

static bool valid(const double *constant) {
    return constant[1] > 0;
}

static void affine(const double *constant, double parameter, double *shift, double *factor) {
    (void)parameter;
    *shift = constant[0];
    *factor = 1 / constant[1];
}

const ls_transform_kind ls_transform_standardize = {
    .row = {.name = "standardize",
            .help = "(x - mean) / standard deviation of the column's training rows"},
    .constant_name = {"mean", "scale"},
    .fit = fit,
    .constants_valid = valid,
    .affine = affine};
