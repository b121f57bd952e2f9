/* leaky_relu: x where it is above 0, else slope x (Maas et al. 2013). */
#include "layers.h"

typedef struct leaky_relu_options {
    double slope;
} leaky_relu_options;

static const ls_opt options[] = {
    {.key = "slope",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(leaky_relu_options, slope),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .help = "slope below 0"},
    {.kind = LS_OPT_END},
};

static float slope_of(const void *opts) {
    return (float)((const leaky_relu_options *)opts)->slope;
}

LS_SIMD static void forward(const void *opts, size_t n, const float *x, float *y) {
    const float slope = slope_of(opts);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? x[i] : slope * x[i];
}

LS_SIMD static void backward(const void *opts, size_t n, const float *x, const float *y,
                             const float *dy, float *dx) {
    const float slope = slope_of(opts);
    (void)y;
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] > 0.0f ? dy[i] : slope * dy[i];
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_leaky_relu = {
    .row = {"leaky_relu", "x above 0, else slope x", options, sizeof(leaky_relu_options), "slope"},
    .columns = LS_COLUMNS_APART,
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
