/* threshold: 1 where x is at least `at`, else 0: the output of a perceptron.
 *
 * A step has no gradient: its derivative is 0 wherever there is one. As the last layer it hands the
 * loss's gradient on as it is, as though it were linear. With one output and `loss: {mse: 0.5}`
 * that is y - t, so that a step of sgd over one sample is Rosenblatt's rule (1958),
 *
 *     w += lr (t - y) x, b += lr (t - y),
 *
 * over more samples the mean of their rules; of k outputs each learns at a k-th of the rate. Behind
 * trained weights and before other layers the model refuses it (src/nn/model.c). */
#include <string.h>

#include "layers.h"

typedef struct threshold_options {
    double at;
} threshold_options;

static const ls_opt options[] = {
    {.key = "at",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(threshold_options, at),
     .fallback = "0",
     .min = -1e30,
     .max = 1e30,
     .help = "least x whose output is 1"},
    {.kind = LS_OPT_END},
};

LS_SIMD static void forward(const void *opts, size_t n, const float *x, float *y) {
    const float at = (float)((const threshold_options *)opts)->at;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] >= at ? 1.0f : x[i] < at ? 0.0f : x[i]; /* a NaN stays one */
}

static void backward(const void *opts, size_t n, const float *x, const float *y, const float *dy,
                     float *dx) {
    (void)opts;
    (void)x;
    (void)y;
    memcpy(dx, dy, n * sizeof *dx);
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_threshold = {
    .row = {"threshold",
            "1 where x is at least a threshold, else 0; as the last layer, with mse: 0.5, a "
            "perceptron",
            options, sizeof(threshold_options), "at"},
    .columns = LS_COLUMNS_APART,
    .range = "0 and 1",
    .is_step = true,
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
