/* tanh: the hyperbolic tangent, element by element. */
#include "layers.h"
#include "lockstep/math/functions.h"

static void forward(const void *opts, size_t n, const float *x, float *y) {
    (void)opts;
    ls_tanh_of(n, x, y);
}

LS_SIMD static void backward(const void *opts, size_t n, const float *x, const float *y,
                             const float *dy, float *dx) {
    (void)opts;
    (void)x;
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_tanh = {
    .row = {.name = "tanh", .help = "the hyperbolic tangent"},
    .columns = LS_COLUMNS_APART,
    .range = "from -1 to 1",
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
