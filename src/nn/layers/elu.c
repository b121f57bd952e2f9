/* elu: x where it is above 0, else alpha (exp(x) - 1) (Clevert et al. 2016). */
#include "elu.h"

#include "layers.h"
#include "lockstep/math/functions.h"

typedef struct elu_options {
    double alpha;
} elu_options;

static const ls_opt options[] = {
    {.key = "alpha",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(elu_options, alpha),
     .fallback = "1",
     .min = 0,
     .max = 1e6,
     .help = "the output comes down to -alpha"},
    {.kind = LS_OPT_END},
};

/* y: exp(x) - 1 before. */
LS_SIMD static void forward_loop(ls_elu factor, size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > 0.0f ? factor.above * x[i] : factor.below * y[i];
}

/* Below 0 the derivative is y + below. */
LS_SIMD static void backward_loop(ls_elu factor, size_t n, const float *x, const float *y,
                                  const float *dy, float *dx) {
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * (x[i] > 0.0f ? factor.above : y[i] + factor.below);
}

void ls_elu_forward(ls_elu factor, size_t n, const float *x, float *y) {
    ls_expm1_of(n, x, y);
    forward_loop(factor, n, x, y);
}

void ls_elu_backward(ls_elu factor, size_t n, const float *x, const float *y, const float *dy,
                     float *dx) {
    backward_loop(factor, n, x, y, dy, dx);
}

static ls_elu factor_of(const void *opts) {
    return (ls_elu){1.0f, (float)((const elu_options *)opts)->alpha};
}

static void forward(const void *opts, size_t n, const float *x, float *y) {
    ls_elu_forward(factor_of(opts), n, x, y);
}

static void backward(const void *opts, size_t n, const float *x, const float *y, const float *dy,
                     float *dx) {
    ls_elu_backward(factor_of(opts), n, x, y, dy, dx);
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_elu = {
    .row = {"elu", "x above 0, else alpha (exp(x) - 1)", options, sizeof(elu_options), "alpha"},
    .columns = LS_COLUMNS_APART,
    .range = "above -alpha",
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
