/* sigmoid: 1 / (1 + exp(-x)), element by element. */
#include "layers.h"
#include "lockstep/math/vector.h"

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    ls_sigmoid(ls_layer_elements(l, pass), io->x, io->y);
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_sigmoid_backward(ls_layer_elements(l, pass), io->y, io->dy, io->dx);
}

const ls_layer_type ls_layer_sigmoid = {
    .row = {.name = "sigmoid", .help = "1 / (1 + exp(-x))"},
    .columns = LS_COLUMNS_APART,
    .link = LS_LINK_SIGMOID,
    .range = "from 0 to 1",
    .plan = ls_layer_plan_same,
    .forward = forward,
    .backward = backward,
};
