/* The front of a model whose columns are spread. Why here: see feature_shards.h. */
#include "feature_shards.h"

#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/math/gemm.h"

struct ls_features {
    const ls_model *model;
    ls_exchange *exchange; /* of y and its gradient; a rank owns its rows */
    ls_tree_range own;     /* rows of this rank */
    size_t rows, units;
    ls_lanes blocks;             /* feature blocks, summed as lanes are */
    size_t *edge;                /* [blocks of this rank + 1] among the columns of this rank */
    float *x;                    /* [rows, columns] */
    ls_activations *before;      /* of the layers before the dense one */
    const float *input;          /* what the dense layer saw in the last pass */
    float *z[LS_TREE_DEPTH_MAX]; /* [rows, units] a root */
    float *y;                    /* [own rows, units] */
    float *dy;                   /* [rows, units] */
};

static const ls_layer *dense_of(const ls_model *m) {
    return &m->layers[m->front - 1];
}

static ls_status allocate(ls_features *f, const ls_trained *t, bool training) {
    const ls_model *m = f->model;
    const ls_spread *s = &t->spread;
    LS_TRY(ls_lanes_create(s->total, s->mine, &f->blocks));
    LS_TRY(ls_alloc(s->mine.count + 1, sizeof *f->edge, "features", &f->edge));
    for (size_t i = 0; i <= s->mine.count; i++)
        f->edge[i] = s->edge[i] - s->edge[0];
    LS_TRY(ls_alloc(f->rows * m->in_size, sizeof *f->x, "batch", &f->x));
    LS_TRY(ls_activations_create(m, 0, m->front - 1, f->rows, training, &f->before));
    for (size_t k = 0; k < f->blocks.n_roots; k++)
        LS_TRY(ls_alloc(f->rows * f->units, sizeof(float), "partial sums", &f->z[k]));
    LS_TRY(ls_alloc(f->own.count * f->units, sizeof *f->y, "activations", &f->y));
    if (!training)
        return LS_OK;
    return ls_alloc(f->rows * f->units, sizeof *f->dy, "activations", &f->dy);
}

/* The exchange counts in floats of y. */
static ls_status create_exchange(ls_features *f, ls_comm *comm, size_t n_blocks,
                                 const ls_tree_range *rows) {
    size_t ranks = (size_t)ls_comm_size(comm);
    ls_tree_range *owned = NULL;
    LS_TRY(ls_agree(comm, ls_alloc(ranks, sizeof *owned, "features", &owned)));
    for (size_t r = 0; r < ranks; r++)
        owned[r] = (ls_tree_range){rows[r].first * f->units, rows[r].count * f->units};
    ls_status st = ls_exchange_create_owned(comm, n_blocks, owned, &f->exchange);
    ls_free(owned);
    return st;
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
        st = create_exchange(f, comm, t->spread.total, rows);
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
    for (size_t k = 0; k < LS_TREE_DEPTH_MAX; k++)
        ls_free(f->z[k]);
    ls_exchange_destroy(f->exchange);
    ls_activations_destroy(f->before);
    ls_lanes_free(&f->blocks);
    ls_free(f->edge);
    ls_free(f->x);
    ls_free(f->y);
    ls_free(f->dy);
    ls_free(f);
}

float *ls_features_x(ls_features *f) {
    return f->x;
}

static void add_bias(const ls_features *f, const float *sum) {
    const ls_layer *l = dense_of(f->model);
    const float *bias = l->n_params > 1 ? f->model->weights + l->offset[1] : NULL;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < f->own.count; r++)
        for (size_t j = 0; j < f->units; j++)
            f->y[r * f->units + j] = sum[r * f->units + j] + (bias != NULL ? bias[j] : 0.0f);
}

ls_status ls_features_forward(ls_features *f, const ls_pass *pass, const float **y,
                              double *wait_s) {
    const size_t edge[2] = {0, f->rows};
    const float *sum = NULL;
    ls_pass all = *pass;
    all.rows = (ls_segments){1, edge};
    f->input = ls_model_forward(f->model, f->before, &all, f->x);
    ls_gemm_forward_columns(f->model->gemm, f->rows, &f->blocks, f->edge, f->units, f->input,
                            f->model->weights + f->model->sharded->offset, f->z);
    const double begin = ls_clock_s();
    LS_TRY(ls_exchange_reduce(f->exchange, (const float *const *)f->z, &sum));
    *wait_s += ls_clock_s() - begin;
    add_bias(f, sum);
    *y = f->y;
    return LS_OK;
}

float *ls_features_dy(ls_features *f) {
    return f->dy + f->own.first * f->units;
}

ls_status ls_features_backward(ls_features *f, ls_tile_use *use, void *context, double *wait_s) {
    const double begin = ls_clock_s();
    LS_TRY(ls_exchange_gather(f->exchange, f->dy));
    *wait_s += ls_clock_s() - begin;
    ls_gemm_backward_columns(f->model->gemm, f->rows, &f->blocks, f->edge, f->units, f->input,
                             f->dy, use, context);
    return LS_OK;
}

/* ---- for the plan ---- */

static size_t roots_of(const ls_spread *s) {
    ls_tree_range roots[LS_TREE_DEPTH_MAX];
    return ls_tree_roots(s->total, s->mine.first, s->mine.first + s->mine.count, roots);
}

size_t ls_features_bytes(const ls_trained *t, size_t ranks, size_t rows, bool training) {
    const ls_model *m = t->model;
    const size_t units = dense_of(m)->out_size, own = rows / ranks, roots = roots_of(&t->spread);
    size_t floats = rows * m->in_size + roots * rows * units + own * units;
    if (ranks > 1) /* what the exchange receives and sums */
        floats += (roots * (ranks - 1) + 1) * own * units;
    if (training)
        floats += rows * units;
    return floats * sizeof(float) + ls_lanes_scratch_most(t->spread.total) +
           ls_activations_bytes(m, 0, m->front - 1, rows, training);
}

size_t ls_features_sent(const ls_trained *t, size_t ranks, size_t rows) {
    const size_t others = rows - rows / ranks, own = rows / ranks;
    return (roots_of(&t->spread) * others + own * (ranks - 1)) * dense_of(t->model)->out_size *
           sizeof(float);
}
