/* The table of layers: a new one is a file in layers/ and a row here. */
#include "layers.h"

static const ls_opt_row *const rows[] = {
    &ls_layer_dense.row,
    &ls_layer_linear.row,
    &ls_layer_relu.row,
    &ls_layer_leaky_relu.row,
    &ls_layer_elu.row,
    &ls_layer_selu.row,
    &ls_layer_gelu.row,
    &ls_layer_softplus.row,
    &ls_layer_sigmoid.row,
    &ls_layer_tanh.row,
    &ls_layer_threshold.row,
    &ls_layer_softmax.row,
    &ls_layer_batch_norm.row,
    &ls_layer_layer_norm.row,
    &ls_layer_dropout.row,
    &ls_layer_gaussian_noise.row,
    &ls_layer_multiplicative_noise.row,
    &ls_layer_residual.row,
    &ls_layer_tied.row,
    NULL,
};

const ls_opt_choices ls_layer_choices = {.what = "layer", .rows = rows};

size_t ls_shape_size(const ls_shape *shape) {
    size_t n = 1;
    for (int i = 0; i < shape->rank; i++)
        n *= shape->dim[i];
    return n;
}

size_t ls_pass_rows(const ls_pass *pass) {
    return pass->rows.first[pass->rows.count];
}

ls_status ls_layer_plan_same(const void *options, const ls_shape *in, ls_layer_plan *plan) {
    (void)options;
    plan->out = *in;
    return LS_OK;
}

size_t ls_layer_elements(const ls_layer *layer, const ls_pass *pass) {
    return ls_pass_rows(pass) * layer->out_size;
}

const ls_between *ls_pass_between(const ls_pass *pass) {
    return pass->overlap != NULL ? &pass->overlap->between : NULL;
}

void ls_layer_find_gradient(const ls_layer *layer, size_t p, const ls_pass *pass,
                            const ls_gradients *gradients, float *d[LS_TREE_DEPTH_MAX]) {
    for (size_t k = 0; k < pass->lanes->n_roots; k++)
        d[k] = gradients->root[k] + layer->offset[p];
}
