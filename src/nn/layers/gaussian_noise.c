/* gaussian_noise: in training x + std n, n a standard normal draw a unit; elsewhere the identity.
 */
#include <string.h>

#include "layers.h"
#include "noise.h"

LS_SIMD static void add(float std, size_t n, const float *draw, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] + std * draw[i];
}

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    ls_noise(l, pass, add, io->x, io->y);
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        memcpy(io->dx, io->dy, ls_layer_elements(l, pass) * sizeof(float));
}

const ls_layer_type ls_layer_gaussian_noise = {
    .row = {"gaussian_noise", "adds normal draws in training", ls_noise_table,
            sizeof(ls_noise_options), "std"},
    .columns = LS_COLUMNS_APART,
    .plan = ls_layer_plan_same,
    .forward = forward,
    .backward = backward,
};
