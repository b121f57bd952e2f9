/* dense: y = x W^T + b, with W as [out, in] and b as [out]. */
#include "layers.h"
#include "lockstep/base/error.h"
#include "lockstep/nn/init.h"

typedef struct dense_options {
    int64_t units;
    bool bias;
    ls_choice init, bias_init;
} dense_options;

static const ls_opt options[] = {
    {.key = "units",
     .kind = LS_OPT_INT,
     .offset = offsetof(dense_options, units),
     .min = 1,
     .max = 1 << 24,
     .help = "outputs of the layer"},
    {.key = "bias",
     .kind = LS_OPT_BOOL,
     .offset = offsetof(dense_options, bias),
     .fallback = "true",
     .help = "add a trained constant to every output"},
    {.key = "init",
     .kind = LS_OPT_CHOICE,
     .offset = offsetof(dense_options, init),
     .fallback = "he_normal",
     .choices = &ls_init_choices,
     .help = "first values of the weights [units, inputs]"},
    {.key = "bias_init",
     .kind = LS_OPT_CHOICE,
     .offset = offsetof(dense_options, bias_init),
     .fallback = "zeros",
     .choices = &ls_init_choices,
     .help = "first values of the biases [units]"},
    {.kind = LS_OPT_END},
};

enum { WEIGHT, BIAS };

static ls_status plan(const void *opts, const ls_shape *in, ls_layer_plan *p) {
    const dense_options *o = opts;
    size_t units = (size_t)o->units;
    if (in->rank != 1)
        return ls_fail(LS_ERR_CONFIG, NULL, "dense takes samples of one dimension, not %d",
                       in->rank);
    p->out = (ls_shape){1, {units}};
    p->param[WEIGHT] = (ls_param_spec){.name = "weight",
                                       .rank = 2,
                                       .dim = {units, in->dim[0]},
                                       .init = &o->init,
                                       .fan_in = in->dim[0],
                                       .fan_out = units};
    p->param[BIAS] = (ls_param_spec){.name = "bias",
                                     .rank = 1,
                                     .dim = {units},
                                     .init = &o->bias_init,
                                     .fan_in = in->dim[0],
                                     .fan_out = units};
    p->n_params = o->bias ? 2 : 1;
    return LS_OK;
}

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    const float *bias = l->n_params > BIAS ? io->weights + l->offset[BIAS] : NULL;
    ls_gemm_forward(l->gemm, &pass->rows, l->in_size, l->out_size, io->x,
                    io->weights + l->offset[WEIGHT], bias, io->y);
}

/* A tile of W's gradient, on its way. */
typedef struct weight_use {
    const ls_gradients *gradients;
    size_t offset, columns;
} weight_use;

static void use_weight_tile(void *context, const ls_tile *tile) {
    const weight_use *u = context;
    u->gradients->use(u->gradients->context, u->offset, u->columns, tile);
}

/* d[k] = where parameter p is in the slab of root k. */
static void find_param(const ls_layer *l, size_t p, const ls_pass *pass, const ls_gradients *g,
                       float **d) {
    for (size_t k = 0; k < pass->lanes->n_roots; k++)
        d[k] = g->root[k] + l->offset[p];
}

/* The gradient of x first: it needs the weights as they were. */
static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    float *d[LS_TREE_DEPTH_MAX];
    weight_use use = {io->gradients, l->offset[WEIGHT], l->in_size};
    if (io->dx != NULL)
        ls_gemm_backward_input(l->gemm, &pass->rows, l->in_size, l->out_size, io->dy,
                               io->weights + l->offset[WEIGHT], io->dx);
    if (l->n_params > BIAS) {
        find_param(l, BIAS, pass, io->gradients, d);
        ls_gemm_backward_bias(&pass->rows, pass->lanes, l->out_size, io->dy, d);
    }
    if (io->gradients->use != NULL) {
        ls_gemm_backward_weight_tiles(l->gemm, &pass->rows, pass->lanes, l->in_size, l->out_size,
                                      io->x, io->dy, use_weight_tile, &use);
        return;
    }
    find_param(l, WEIGHT, pass, io->gradients, d);
    ls_gemm_backward_weight(l->gemm, &pass->rows, pass->lanes, l->in_size, l->out_size, io->x,
                            io->dy, d);
}

const ls_layer_type ls_layer_dense = {
    .row = {"dense", "every output from every input: y = x W^T + b", options, sizeof(dense_options),
            "units"},
    .columns = LS_COLUMNS_SUMMED,
    .plan = plan,
    .forward = forward,
    .backward = backward,
};
