/* center: every column to mean 0. */
#include "kind.h"
#include "lockstep/base/memory.h"

static ls_status fit(const float *x, size_t rows, size_t columns, double parameter,
                     double *const *constant) {
    (void)parameter;
    double *variance = NULL;
    LS_TRY(ls_alloc(columns, sizeof *variance, "column variances", &variance));
    ls_status st = ls_column_moments(x, rows, columns, constant[0], variance);
    ls_free(variance);
    return st;
}

static void affine(const double *constant, double parameter, double *shift, double *factor) {
    (void)parameter;
    *shift = constant[0];
    *factor = 1;
}

const ls_transform_kind ls_transform_center = {
    .row = {.name = "center", .help = "x - mean of the column's training rows"},
    .constant_name = {"mean"},
    .fit = fit,
    .affine = affine};
