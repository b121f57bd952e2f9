/* multiplicative_noise: in training x (1 + std n), n a standard normal draw a unit; elsewhere the
 * identity. With std = sqrt(rate / (1 - rate)) it has the mean and variance of dropout (Srivastava
 * et al. 2014, section 10). */
#include "layers.h"
#include "noise.h"

LS_SIMD static void multiply(float std, size_t n, const float *draw, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * (1.0f + std * draw[i]);
}

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    ls_noise(l, pass, multiply, io->x, io->y);
}

/* By the same factors, drawn again: no memory holds them meanwhile. */
static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_noise(l, pass, multiply, io->dy, io->dx);
}

const ls_layer_type ls_layer_multiplicative_noise = {
    .row = {"multiplicative_noise",
            "multiplies by 1 + normal draws in training; std = sqrt(rate / (1 - rate)) for "
            "dropout's rate",
            ls_noise_table, sizeof(ls_noise_options), "std"},
    .columns = LS_COLUMNS_APART,
    .plan = ls_layer_plan_same,
    .forward = forward,
    .backward = backward,
};
