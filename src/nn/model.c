/* Planning a model: shapes, parameters and their places in a slab; first values; hash. */
#include "lockstep/nn/model.h"

#include <stdio.h>
#include <string.h>

#include "layers.h"
#include "lockstep/base/error.h"
#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"
#include "lockstep/nn/init.h"
#include "sequence.h"

/* Whether the loss does by itself what this layer would do. */
static bool absorbs(const ls_loss_type *loss, const ls_layer_type *last) {
    return loss->link != LS_LINK_NONE && last->link == loss->link;
}

/* The name of the layer or loss of that link; NULL: none. */
static const char *layer_of(ls_link link) {
    for (size_t i = 0; ls_layer_choices.rows[i] != NULL; i++)
        if (((const ls_layer_type *)ls_layer_choices.rows[i])->link == link)
            return ls_layer_choices.rows[i]->name;
    return NULL;
}

static const char *loss_of(ls_link link) {
    for (size_t i = 0; link != LS_LINK_NONE && ls_loss_choices.rows[i] != NULL; i++)
        if (((const ls_loss_type *)ls_loss_choices.rows[i])->link == link)
            return ls_loss_choices.rows[i]->name;
    return NULL;
}

/* A loss with a link takes any number of the last layer that is run: a model whose outputs are
 * bounded could not say all that it should. */
static ls_status check_last(const ls_model *m, const ls_loss_type *loss) {
    const ls_layer_type *last = m->layers[m->n_active - 1].type;
    const char *name = last->row.name, *layer = layer_of(loss->link), *other = loss_of(last->link);
    const bool twice = last->link == loss->link;
    char in_place[64] = "", instead[128] = "";
    if (loss->link == LS_LINK_NONE || last->range == NULL)
        return LS_OK;
    if (twice)
        snprintf(in_place, sizeof in_place, ": the loss does it by itself");
    else if (layer != NULL)
        snprintf(in_place, sizeof in_place, ", or write %s in its place", layer);
    if (!twice && other != NULL)
        snprintf(instead, sizeof instead, ", or use loss: %s, which goes with %s", other, name);
    return ls_hint(ls_fail(LS_ERR_CONFIG, NULL,
                           "%s gives numbers %s, but %s takes %s, which can be any number", name,
                           last->range, loss->row.name, ls_link_takes(loss->link)),
                   "leave %s out%s%s", name, in_place, instead);
}

static ls_status plan_shape(ls_model *m, const ls_layer *l) {
    ls_layer_plan *plan = &m->plans[l->index];
    LS_TRY(l->type->plan(l->options, &l->in, plan));
    if (l->type->join == NULL)
        return LS_OK;
    return l->type->join(l, plan, &m->plans[l->partner->index]);
}

static ls_status plan_layer(ls_model *m, size_t i, const ls_sequence_link *link,
                            const ls_shape *in) {
    ls_layer *l = &m->layers[i];
    l->type = link->type;
    l->options = link->options;
    l->gemm = m->gemm;
    l->index = (uint32_t)i;
    l->partner = link->partner != i ? &m->layers[link->partner] : NULL;
    memcpy(l->name, link->name, sizeof l->name);
    memcpy(l->path, link->path, sizeof l->path);
    l->in = *in;
    l->in_size = ls_shape_size(&l->in);
    LS_TRY(ls_fail_in(plan_shape(m, l), l->path));
    l->out = m->plans[i].out;
    l->out_size = ls_shape_size(&l->out);
    l->n_params = m->plans[i].n_params;
    m->n_params += l->n_params;
    return LS_OK;
}

/* What is no matrix is one row. */
static ls_strips strips_of(const ls_layer *l, const ls_param_spec *spec, size_t count) {
    if (spec->multiplies)
        return ls_gemm_strips(l->gemm, spec->dim[0], spec->dim[1]);
    return spec->rank == 2 ? (ls_strips){spec->dim[0], spec->dim[1], 1} : (ls_strips){1, count, 1};
}

static double lr_scale_of(const ls_param_spec *spec) {
    if (spec->training == NULL)
        return 1;
    return spec->training->frozen ? 0 : spec->training->lr_scale;
}

static void describe_param(const ls_layer *l, const ls_param_spec *spec, ls_param *param) {
    snprintf(param->name, sizeof param->name, "%s/%s", l->name, spec->name);
    param->rank = spec->rank;
    param->count = 1;
    for (int d = 0; d < spec->rank; d++) {
        param->dim[d] = spec->dim[d];
        param->count *= spec->dim[d];
    }
    param->first_column = spec->first_column;
    param->all_columns = spec->all_columns > 0 ? spec->all_columns : spec->dim[1];
    param->strips = strips_of(l, spec, param->count);
    param->lr_scale = lr_scale_of(spec);
    param->running = spec->running;
}

static void place_param(ls_model *m, ls_layer *l, size_t k, ls_param *param) {
    param->offset = l->offset[k] = m->slab_floats;
    m->slab_floats += ls_slab_room(param->count);
}

size_t ls_param_all(const ls_param *param) {
    return param->rank == 2 ? param->dim[0] * param->all_columns : param->count;
}

/* Gives every parameter its place in the slab: the one that is spread over the ranks the last. */
static void place_params(ls_model *m) {
    size_t p = 0;
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < m->layers[i].n_params; k++) {
            const ls_param_spec *spec = &m->plans[i].param[k];
            ls_param *param = &m->params[p++];
            describe_param(&m->layers[i], spec, param);
            m->n_weights += ls_param_all(param);
            if (spec->all_columns > 0)
                m->sharded = param;
            else
                place_param(m, &m->layers[i], k, param);
        }
    m->shared_floats = m->slab_floats;
    if (m->sharded == NULL)
        return;
    place_param(m, &m->layers[m->front - 1], 0, &m->params[m->sharded - m->params]);
}

static size_t first_trained(const ls_model *m) {
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < m->layers[i].n_params; k++)
            if (lr_scale_of(&m->plans[i].param[k]) > 0)
                return i;
    return m->n_layers;
}

/* Cuts every shared span into blocks; a block never holds parts of two parameters. */
static ls_status cut_blocks(ls_model *m) {
    for (size_t p = 0; p < m->n_params; p++)
        if (&m->params[p] != m->sharded)
            m->n_blocks += (m->params[p].count + LS_BLOCK_FLOATS - 1) / LS_BLOCK_FLOATS;
    LS_TRY(ls_alloc(m->n_blocks + 1, sizeof *m->block_edge, "model", &m->block_edge));
    size_t b = 0;
    for (size_t p = 0; p < m->n_params; p++)
        for (size_t at = 0; &m->params[p] != m->sharded && at < m->params[p].count;
             at += LS_BLOCK_FLOATS)
            m->block_edge[b++] = m->params[p].offset + at;
    m->block_edge[b] = m->shared_floats;
    return LS_OK;
}

static ls_status plan_sequence(ls_model *m, const ls_sequence *sequence, const ls_shape *in) {
    m->n_layers = sequence->count;
    LS_TRY(ls_alloc(m->n_layers, sizeof *m->layers, "model", &m->layers));
    LS_TRY(ls_alloc(m->n_layers, sizeof *m->plans, "model", &m->plans));
    m->in = m->out = *in;
    for (size_t i = 0; i < m->n_layers; i++) {
        LS_TRY(plan_layer(m, i, &sequence->links[i], &m->out));
        m->out = m->layers[i].out;
    }
    return LS_OK;
}

static ls_status plan_layers(ls_model *m, const ls_choice_list *config, const ls_shape *in) {
    ls_sequence sequence;
    LS_TRY(ls_sequence_create(config, &sequence));
    const ls_status st = plan_sequence(m, &sequence, in);
    ls_sequence_free(&sequence);
    return st;
}

static const ls_layer_type *type_of(const ls_choice_list *config, size_t i) {
    return (const ls_layer_type *)config->items[i].row; /* the row is the first member */
}

/* Layers up to and with the first that is not elementwise. */
static size_t front_of(const ls_choice_list *config) {
    size_t i = 0;
    while (i + 1 < config->count && type_of(config, i)->columns == LS_COLUMNS_APART)
        i++;
    return i + 1;
}

/* Whether another layer of the list uses the parameter of layer i, too. */
static bool is_lent(const ls_choice_list *config, size_t i) {
    for (size_t k = i + 1; k < config->count; k++)
        if (type_of(config, k)->lender != NULL &&
            type_of(config, k)->lender(config->items[k].options) == i)
            return true;
    return false;
}

const char *ls_model_why_whole(const ls_choice_list *config) {
    const size_t last = config->count > 0 ? front_of(config) - 1 : 0;
    if (config->count == 0 || type_of(config, last)->columns != LS_COLUMNS_SUMMED)
        return "no dense layer stands behind nothing but elementwise ones";
    if (is_lent(config, last))
        return "a layer that is tied to the first dense one needs all of its weights";
    return NULL;
}

bool ls_model_can_shard(const ls_choice_list *config) {
    return ls_model_why_whole(config) == NULL;
}

/* Plans the front once more, for these columns only. */
static ls_status keep_columns(ls_model *m, const ls_choice_list *config,
                              const ls_tree_range *columns) {
    const size_t first = columns->first, count = columns->count;
    const ls_shape in = {1, {count}};
    const size_t all = m->in_size;
    m->front = front_of(config);
    m->in_size = count;
    for (size_t i = 0; i < m->front; i++) {
        ls_layer *l = &m->layers[i];
        ls_layer_plan part = {0};
        const bool last = i + 1 == m->front;
        LS_TRY(l->type->plan(l->options, &in, &part));
        l->in = in;
        l->in_size = count;
        for (size_t k = 0; k < part.n_params; k++) {
            part.param[k].fan_in = m->plans[i].param[k].fan_in;
            part.param[k].fan_out = m->plans[i].param[k].fan_out;
        }
        if (last) {
            part.param[0].first_column = first;
            part.param[0].all_columns = all;
        } else {
            l->out = in;
            l->out_size = count;
            l->first_unit = first;
        }
        m->plans[i] = part;
    }
    return LS_OK;
}

/* Whether every layer that has no gradient stands where none is asked of it: before all that is
 * trained, or at the end, with a loss that takes outputs as they are. */
static ls_status check_step(const ls_model *m, size_t i, const ls_choice *loss) {
    const ls_layer_type *type = m->layers[i].type;
    if (!type->is_step || m->first_trained >= i)
        return LS_OK;
    if (i + 1 < m->n_layers)
        return ls_hint(ls_fail(LS_ERR_CONFIG, NULL,
                               "%s has no gradient: no layer before it would learn",
                               type->row.name),
                       "use it as the last layer or on the inputs, and sigmoid or tanh here");
    if (ls_loss_type_of(loss)->link != LS_LINK_NONE)
        return ls_hint(ls_fail(LS_ERR_CONFIG, NULL, "%s gives 0 or 1, but %s takes logits",
                               type->row.name, loss->row->name),
                       "for a perceptron use the loss mse: 0.5; else leave the layer out");
    return LS_OK;
}

static ls_status check_steps(const ls_model *m, const ls_choice *loss) {
    for (size_t i = 0; i < m->n_layers; i++)
        LS_TRY(ls_fail_in(check_step(m, i, loss), m->layers[i].path));
    return LS_OK;
}

static ls_status plan_model(ls_model *m, const ls_choice_list *config, const ls_choice *loss,
                            const ls_shape *in, const ls_tree_range *columns) {
    LS_TRY(plan_layers(m, config, in));
    m->in_size = ls_shape_size(in);
    if (columns != NULL)
        LS_TRY(keep_columns(m, config, columns));
    m->out_size = ls_shape_size(&m->out);
    m->n_active =
        m->n_layers - (absorbs(ls_loss_type_of(loss), m->layers[m->n_layers - 1].type) ? 1 : 0);
    m->first_trained = first_trained(m);
    if (m->first_trained == m->n_layers)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "model", "no layer has anything to train"), "%s",
                       m->n_params == 0 ? "add a layer such as `- dense: {units: 10}`"
                                        : "leave out `frozen: true` of one at least");
    LS_TRY(check_steps(m, loss));
    LS_TRY(ls_fail_in(check_last(m, ls_loss_type_of(loss)), m->layers[m->n_active - 1].path));
    LS_TRY(ls_alloc(m->n_params, sizeof *m->params, "model", &m->params));
    place_params(m);
    LS_TRY(cut_blocks(m));
    return ls_alloc(m->slab_floats, sizeof *m->weights, "weights", &m->weights);
}

ls_status ls_model_create(const ls_choice_list *config, const ls_choice *loss, const ls_shape *in,
                          const ls_tree_range *columns, const ls_gemm *gemm, ls_model **out) {
    ls_model *m;
    LS_TRY(ls_alloc(1, sizeof *m, "model", &m));
    m->gemm = gemm;
    ls_status st = plan_model(m, config, loss, in, columns);
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
    if (!m->weights_are_lent)
        ls_free(m->weights);
    ls_free(m);
}

void ls_model_move(ls_model *m, float *slab) {
    if (!m->weights_are_lent)
        ls_free(m->weights);
    m->weights = slab;
    m->weights_are_lent = true;
}

ls_status ls_model_init(ls_model *m, uint32_t seed) {
    uint32_t p = 0;
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < m->layers[i].n_params; k++, p++) {
            const ls_param *param = &m->params[p];
            ls_status st = ls_init_param(&m->plans[i].param[k], &param->strips, seed, p,
                                         m->weights + param->offset);
            if (st != LS_OK)
                return ls_fail_in(st, param->name);
        }
    return LS_OK;
}

/* Row by row, whatever way it lies. */
static void add_param(ls_hasher *h, const ls_param *param, const float *w) {
    enum { MOST = 1024 };
    const ls_strips *s = &param->strips;
    if (s->width == 1) {
        ls_hasher_add(h, w, param->count * sizeof *w);
        return;
    }
    for (size_t r = 0; r < s->out; r++)
        for (size_t c = 0, n = 0; c < s->in; c += n) {
            const float *from = w + ls_strips_at(s, r, c);
            float row[MOST];
            for (n = 0; n < MOST && c + n < s->in; n++)
                row[n] = from[n * ls_strips_width(s, r)];
            ls_hasher_add(h, row, n * sizeof *row);
        }
}

ls_status ls_model_hash(const ls_model *m, char *hex) {
    ls_hasher *h;
    LS_TRY(ls_hasher_create(&h));
    for (size_t p = 0; p < m->n_params; p++)
        add_param(h, &m->params[p], m->weights + m->params[p].offset);
    ls_print_hash(ls_hasher_result(h), hex);
    ls_hasher_destroy(h);
    return LS_OK;
}
