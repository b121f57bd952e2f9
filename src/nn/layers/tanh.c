/* tanh: the hyperbolic tangent, element by element. */
#include "layers.h"
#include "lockstep/math/vector.h"

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    ls_tanh(ls_layer_elements(l, pass), io->x, io->y);
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_tanh_backward(ls_layer_elements(l, pass), io->y, io->dy, io->dx);
}

const ls_layer_type ls_layer_tanh = {
    .row = {.name = "tanh", .help = "the hyperbolic tangent"},
    .columns = LS_COLUMNS_APART,
    .range = "from -1 to 1",
    .plan = ls_layer_plan_same,
    .forward = forward,
    .backward = backward,
};
