/* Counts operations, bytes and weights of a step. Why here: see cost.h. */
#include "cost.h"

#include "lockstep/optim/optimizer.h"

static size_t own_rows(const ls_run *run) {
    const ls_config_batch *b = &run->t->config.batch;
    return run->lanes.mine.count * (size_t)(b->rows / b->lanes);
}

/* A matrix is multiplied with forward, for its own gradient, and for that of its input unless this
 * is the data; all of it once more for a layer that is tied to it. A first layer that is spread has
 * all rows of the batch. */
static void add_products(const ls_run *run, ls_step_facts *f) {
    const ls_model *m = run->t->model;
    const ls_param *p = m->params;
    double products = 2;
    for (size_t i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < m->layers[i].n_params; k++, p++) {
            if (p->rank < 2)
                continue;
            const size_t rows = p == m->sharded ? f->rows : own_rows(run);
            products += m->layers[i].partner != NULL ? 3 : 0;
            f->flops += products * 2 * (double)f->rows * (double)ls_param_all(p);
            f->own_flops += products * 2 * (double)rows * (double)p->count;
            products = 3;
        }
}

void ls_step_cost(const ls_run *run, ls_step_facts *out) {
    const ls_config *c = &run->t->config;
    const ls_model *m = run->t->model;
    const size_t slots = ls_state_slots(c, NULL);
    const bool spread = m->sharded != NULL;
    *out = (ls_step_facts){
        .strategy = spread ? "features" : "data",
        .gemm = ls_gemm_name(run->t->gemm),
        .optimizer = c->optimizer.row->name,
        .can_spread = ls_model_can_shard(&c->model),
        .rows = (size_t)c->batch.rows,
        .inputs = spread ? m->sharded->all_columns : m->in_size,
        .outputs = m->out_size,
        .lanes = (size_t)c->batch.lanes,
        .weights = m->n_weights,
        .slots = slots,
        .own_weights = ls_exchange_owned(run->exchange, ls_comm_rank(run->comm)).count +
                       (spread ? m->sharded->count : 0),
        .exchanged_floats = m->shared_floats,
        .front_floats = spread ? (size_t)c->batch.rows * m->layers[m->front - 1].out_size : 0};
    out->update_bytes = 2 * (double)sizeof(float) * (double)(1 + slots) * (double)m->n_weights;
    add_products(run, out);
}

static void leave(void *context, size_t first, size_t n, const float *sum) {
    (void)context;
    (void)first;
    (void)n;
    (void)sum;
}

void ls_step_exchange(ls_exchange *ex) {
    ls_exchange_go_round(ex, &(ls_exchange_round){.use = leave, .gathers = true});
}
