/* The front of a model whose columns are spread. Why here: see feature_shards.h. */
#include "feature_shards.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/math/gemm.h"

struct ls_features {
    const ls_model *model;
    ls_exchange *exchange;    /* of y and its gradient; a rank owns its rows */
    const char *messages_why; /* see ls_exchange_allocate */
    ls_tree_range own;        /* rows of this rank */
    size_t rows, units;
    ls_lanes blocks;             /* feature blocks, summed as lanes are */
    size_t *edge;                /* [blocks of this rank + 1] among the columns of this rank */
    float *x;                    /* [rows, columns] */
    ls_activations *before;      /* of the layers before the dense one */
    const float *input;          /* what the dense layer saw in the last pass */
    float *z[LS_TREE_DEPTH_MAX]; /* [rows, units] a root; the exchange's */
    float *y;                    /* [own rows, units] */
    float *dy;                   /* [rows, units]; the exchange's */
    void *room;                  /* for what a product reads in another order */
};

static const ls_layer *dense_of(const ls_model *m) {
    return &m->layers[m->front - 1];
}

/* For x on the way there and dy on the way back. */
static size_t room_of(const ls_model *m, size_t rows, size_t blocks) {
    return ls_gemm_room(m->gemm, rows, 1, m->in_size, blocks, dense_of(m)->out_size);
}

static ls_status allocate(ls_features *f, const ls_trained *t, bool training) {
    const ls_model *m = f->model;
    const ls_spread *s = &t->spread;
    LS_TRY(ls_lanes_create(s->total, s->mine, &f->blocks));
    LS_TRY(ls_alloc(s->mine.count + 1, sizeof *f->edge, "features", &f->edge));
    for (size_t i = 0; i <= s->mine.count; i++)
        f->edge[i] = s->edge[i] - s->edge[0];
    LS_TRY(ls_alloc(f->rows * m->in_size, sizeof *f->x, "batch", &f->x));
    LS_TRY(ls_activations_create(m, 0, m->front - 1, f->rows, training ? 1 : 0, &f->before));
    LS_TRY(ls_alloc(room_of(m, f->rows, s->mine.count), 1, "batch", &f->room));
    return ls_alloc(f->own.count * f->units, sizeof *f->y, "activations", &f->y);
}

/* The exchange counts in floats of y. */
static ls_status plan_exchange(ls_comm *comm, const ls_trained *t, const ls_tree_range *rows,
                               ls_exchange **out) {
    const size_t ranks = (size_t)ls_comm_size(comm), units = dense_of(t->model)->out_size;
    ls_tree_range *owned = NULL;
    LS_TRY(ls_agree(comm, ls_alloc(ranks, sizeof *owned, "features", &owned)));
    for (size_t r = 0; r < ranks; r++)
        owned[r] = (ls_tree_range){rows[r].first * units, rows[r].count * units};
    const ls_exchange_spec spec = {.n_leaves = t->spread.total,
                                   .owned = owned,
                                   .sharing = (size_t)t->config.parallel.sharing_ranks};
    const ls_status st = ls_exchange_create(comm, &spec, out);
    ls_free(owned);
    return st;
}

static ls_status create_exchange(ls_features *f, ls_comm *comm, const ls_trained *t,
                                 const ls_tree_range *rows) {
    LS_TRY(plan_exchange(comm, t, rows, &f->exchange));
    LS_TRY(ls_exchange_allocate(f->exchange, &f->messages_why));
    for (size_t k = 0; k < f->blocks.n_roots; k++)
        f->z[k] = ls_exchange_root(f->exchange, k);
    f->dy = ls_exchange_slab(f->exchange);
    return LS_OK;
}

ls_status ls_features_create(ls_comm *comm, const ls_trained *t, const ls_tree_range *rows,
                             bool training, ls_features **out) {
    ls_features *f = NULL;
    const int last = ls_comm_size(comm) - 1;
    ls_status st = ls_alloc(1, sizeof *f, "features", &f);
    if (st == LS_OK) {
        f->model = t->model;
        f->units = dense_of(t->model)->out_size;
        f->own = rows[ls_comm_rank(comm)];
        f->rows = rows[last].first + rows[last].count;
        st = allocate(f, t, training);
    }
    st = ls_agree(comm, st);
    if (st == LS_OK)
        st = create_exchange(f, comm, t, rows);
    if (st != LS_OK) {
        ls_features_destroy(f);
        return st;
    }
    *out = f;
    return LS_OK;
}

void ls_features_destroy(ls_features *f) {
    if (f == NULL)
        return;
    ls_exchange_destroy(f->exchange);
    ls_activations_destroy(f->before);
    ls_lanes_free(&f->blocks);
    ls_free(f->edge);
    ls_free(f->x);
    ls_free(f->y);
    ls_free(f->room);
    ls_free(f);
}

const char *ls_features_messages_why(const ls_features *f) {
    return f->messages_why;
}

float *ls_features_x(ls_features *f) {
    return f->x;
}

/* y = sum + bias, of the floats from `first` on among those of all rows. */
static void add_bias(void *context, size_t first, size_t n, const float *sum) {
    const ls_features *f = context;
    const ls_layer *l = dense_of(f->model);
    const float *bias = l->n_params > 1 ? f->model->weights + l->offset[1] : NULL;
    float *y = f->y + (first - f->own.first * f->units);
    size_t unit = first % f->units;
    for (size_t i = 0; i < n; i++) {
        y[i] = sum[i] + (bias != NULL ? bias[unit] : 0.0f);
        unit = unit + 1 < f->units ? unit + 1 : 0;
    }
}

const float *ls_features_forward(ls_features *f, const ls_pass *pass) {
    const size_t edge[2] = {0, f->rows};
    const ls_exchange_round sums = {.use = add_bias, .context = f};
    ls_pass all = *pass;
    all.rows = (ls_segments){1, edge};
    f->input = ls_model_forward(f->model, f->before, &all, f->x);
    const ls_operand x = ls_gemm_ready_x(
        f->model->gemm, f->rows, (ls_segments){f->blocks.mine.count, f->edge}, f->input, f->room);
    ls_exchange_begin(f->exchange, &sums);
    ls_gemm_forward_columns(f->model->gemm, &f->blocks, f->units, &x,
                            f->model->weights + f->model->sharded->offset, f->z);
    ls_exchange_sum(f->exchange);
    ls_exchange_end(f->exchange);
    return f->y;
}

float *ls_features_dy(ls_features *f) {
    return f->dy + f->own.first * f->units;
}

void ls_features_backward(ls_features *f, ls_tile_use *use, void *context) {
    ls_exchange_go_round(f->exchange, &(ls_exchange_round){.gathers = true});
    const size_t edge[2] = {0, f->rows};
    const ls_segments columns = {f->blocks.mine.count, f->edge};
    const ls_operand dy =
        ls_gemm_ready_dy(f->model->gemm, (ls_segments){1, edge}, f->units, f->dy, f->room);
    ls_gemm_backward_columns(f->model->gemm, &f->blocks, &columns, f->input, &dy, use, context);
}

ls_exchange *ls_features_exchange(const ls_features *f) {
    return f->exchange;
}

ls_status ls_features_plan(ls_comm *comm, const ls_trained *t, const ls_tree_range *rows,
                           bool training, size_t *bytes, size_t *sent) {
    const ls_model *m = t->model;
    const ls_tree_range last = rows[ls_comm_size(comm) - 1];
    const size_t all = last.first + last.count, own = rows[ls_comm_rank(comm)].count;
    ls_exchange *ex = NULL;
    LS_TRY(plan_exchange(comm, t, rows, &ex));
    *sent = ls_exchange_bytes(ex);
    *bytes = (all * m->in_size + own * dense_of(m)->out_size) * sizeof(float) +
             ls_exchange_held(ex) + ls_lanes_scratch_most(t->spread.total) +
             ls_activations_bytes(m, 0, m->front - 1, all, training ? 1 : 0) +
             room_of(m, all, t->spread.mine.count);
    ls_exchange_destroy(ex);
    return LS_OK;
}
