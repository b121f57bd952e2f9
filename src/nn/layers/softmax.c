/* softmax: exp(x) / sum exp(x) over a sample. As the last layer before softmax_cross_entropy it
 * is absorbed by the loss, which works on logits. */
#include "layers.h"
#include "lockstep/math/vector.h"

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    ls_softmax(ls_pass_rows(pass), l->out_size, io->x, io->y);
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_softmax_backward(ls_pass_rows(pass), l->out_size, io->y, io->dy, io->dx);
}

const ls_layer_type ls_layer_softmax = {
    .row = {.name = "softmax", .help = "probabilities: exp(x) / sum exp(x) over a sample"},
    .link = LS_LINK_SOFTMAX,
    .range = "from 0 to 1",
    .plan = ls_layer_plan_same,
    .forward = forward,
    .backward = backward,
};
