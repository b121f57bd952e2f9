/* softplus: ln(1 + exp(x)) = max(x, 0) + ln(1 + exp(-|x|)), where no exponential is above 1. */
#include <math.h>

#include "layers.h"
#include "lockstep/math/functions.h"

LS_SIMD static void minus_size_loop(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = -fabsf(x[i]);
}

/* y: ln(1 + exp(-|x|)) before. */
LS_SIMD static void forward_loop(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] += x[i] > 0.0f ? x[i] : 0.0f;
}

LS_SIMD static void minus_loop(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = -x[i];
}

/* dx: exp(-y) - 1 before. */
LS_SIMD static void backward_loop(size_t n, const float *dy, float *dx) {
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * -dx[i];
}

static void forward(const void *opts, size_t n, const float *x, float *y) {
    (void)opts;
    minus_size_loop(n, x, y);
    ls_exp_of(n, y, y);
    ls_log1p_of(n, y, y);
    forward_loop(n, x, y);
}

/* The derivative is the logistic function of x: 1 - exp(-y). */
static void backward(const void *opts, size_t n, const float *x, const float *y, const float *dy,
                     float *dx) {
    (void)opts;
    (void)x;
    minus_loop(n, y, dx);
    ls_expm1_of(n, dx, dx);
    backward_loop(n, dy, dx);
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_softplus = {
    .row = {.name = "softplus", .help = "ln(1 + exp(x))"},
    .columns = LS_COLUMNS_APART,
    .range = "above 0",
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
