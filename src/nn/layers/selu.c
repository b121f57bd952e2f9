/* selu: an elu whose factors keep mean 0 and variance 1 from layer to layer (Klambauer et al.
 * 2017, with weights from lecun_normal). */
#include "elu.h"
#include "layers.h"

/* scale, and scale times alpha, of that paper's equation 14. */
#define SCALE 1.0507009873554804934193349852946
#define ALPHA 1.6732632423543772848170429916717
static const ls_elu factor = {(float)SCALE, (float)(SCALE *ALPHA)};

static void forward(const void *opts, size_t n, const float *x, float *y) {
    (void)opts;
    ls_elu_forward(factor, n, x, y);
}

static void backward(const void *opts, size_t n, const float *x, const float *y, const float *dy,
                     float *dx) {
    (void)opts;
    ls_elu_backward(factor, n, x, y, dy, dx);
}

static const ls_elementwise loops = {forward, backward};

const ls_layer_type ls_layer_selu = {
    .row = {.name = "selu",
            .help = "elu with the factors that keep mean 0 and variance 1 (init: lecun_normal)"},
    .columns = LS_COLUMNS_APART,
    .range = "above -1.76",
    .loops = &loops,
    .plan = ls_layer_plan_same,
    .forward = ls_elementwise_forward,
    .backward = ls_elementwise_backward,
};
