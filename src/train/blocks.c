/* The walk over fixed blocks of rows. Why here: see blocks.h. */
#include "blocks.h"

#include <string.h>

#include "feature_shards.h"
#include "lockstep/base/memory.h"
#include "weights.h"

struct ls_blocks {
    ls_comm *comm;
    ls_features *features; /* or NULL */
    const ls_trained *t;
    ls_loader *loader;
    size_t n, n_blocks;
    size_t *row; /* [n] */
    ls_tree_range mine;
    bool resident;
    float *x;       /* [rows of mine, inputs], or one block; with features all rows, or NULL */
    int32_t *label; /* [n], or NULL */
    float *value;   /* [n, outputs], or NULL */
    double *weight; /* [n], or NULL */
    ls_activations *activations;
    /* Of blocks that were scanned: what their rows were, and are. */
    uint64_t *known; /* [rows to read], or NULL */
    uint64_t *sum;   /* [LS_BLOCK_ROWS] */
};

const ls_activations *ls_blocks_activations(const ls_blocks *b) {
    return b->activations;
}

size_t ls_blocks_count(const ls_blocks *b) {
    return b->n_blocks;
}

size_t ls_blocks_rows(const ls_blocks *b, size_t i, size_t *first) {
    *first = i * LS_BLOCK_ROWS;
    size_t rest = b->n - *first;
    return rest < LS_BLOCK_ROWS ? rest : LS_BLOCK_ROWS;
}

ls_targets ls_blocks_targets(const ls_blocks *b, size_t i) {
    const size_t first = i * LS_BLOCK_ROWS, out = b->t->model->out_size;
    return (ls_targets){.label = b->label != NULL ? b->label + first : NULL,
                        .value = b->value != NULL ? b->value + first * out : NULL,
                        .weight = b->weight != NULL ? b->weight + first : NULL};
}

/* Rows of a range of blocks. */
static size_t rows_of(const ls_blocks *b, ls_tree_range blocks) {
    if (blocks.count == 0)
        return 0;
    size_t first, rows = ls_blocks_rows(b, blocks.first + blocks.count - 1, &first);
    return first + rows - blocks.first * LS_BLOCK_ROWS;
}

static ls_status copy_targets(ls_blocks *b, const ls_dataset *ds, const int32_t *label) {
    if (label != NULL) {
        LS_TRY(ls_alloc(b->n, sizeof *b->label, "labels", &b->label));
        for (size_t i = 0; i < b->n; i++)
            b->label[i] = label[b->row[i]];
    }
    if (b->t->target == LS_TARGET_VALUES && ds->value != NULL) {
        size_t k = ds->n_outputs;
        LS_TRY(ls_alloc(b->n * k, sizeof *b->value, "targets", &b->value));
        for (size_t i = 0; i < b->n; i++)
            memcpy(b->value + i * k, ds->value + b->row[i] * k, k * sizeof *b->value);
    }
    if (b->label == NULL && b->value == NULL) /* prediction: there is no loss */
        return LS_OK;
    return ls_row_weights(b->t, ds, label, b->row, b->n, &b->weight);
}

/* Rows that this rank reads, from that of number *first on. */
static size_t rows_to_read(const ls_blocks *b, size_t *first) {
    *first = b->t->model->sharded != NULL ? 0 : b->mine.first * LS_BLOCK_ROWS;
    return b->t->model->sharded != NULL ? b->n : rows_of(b, b->mine);
}

/* Rows that x holds, from that of number *first on. */
static size_t rows_held(const ls_blocks *b, size_t *first) {
    const size_t rows = rows_to_read(b, first);
    if (!b->resident)
        return b->t->model->sharded != NULL ? 0 : LS_BLOCK_ROWS;
    return rows;
}

static ls_status allocate(ls_blocks *b, const ls_dataset *ds, const size_t *row,
                          const int32_t *label) {
    const ls_model *m = b->t->model;
    size_t first, rows = rows_held(b, &first);
    LS_TRY(ls_alloc(b->n, sizeof *b->row, "rows", &b->row));
    if (b->n > 0)
        memcpy(b->row, row, b->n * sizeof *row);
    LS_TRY(copy_targets(b, ds, label));
    LS_TRY(ls_alloc(rows * m->in_size, sizeof *b->x, "rows", &b->x));
    return ls_activations_create(m, m->front, m->n_layers, LS_BLOCK_ROWS, 0, &b->activations);
}

ls_status ls_blocks_to_read(ls_blocks *b, ls_loader_rows *out) {
    size_t first, rows = rows_to_read(b, &first);
    if (!b->resident) {
        LS_TRY(ls_alloc(rows, sizeof *b->known, "sums", &b->known));
        LS_TRY(ls_alloc(LS_BLOCK_ROWS, sizeof *b->sum, "sums", &b->sum));
    }
    *out = (ls_loader_rows){
        .row = b->row + first, .n = rows, .out = b->resident ? b->x : NULL, .sum = b->known};
    return LS_OK;
}

/* Rows [first, first + n) of a block that is not resident; where they were scanned they must be
 * what they were. */
static ls_status read_block(ls_blocks *b, size_t first, size_t n, float *x) {
    size_t begin;
    ls_loader_rows rows = {.row = b->row + first, .n = n, .out = x, .sum = b->sum};
    if (b->known == NULL)
        return ls_loader_read(b->loader, &rows, 1, NULL);
    (void)rows_to_read(b, &begin);
    LS_TRY(ls_loader_read_again(b->loader, &rows));
    for (size_t i = 0; i < n; i++)
        LS_TRY(ls_loader_check_same(b->loader, b->row[first + i], b->sum[i],
                                    b->known[first + i - begin]));
    return LS_OK;
}

/* A rank goes on with a block. */
static ls_status create_features(ls_blocks *b) {
    const size_t ranks = (size_t)ls_comm_size(b->comm);
    ls_tree_range *rows = NULL;
    LS_TRY(ls_agree(b->comm, ls_alloc(ranks, sizeof *rows, "blocks", &rows)));
    for (size_t r = 0; r < ranks; r++)
        rows[r] = (ls_tree_range){r * LS_BLOCK_ROWS, LS_BLOCK_ROWS};
    ls_status st = ls_features_create(b->comm, b->t, rows, false, &b->features);
    ls_free(rows);
    return st;
}

ls_status ls_blocks_create(ls_comm *comm, const ls_trained *t, const ls_dataset *ds,
                           ls_loader *loader, const size_t *row, size_t n, const int32_t *label,
                           bool resident, ls_blocks **out) {
    ls_blocks *b = NULL;
    ls_status st = ls_alloc(1, sizeof *b, "blocks", &b);
    if (st == LS_OK) {
        b->comm = comm;
        b->t = t;
        b->loader = loader;
        b->n = n;
        b->n_blocks = (n + LS_BLOCK_ROWS - 1) / LS_BLOCK_ROWS;
        b->resident = resident;
        b->mine = ls_share(b->n_blocks, (size_t)ls_comm_size(comm), (size_t)ls_comm_rank(comm));
        st = allocate(b, ds, row, label);
    }
    st = ls_agree(comm, st);
    if (st == LS_OK && t->model->sharded != NULL)
        st = create_features(b);
    if (st != LS_OK) {
        ls_blocks_destroy(b);
        return st;
    }
    *out = b;
    return LS_OK;
}

void ls_blocks_destroy(ls_blocks *b) {
    if (b == NULL)
        return;
    ls_free(b->row);
    ls_free(b->x);
    ls_free(b->label);
    ls_free(b->value);
    ls_free(b->weight);
    ls_free(b->known);
    ls_free(b->sum);
    ls_features_destroy(b->features);
    ls_activations_destroy(b->activations);
    ls_free(b);
}

/* This rank's columns of the blocks of all ranks. */
static ls_status gather_blocks(ls_blocks *b, const size_t *of_rank) {
    const size_t width = b->t->model->in_size;
    for (size_t r = 0; r < (size_t)ls_comm_size(b->comm); r++) {
        float *x = ls_features_x(b->features) + r * LS_BLOCK_ROWS * width;
        size_t first = 0,
               rows = of_rank[r] != LS_NO_BLOCK ? ls_blocks_rows(b, of_rank[r], &first) : 0;
        if (b->resident)
            memcpy(x, b->x + first * width, rows * width * sizeof *x);
        else
            LS_TRY(read_block(b, first, rows, x));
        memset(x + rows * width, 0, (LS_BLOCK_ROWS - rows) * width * sizeof *x);
    }
    return LS_OK;
}

/* *x = what the layers behind the front see of this rank's block. */
static ls_status front_forward(ls_blocks *b, const size_t *of_rank, const float **x) {
    const ls_pass pass = {0};
    ls_status st = gather_blocks(b, of_rank);
    LS_TRY(b->resident ? st : ls_agree(b->comm, st));
    *x = ls_features_forward(b->features, &pass);
    return LS_OK;
}

ls_status ls_blocks_forward(ls_blocks *b, const size_t *of_rank, const float **z) {
    const size_t i = of_rank[ls_comm_rank(b->comm)];
    const float *x = b->x;
    size_t edge[2] = {0}, first = 0, held = 0;
    if (i != LS_NO_BLOCK)
        edge[1] = ls_blocks_rows(b, i, &first);
    if (b->features != NULL) {
        LS_TRY(front_forward(b, of_rank, &x));
    } else if (b->resident) {
        (void)rows_held(b, &held);
        x += i != LS_NO_BLOCK ? (first - held) * b->t->model->in_size : 0;
    } else {
        LS_TRY(read_block(b, first, edge[1], b->x));
    }
    ls_pass pass = {.rows = {1, edge}};
    *z = edge[1] > 0 ? ls_model_forward(b->t->model, b->activations, &pass, x) : NULL;
    return LS_OK;
}
