/* gelu: x times the standard normal distribution function of x (Hendrycks and Gimpel 2016), by the
 * error function, not its approximation by tanh. */
#include "layers.h"
#include "lockstep/math/functions.h"

#define SQRT_HALF 0.70710678118654752440f  /* sqrt(1 / 2) */
#define NORMAL_TOP 0.39894228040143267794f /* 1 / sqrt(2 pi): the density at 0 */

LS_SIMD static void scale_loop(size_t n, float factor, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = factor * x[i];
}

/* y: erf(x / sqrt 2) before. */
LS_SIMD static void forward_loop(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * (0.5f * (1.0f + y[i]));
}

LS_SIMD static void exponent_loop(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = -0.5f * (x[i] * x[i]);
}

/* erf: of x / sqrt 2; dx: exp(-x^2 / 2) before. */
LS_SIMD static void backward_loop(size_t n, const float *x, const float *erf, const float *dy,
                                  float *dx) {
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (0.5f * (1.0f + erf[i]) + x[i] * (NORMAL_TOP * dx[i]));
}

static void forward(const void *opts, size_t n, const float *x, float *y) {
    (void)opts;
    scale_loop(n, SQRT_HALF, x, y);
    ls_erf_of(n, y, y);
    forward_loop(n, x, y);
}

static void backward(const void *opts, size_t n, const float *x, const float *y, const float *dy,
                     float *dx) {
    float erf[LS_VECTOR_CHUNK] = {0};
    (void)opts;
    (void)y;
    scale_loop(n, SQRT_HALF, x, erf);
    ls_erf_of(n, erf, erf);
    exponent_loop(n, x, dx);
    ls_exp_of(n, dx, dx);
    backward_loop(n, x, erf, dy, dx);
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_gelu = {
    .row = {.name = "gelu", .help = "x times the normal distribution function of x"},
    .columns = LS_COLUMNS_APART,
    .range = "from -0.17 on",
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
