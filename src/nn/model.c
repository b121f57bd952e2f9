/* Planning a model: shapes, parameters and their places in a slab; first values; hash. */
#include "lockstep/nn/model.h"

#include <stdio.h>
#include <string.h>

#include "layers.h"
#include "lockstep/base/error.h"
#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"
#include "lockstep/nn/init.h"

/* A parameter begins at a multiple of this many floats: a cache line. */
#define SLAB_ALIGN ((size_t)16)

/* Whether the loss does by itself what this layer would do. */
static bool absorbs(const ls_choice *loss, const ls_layer_type *last) {
    switch (ls_loss_type_of(loss)->link) {
    case LS_LINK_SOFTMAX:
        return last == &ls_layer_softmax;
    case LS_LINK_SIGMOID:
        return last == &ls_layer_sigmoid;
    case LS_LINK_NONE:
        break;
    }
    return false;
}

static ls_status plan_layer(ls_model *m, size_t i, const ls_choice *config, const ls_shape *in) {
    ls_layer *l = &m->layers[i];
    l->type = (const ls_layer_type *)config->row; /* the row is the first member */
    l->options = config->options;
    l->index = (uint32_t)i;
    l->in = *in;
    ls_status st = l->type->plan(l->options, in, &m->plans[i]);
    if (st != LS_OK) {
        char where[32];
        snprintf(where, sizeof where, "model.%zu", i);
        return ls_fail_in(st, where);
    }
    l->out = m->plans[i].out;
    l->in_size = ls_shape_size(&l->in);
    l->out_size = ls_shape_size(&l->out);
    l->n_params = m->plans[i].n_params;
    m->n_params += l->n_params;
    return LS_OK;
}

/* Gives every parameter its place in the slab. */
static void place_params(ls_model *m) {
    size_t p = 0;
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < m->layers[i].n_params; k++) {
            const ls_param_spec *spec = &m->plans[i].param[k];
            ls_param *param = &m->params[p++];
            snprintf(param->name, sizeof param->name, "%zu_%s/%s", i, m->layers[i].type->row.name,
                     spec->name);
            param->rank = spec->rank;
            param->count = 1;
            for (int d = 0; d < spec->rank; d++) {
                param->dim[d] = spec->dim[d];
                param->count *= spec->dim[d];
            }
            param->offset = m->slab_floats;
            m->layers[i].offset[k] = param->offset;
            m->n_weights += param->count;
            m->slab_floats += (param->count + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN;
        }
}

/* Cuts every span into blocks; a block never holds parts of two parameters. */
static ls_status cut_blocks(ls_model *m) {
    for (size_t p = 0; p < m->n_params; p++)
        m->n_blocks += (m->params[p].count + LS_BLOCK_FLOATS - 1) / LS_BLOCK_FLOATS;
    LS_TRY(ls_alloc(m->n_blocks + 1, sizeof *m->block_edge, "model", &m->block_edge));
    size_t b = 0;
    for (size_t p = 0; p < m->n_params; p++)
        for (size_t at = 0; at < m->params[p].count; at += LS_BLOCK_FLOATS)
            m->block_edge[b++] = m->params[p].offset + at;
    m->block_edge[b] = m->slab_floats;
    return LS_OK;
}

static ls_status plan_layers(ls_model *m, const ls_choice_list *config, const ls_shape *in) {
    if (config->count == 0)
        return ls_fail(LS_ERR_CONFIG, "model", "it has no layers");
    m->n_layers = config->count;
    LS_TRY(ls_alloc(m->n_layers, sizeof *m->layers, "model", &m->layers));
    LS_TRY(ls_alloc(m->n_layers, sizeof *m->plans, "model", &m->plans));
    m->in = m->out = *in;
    for (size_t i = 0; i < m->n_layers; i++) {
        LS_TRY(plan_layer(m, i, &config->items[i], &m->out));
        m->out = m->layers[i].out;
    }
    return LS_OK;
}

static ls_status plan_model(ls_model *m, const ls_choice_list *config, const ls_choice *loss,
                            const ls_shape *in) {
    LS_TRY(plan_layers(m, config, in));
    m->in_size = ls_shape_size(in);
    m->out_size = ls_shape_size(&m->out);
    m->n_active = m->n_layers - (absorbs(loss, m->layers[m->n_layers - 1].type) ? 1 : 0);
    if (m->n_params == 0)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "model", "no layer has anything to train"),
                       "add a layer such as `- dense: {units: 10}`");
    LS_TRY(ls_alloc(m->n_params, sizeof *m->params, "model", &m->params));
    place_params(m);
    LS_TRY(cut_blocks(m));
    return ls_alloc(m->slab_floats, sizeof *m->weights, "weights", &m->weights);
}

ls_status ls_model_create(const ls_choice_list *config, const ls_choice *loss, const ls_shape *in,
                          ls_model **out) {
    ls_model *m;
    LS_TRY(ls_alloc(1, sizeof *m, "model", &m));
    ls_status st = plan_model(m, config, loss, in);
    if (st != LS_OK) {
        ls_model_destroy(m);
        return st;
    }
    *out = m;
    return LS_OK;
}

ls_status ls_model_count(const ls_choice_list *config, const ls_shape *in, double *weights) {
    ls_model m = {0};
    ls_status st = plan_layers(&m, config, in);
    *weights = 0;
    for (size_t i = 0; st == LS_OK && i < m.n_layers; i++)
        for (size_t k = 0; k < m.layers[i].n_params; k++) {
            const ls_param_spec *spec = &m.plans[i].param[k];
            double count = 1;
            for (int d = 0; d < spec->rank; d++)
                count *= (double)spec->dim[d];
            *weights += count;
        }
    ls_free(m.layers);
    ls_free(m.plans);
    return st;
}

void ls_model_destroy(ls_model *m) {
    if (m == NULL)
        return;
    ls_free(m->layers);
    ls_free(m->plans);
    ls_free(m->params);
    ls_free(m->block_edge);
    ls_free(m->weights);
    ls_free(m);
}

ls_status ls_model_init(ls_model *m, uint32_t seed) {
    uint32_t p = 0;
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < m->layers[i].n_params; k++, p++) {
            ls_status st =
                ls_init_param(&m->plans[i].param[k], seed, p, m->weights + m->params[p].offset);
            if (st != LS_OK)
                return ls_fail_in(st, m->params[p].name);
        }
    return LS_OK;
}

ls_status ls_model_hash(const ls_model *m, char *hex) {
    ls_hasher *h;
    LS_TRY(ls_hasher_create(&h));
    for (size_t p = 0; p < m->n_params; p++)
        ls_hasher_add(h, m->weights + m->params[p].offset, m->params[p].count * sizeof(float));
    ls_print_hash(ls_hasher_result(h), hex);
    ls_hasher_destroy(h);
    return LS_OK;
}
