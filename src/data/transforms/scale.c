/* scale: every value times one number from the config. */
#include <math.h>

#include "kind.h"

typedef struct scale_options {
    double factor;
} scale_options;

static const ls_opt options[] = {
    {.key = "factor",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(scale_options, factor),
     .fallback = NULL,
     .help = "what every value is multiplied by (pixels: 0.00392156862745098 = 1/255)"},
    {.kind = LS_OPT_END}};

static double parameter(const void *o) {
    return ((const scale_options *)o)->factor;
}

static bool valid(double factor) {
    return isfinite(factor) && factor != 0;
}

static void affine(const double *constant, double factor, double *shift, double *out) {
    (void)constant;
    *shift = 0;
    *out = factor;
}

const ls_transform_kind ls_transform_scale = {.row = {.name = "scale",
                                                      .help = "x * factor",
                                                      .options = options,
                                                      .options_size = sizeof(scale_options),
                                                      .shorthand = "factor"},
                                              .parameter = {{"factor", parameter, valid}},
                                              .affine = affine};
