/* relu: max(x, 0), element by element. */
#include "layers.h"
#include "lockstep/math/vector.h"

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    ls_relu(ls_layer_elements(l, pass), io->x, io->y);
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_relu_backward(ls_layer_elements(l, pass), io->y, io->dy, io->dx);
}

const ls_layer_type ls_layer_relu = {
    .row = {.name = "relu", .help = "max(x, 0)"},
    .columns = LS_COLUMNS_APART,
    .range = "from 0 on",
    .plan = ls_layer_plan_same,
    .forward = forward,
    .backward = backward,
};
