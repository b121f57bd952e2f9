/* relu: max(x, 0), element by element. */
#include "layers.h"

LS_SIMD static void forward(const void *opts, size_t n, const float *x, float *y) {
    (void)opts;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i]; /* a NaN stays one */
}

LS_SIMD static void backward(const void *opts, size_t n, const float *x, const float *y,
                             const float *dy, float *dx) {
    (void)opts;
    (void)x;
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_relu = {
    .row = {.name = "relu", .help = "max(x, 0)"},
    .columns = LS_COLUMNS_APART,
    .can_die = true,
    .range = "from 0 on",
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
