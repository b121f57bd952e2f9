/* quantile_clip: keeps every column within two quantiles of its training rows: a share of the
 * values at either end becomes the one that bounds them (winsorising). */
#include <math.h>

#include "kind.h"

typedef struct clip_options {
    double share;
} clip_options;

static const ls_opt options[] = {{.key = "share",
                                  .kind = LS_OPT_FLOAT,
                                  .offset = offsetof(clip_options, share),
                                  .fallback = "0.01",
                                  .max = 0.5,
                                  .flags = LS_OPT_BELOW_MAX,
                                  .help = "of the training rows at either end that are clipped"},
                                 {.kind = LS_OPT_END}};

static double parameter(const void *o) {
    return ((const clip_options *)o)->share;
}

static bool share_valid(double share) {
    return share >= 0 && share < 0.5;
}

static ls_status fit(const float *x, size_t rows, size_t columns, double share,
                     double *const *constant) {
    const double shares[] = {share, 1 - share};
    return ls_column_quantiles(x, rows, columns, shares, 2, constant);
}

static bool valid(const double *constant) {
    return constant[0] <= constant[1];
}

static void bounds(const double *constant, double share, double *low, double *high) {
    (void)share;
    *low = constant[0];
    *high = constant[1];
}

const ls_transform_kind ls_transform_quantile_clip = {
    .row = {.name = "quantile_clip",
            .help = "keeps x within two quantiles of the column's training rows",
            .options = options,
            .options_size = sizeof(clip_options),
            .shorthand = "share"},
    .parameter = {{"share", parameter, share_valid}},
    .constant_name = {"low", "high"},
    .fit = fit,
    .constants_valid = valid,
    .bounds = bounds};
