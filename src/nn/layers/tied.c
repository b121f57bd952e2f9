/* tied: the way back through a dense layer: y = x W + b, where W, as [units, inputs], is that of a
 * dense layer before it, and b is its own, as [inputs]. So the decoder of an autoencoder has the
 * transposed weights of its encoder (Vincent et al. 2010).
 *
 * What is a gradient on the way there is an output here, and the other way round: both products are
 * the dense layer's. That of W is formed there, when the way back comes to it, from the rows of
 * both (weight_rows.h): nobody changes W before. */
#include "layers.h"
#include "lockstep/base/add.h"
#include "lockstep/base/error.h"
#include "lockstep/nn/init.h"
#include "weight_rows.h"

typedef struct tied_options {
    int64_t to;
    bool bias;
    ls_choice bias_init;
    ls_param_training training;
} tied_options;

static const ls_opt options[] = {
    {.key = "to",
     .kind = LS_OPT_INT,
     .offset = offsetof(tied_options, to),
     .max = 1 << 20,
     .help = "the dense layer whose weights it uses: its number in this list of layers, from 0"},
    {.key = "bias",
     .kind = LS_OPT_BOOL,
     .offset = offsetof(tied_options, bias),
     .fallback = "true",
     .help = "add a trained constant to every output"},
    {.key = "bias_init",
     .kind = LS_OPT_CHOICE,
     .offset = offsetof(tied_options, bias_init),
     .fallback = "zeros",
     .choices = &ls_init_choices,
     .help = "first values of the biases [inputs of the dense layer]"},
    LS_PARAM_TRAINING_ROWS(tied_options, training),
    {.kind = LS_OPT_END},
};

static size_t lender(const void *opts) {
    return (size_t)((const tied_options *)opts)->to;
}

enum { WEIGHT, BIAS = 0 }; /* the dense layer's, its own */

/* What the dense layer says is added by join. */
static ls_status plan(const void *opts, const ls_shape *in, ls_layer_plan *p) {
    const tied_options *o = opts;
    p->out = *in;
    p->n_params = o->bias ? 1 : 0;
    p->param[BIAS] = (ls_param_spec){.name = "bias",
                                     .rank = 1,
                                     .init = &o->bias_init,
                                     .fan_in = ls_shape_size(in),
                                     .training = &o->training};
    return LS_OK;
}

static ls_status join(const ls_layer *l, ls_layer_plan *p, ls_layer_plan *dense) {
    const size_t in = l->partner->in_size, units = l->partner->out_size;
    if (l->in.rank != 1 || l->in_size != units)
        return ls_hint(ls_fail(LS_ERR_CONFIG, NULL,
                               "%zu features come in, but %s, whose weights it uses, makes %zu",
                               l->in_size, l->partner->path, units),
                       "let the layer before it make %zu features, as `dense: {units: %zu}` does",
                       units, units);
    p->out = l->partner->in;
    p->param[BIAS].dim[0] = p->param[BIAS].fan_out = in;
    if (!dense->param[WEIGHT].training->frozen)
        dense->state_bytes = ls_shared_rows_state(in, units);
    return LS_OK;
}

static size_t room(const ls_layer *l, size_t rows, size_t lanes) {
    return ls_gemm_room(l->gemm, rows, lanes, l->out_size, 1, l->in_size);
}

static const float *weights_of(const ls_layer *l, const ls_layer_io *io) {
    return io->weights + l->partner->offset[WEIGHT];
}

/* The weights have been waited for: the dense layer is before it. */
static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    const size_t rows = ls_pass_rows(pass), n = l->out_size;
    ls_gemm_backward_input(l->gemm, &pass->rows, n, l->in_size, io->x, weights_of(l, io), io->y,
                           io->room, ls_pass_between(pass));
    if (l->n_params == 0)
        return;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++)
        ls_add_to(n, io->weights + l->offset[BIAS], io->y + r * n);
}

static void backward_input(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    const size_t columns[2] = {0, l->out_size};
    const ls_operand dy =
        ls_gemm_ready_x(l->gemm, ls_pass_rows(pass), (ls_segments){1, columns}, io->dy, io->room);
    ls_gemm_forward_part(l->gemm, &pass->rows, l->in_size, (ls_tree_range){0, l->in_size}, &dy,
                         weights_of(l, io), NULL, io->dx, ls_pass_between(pass));
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    float *d[LS_TREE_DEPTH_MAX];
    if (io->dx != NULL)
        backward_input(l, pass, io);
    if (io->partner_state != NULL)
        ls_lend_rows(&pass->rows, l->out_size, l->in_size, io->dy, io->x, io->partner_state);
    if (l->n_params == 0 || ((const tied_options *)l->options)->training.frozen)
        return;
    ls_layer_find_gradient(l, BIAS, pass, io->gradients, d);
    ls_gemm_backward_bias(&pass->rows, pass->lanes, l->out_size, io->dy, d);
}

const ls_layer_type ls_layer_tied = {
    .row = {"tied", "the way back through a dense layer, with its weights: y = x W + b", options,
            sizeof(tied_options), "to"},
    .lender = lender,
    .plan = plan,
    .join = join,
    .room = room,
    .forward = forward,
    .backward = backward,
};
