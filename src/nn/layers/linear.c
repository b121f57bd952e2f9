/* linear: x as it is; for a place where a config wants the name of an activation. */
#include <string.h>

#include "layers.h"

static void forward(const void *opts, size_t n, const float *x, float *y) {
    (void)opts;
    memcpy(y, x, n * sizeof *y);
}

static void backward(const void *opts, size_t n, const float *x, const float *y, const float *dy,
                     float *dx) {
    (void)opts;
    (void)x;
    (void)y;
    memcpy(dx, dy, n * sizeof *dx);
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_linear = {
    .row = {.name = "linear", .help = "x as it is"},
    .columns = LS_COLUMNS_APART,
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
