/* robust: every column less its median, by the distance of its quartiles: what a few outliers do
 * not change. A column whose quartiles are one value is only centered, as scikit-learn's
 * RobustScaler does. */
#include "kind.h"
#include "lockstep/base/memory.h"

static ls_status fit(const float *x, size_t rows, size_t columns, double parameter,
                     double *const *constant) {
    static const double share[] = {0.5, 0.75, 0.25};
    double *lower = NULL;
    (void)parameter;
    LS_TRY(ls_alloc(columns, sizeof *lower, "column quartiles", &lower));
    double *const out[] = {constant[0], constant[1], lower};
    const ls_status st = ls_column_quantiles(x, rows, columns, share, 3, out);
    for (size_t j = 0; st == LS_OK && j < columns; j++) {
        const double range = constant[1][j] - lower[j];
        constant[1][j] = range > 0 ? range : 1;
    }
    ls_free(lower);
    return st;
}

static bool valid(const double *constant) {
    return constant[1] > 0;
}

static void affine(const double *constant, double parameter, double *shift, double *factor) {
    (void)parameter;
    *shift = constant[0];
    *factor = 1 / constant[1];
}

const ls_transform_kind ls_transform_robust = {
    .row = {.name = "robust",
            .help = "(x - median) / (third - first quartile) of the column's training rows"},
    .constant_name = {"median", "range"},
    .fit = fit,
    .constants_valid = valid,
    .affine = affine};
