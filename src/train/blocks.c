/* The walk over fixed blocks of rows. */
#include "blocks.h"

#include <string.h>

#include "lockstep/base/memory.h"
#include "score.h"

struct ls_blocks {
    const ls_trained *t;
    ls_loader *loader;
    size_t n, n_blocks;
    size_t *row; /* [n] */
    ls_tree_range mine;
    bool resident;
    float *x;       /* [rows of mine, inputs], or one block */
    int32_t *label; /* [n], or NULL */
    float *value;   /* [n, outputs], or NULL */
    ls_activations *activations;
    double *row_loss; /* [LS_BLOCK_ROWS] */
    double *score;    /* [n_blocks, width] */
    size_t *bytes;    /* [ranks] */
};

size_t ls_blocks_count(const ls_blocks *b) {
    return b->n_blocks;
}

ls_tree_range ls_blocks_mine(const ls_blocks *b) {
    return b->mine;
}

size_t ls_blocks_rows(const ls_blocks *b, size_t i, size_t *first) {
    *first = i * LS_BLOCK_ROWS;
    size_t rest = b->n - *first;
    return rest < LS_BLOCK_ROWS ? rest : LS_BLOCK_ROWS;
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
    return LS_OK;
}

static ls_status allocate(ls_blocks *b, int ranks, const ls_dataset *ds, const size_t *row,
                          const int32_t *label) {
    size_t rows = b->resident ? rows_of(b, b->mine) : LS_BLOCK_ROWS;
    LS_TRY(ls_alloc(b->n, sizeof *b->row, "rows", &b->row));
    if (b->n > 0)
        memcpy(b->row, row, b->n * sizeof *row);
    LS_TRY(copy_targets(b, ds, label));
    LS_TRY(ls_alloc(rows * b->t->model->in_size, sizeof *b->x, "rows", &b->x));
    LS_TRY(ls_alloc(LS_BLOCK_ROWS, sizeof *b->row_loss, "losses", &b->row_loss));
    LS_TRY(ls_alloc(b->n_blocks * ls_score_width(b->t), sizeof *b->score, "scores", &b->score));
    LS_TRY(ls_alloc((size_t)ranks, sizeof *b->bytes, "scores", &b->bytes));
    return ls_activations_create(b->t->model, LS_BLOCK_ROWS, false, &b->activations);
}

/* Reads this rank's rows once and for all; the log's bar counts this rank's. */
static ls_status load(ls_blocks *b, ls_log *log) {
    size_t rows = rows_of(b, b->mine);
    ls_progress *progress = NULL;
    LS_TRY(ls_progress_create(log, "validation rows of rank 0", "rows", (double)rows, &progress));
    ls_status st = ls_loader_read(b->loader, b->row + b->mine.first * LS_BLOCK_ROWS, rows, NULL,
                                  b->x, progress);
    ls_progress_finish(progress, st);
    return st;
}

ls_status ls_blocks_create(ls_comm *comm, ls_log *log, const ls_trained *t, const ls_dataset *ds,
                           ls_loader *loader, const size_t *row, size_t n, const int32_t *label,
                           bool resident, ls_blocks **out) {
    ls_blocks *b = NULL;
    ls_status st = ls_alloc(1, sizeof *b, "blocks", &b);
    if (st == LS_OK) {
        b->t = t;
        b->loader = loader;
        b->n = n;
        b->n_blocks = (n + LS_BLOCK_ROWS - 1) / LS_BLOCK_ROWS;
        b->resident = resident;
        b->mine = ls_share(b->n_blocks, (size_t)ls_comm_size(comm), (size_t)ls_comm_rank(comm));
        st = allocate(b, ls_comm_size(comm), ds, row, label);
    }
    if (st == LS_OK && resident)
        st = load(b, log);
    st = ls_agree(comm, st);
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
    ls_free(b->row_loss);
    ls_free(b->score);
    ls_free(b->bytes);
    ls_activations_destroy(b->activations);
    ls_free(b);
}

ls_status ls_blocks_forward(ls_blocks *b, size_t i, const float **z) {
    size_t first, rows = ls_blocks_rows(b, i, &first), edge[2] = {0, rows};
    const float *x = b->x;
    if (b->resident)
        x += (first - b->mine.first * LS_BLOCK_ROWS) * b->t->model->in_size;
    else
        LS_TRY(ls_loader_read(b->loader, b->row + first, rows, NULL, b->x, NULL));
    ls_pass pass = {.rows = {1, edge}};
    *z = ls_model_forward(b->t->model, b->activations, &pass, x);
    return LS_OK;
}

/* The score of one of this rank's blocks. */
static ls_status score_block(ls_blocks *b, size_t i, double *score) {
    size_t first, rows = ls_blocks_rows(b, i, &first), edge[2] = {0, rows};
    const float *z;
    LS_TRY(ls_blocks_forward(b, i, &z));
    ls_targets targets = {.label = b->label != NULL ? b->label + first : NULL,
                          .value =
                              b->value != NULL ? b->value + first * b->t->model->out_size : NULL};
    double loss = 0;
    ls_loss_evaluate(&b->t->config.loss, &(ls_segments){1, edge}, b->t->model->out_size, z,
                     &targets, 0, NULL, b->row_loss, &loss);
    memset(score, 0, ls_score_width(b->t) * sizeof *score);
    ls_score_rows(b->t, rows, z, &targets, loss, score);
    return LS_OK;
}

ls_status ls_blocks_score(ls_comm *comm, ls_blocks *b, double *score) {
    size_t width = ls_score_width(b->t);
    ls_status st = LS_OK;
    for (size_t i = b->mine.first; st == LS_OK && i < b->mine.first + b->mine.count; i++)
        st = score_block(b, i, b->score + i * width);
    st = ls_agree(comm, st);
    if (st != LS_OK)
        return st;
    for (int r = 0; r < ls_comm_size(comm); r++)
        b->bytes[r] = ls_share(b->n_blocks, (size_t)ls_comm_size(comm), (size_t)r).count * width *
                      sizeof *score;
    LS_TRY(ls_allgather_blocks(comm, b->score, b->bytes));
    for (size_t k = 0; k < width; k++)
        score[k] = ls_tree_sum(b->score + k, b->n_blocks, width);
    return LS_OK;
}
