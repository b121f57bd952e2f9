/* Passes over blocks, and what they tell. Why here: see assess.h. */
#include "assess.h"

#include <string.h>

#include "lockstep/base/memory.h"
#include "score.h"

struct ls_assessment {
    const ls_trained *t;
    ls_blocks *blocks;
    ls_tree_range mine; /* blocks of this rank */
    size_t n, n_blocks, width;
    size_t *of_rank;  /* [ranks] the blocks of a round */
    size_t *bytes;    /* [ranks] */
    double *row_loss; /* [LS_BLOCK_ROWS] */
    double *sums;     /* [n_blocks, width] */
    double *total;    /* [width] */
    int32_t *code;    /* [n] predicted classes, or NULL */
    /* Predictions: where columns are wanted of all rows of this rank, else of the last block. */
    float *p;
    bool keeps;
    float *column;       /* [n] one of them, of all rows; or NULL */
    ls_column_room room; /* where columns are wanted */
    ls_column *columns;  /* [problem.n], or NULL */
    ls_counts *counts;   /* [problem.n], or NULL */
    double *spread;      /* [problem.n], or NULL */
    ls_facts facts;
    ls_block_look *look; /* or NULL */
    void *look_context;
};

/* Rows of the blocks of a rank, and the first of them. */
static size_t rows_of_share(const ls_assessment *a, size_t ranks, size_t rank, size_t *first) {
    const ls_tree_range share = ls_share(a->n_blocks, ranks, rank);
    const size_t begin = share.first * LS_BLOCK_ROWS, end = begin + share.count * LS_BLOCK_ROWS;
    *first = begin < a->n ? begin : a->n;
    return (end < a->n ? end : a->n) - *first;
}

static ls_status allocate_columns(ls_assessment *a) {
    const ls_problem *problem = &a->facts.problem;
    LS_TRY(ls_alloc(a->n, sizeof *a->column, "predictions", &a->column));
    LS_TRY(ls_alloc(problem->n, sizeof *a->columns, "metrics", &a->columns));
    return ls_column_room_create(problem, a->n, &a->room);
}

static ls_status allocate(ls_assessment *a, size_t ranks, size_t rank) {
    const ls_problem *problem = &a->facts.problem;
    const size_t out = a->t->model->out_size, widest = problem->n > out ? problem->n : out;
    size_t first, rows = a->keeps ? rows_of_share(a, ranks, rank, &first) : LS_BLOCK_ROWS;
    LS_TRY(ls_alloc(ranks, sizeof *a->of_rank, "blocks", &a->of_rank));
    LS_TRY(ls_alloc(ranks, sizeof *a->bytes, "blocks", &a->bytes));
    LS_TRY(ls_alloc(LS_BLOCK_ROWS, sizeof *a->row_loss, "losses", &a->row_loss));
    LS_TRY(ls_alloc(a->n_blocks * a->width, sizeof *a->sums, "sums", &a->sums));
    LS_TRY(ls_alloc(a->width, sizeof *a->total, "sums", &a->total));
    LS_TRY(ls_alloc(rows * widest, sizeof *a->p, "predictions", &a->p));
    if (problem->kind & LS_FOR_CLASSES)
        LS_TRY(ls_alloc(a->n, sizeof *a->code, "predictions", &a->code));
    if (problem->kind != LS_FOR_NUMBERS)
        LS_TRY(ls_alloc(problem->n, sizeof *a->counts, "counts", &a->counts));
    if (problem->kind & LS_FOR_VALUES)
        LS_TRY(ls_alloc(problem->n, sizeof *a->spread, "targets", &a->spread));
    return a->keeps ? allocate_columns(a) : LS_OK;
}

ls_status ls_assessment_create(ls_comm *comm, const ls_trained *t, const ls_dataset *ds,
                               const size_t *row, size_t n, ls_blocks *blocks, bool columns,
                               ls_assessment **out) {
    const size_t ranks = (size_t)ls_comm_size(comm), rank = (size_t)ls_comm_rank(comm);
    ls_assessment *a = NULL;
    ls_status st = ls_alloc(1, sizeof *a, "assessment", &a);
    if (st == LS_OK) {
        a->t = t;
        a->blocks = blocks;
        a->n = n;
        a->n_blocks = ls_blocks_count(blocks);
        a->mine = ls_share(a->n_blocks, ranks, rank);
        a->keeps = columns;
        a->facts.problem = ls_problem_of(t, ds);
        a->width = ls_sums_width(&a->facts.problem);
        st = allocate(a, ranks, rank);
    }
    st = ls_agree(comm, st);
    if (st != LS_OK) {
        ls_assessment_destroy(a);
        return st;
    }
    if (a->spread != NULL)
        ls_score_spread(ds, row, n, a->spread);
    a->facts.sums = a->total;
    a->facts.counts = a->counts;
    a->facts.spread = a->spread;
    a->facts.column = a->columns;
    *out = a;
    return LS_OK;
}

void ls_assessment_destroy(ls_assessment *a) {
    if (a == NULL)
        return;
    ls_free(a->of_rank);
    ls_free(a->bytes);
    ls_free(a->row_loss);
    ls_free(a->sums);
    ls_free(a->total);
    ls_free(a->code);
    ls_free(a->p);
    ls_free(a->column);
    ls_free(a->columns);
    ls_free(a->counts);
    ls_free(a->spread);
    ls_column_room_free(&a->room);
    ls_free(a);
}

void ls_assessment_look(ls_assessment *a, ls_block_look *look, void *context) {
    a->look = look;
    a->look_context = context;
}

/* Outputs z of block i, which this rank has computed. */
static void score_block(ls_assessment *a, size_t i, const float *z) {
    const ls_trained *t = a->t;
    const ls_problem *problem = &a->facts.problem;
    size_t first, rows = ls_blocks_rows(a->blocks, i, &first), edge[2] = {0, rows};
    const ls_targets targets = ls_blocks_targets(a->blocks, i);
    float *p = a->p + (a->keeps ? (i - a->mine.first) * LS_BLOCK_ROWS * problem->n : 0);
    double *sums = a->sums + i * a->width;
    ls_loss_sum loss;
    ls_loss_evaluate(&t->config.loss, &(ls_segments){1, edge}, t->model->out_size, z, &targets,
                     NULL, a->row_loss, &loss);
    if (a->keeps || a->code != NULL)
        ls_predict_rows(t, rows, z, p);
    memset(sums, 0, a->width * sizeof *sums);
    ls_score_rows(t, problem, rows, z, p, &targets, &loss, a->code != NULL ? a->code + first : NULL,
                  sums);
}

/* The k-th block of every rank's share. */
static ls_status score_round(ls_assessment *a, size_t ranks, size_t k) {
    const float *z = NULL;
    for (size_t r = 0; r < ranks; r++) {
        const ls_tree_range share = ls_share(a->n_blocks, ranks, r);
        a->of_rank[r] = k < share.count ? share.first + k : LS_NO_BLOCK;
    }
    LS_TRY(ls_blocks_forward(a->blocks, a->of_rank, &z));
    if (k >= a->mine.count)
        return LS_OK;
    score_block(a, a->mine.first + k, z);
    size_t first;
    if (a->look != NULL)
        a->look(a->look_context, ls_blocks_activations(a->blocks),
                ls_blocks_rows(a->blocks, a->mine.first + k, &first));
    return LS_OK;
}

static ls_status score_all(ls_comm *comm, ls_assessment *a) {
    const size_t ranks = (size_t)ls_comm_size(comm), rounds = (a->n_blocks + ranks - 1) / ranks;
    ls_status st = LS_OK;
    for (size_t k = 0; st == LS_OK && k < rounds; k++)
        st = score_round(a, ranks, k);
    if (st == LS_OK)
        st = ls_gemm_status(a->t->gemm);
    return ls_agree(comm, st);
}

/* The sums of all blocks, added up. */
static ls_status gather_sums(ls_comm *comm, ls_assessment *a) {
    const size_t ranks = (size_t)ls_comm_size(comm);
    for (size_t r = 0; r < ranks; r++)
        a->bytes[r] = ls_share(a->n_blocks, ranks, r).count * a->width * sizeof *a->sums;
    LS_TRY(ls_allgather_blocks(comm, a->sums, a->bytes));
    for (size_t k = 0; k < a->width; k++)
        a->total[k] = ls_tree_sum(a->sums + k, a->n_blocks, a->width);
    return LS_OK;
}

/* all[n]: every rank's rows, of 4 bytes each. */
static ls_status gather_rows(ls_comm *comm, ls_assessment *a, void *all) {
    const size_t ranks = (size_t)ls_comm_size(comm);
    size_t first;
    for (size_t r = 0; r < ranks; r++)
        a->bytes[r] = rows_of_share(a, ranks, r, &first) * 4;
    return ls_allgather_blocks(comm, all, a->bytes);
}

static ls_status count_classes(ls_comm *comm, ls_assessment *a) {
    const ls_problem *problem = &a->facts.problem;
    if (problem->kind == LS_FOR_FLAGS)
        ls_sums_counts(problem, a->total, a->counts);
    if (a->code == NULL)
        return LS_OK;
    LS_TRY(gather_rows(comm, a, a->code));
    ls_counts_of(a->n, ls_blocks_targets(a->blocks, 0).label, a->code, problem->n, a->counts);
    return LS_OK;
}

ls_status ls_assessment_column(ls_comm *comm, ls_assessment *a, size_t j, const float **p,
                               ls_column_room **room) {
    const ls_problem *problem = &a->facts.problem;
    const ls_targets targets = ls_blocks_targets(a->blocks, 0);
    size_t first,
        rows = rows_of_share(a, (size_t)ls_comm_size(comm), (size_t)ls_comm_rank(comm), &first);
    for (size_t r = 0; r < rows; r++)
        a->column[first + r] = a->p[r * problem->n + j];
    LS_TRY(gather_rows(comm, a, a->column));
    ls_column_targets(problem, j, a->n, targets.label, targets.value, &a->room);
    *p = a->column;
    *room = &a->room;
    return LS_OK;
}

/* Every rank measures some columns and tells the others. */
static ls_status measure_columns(ls_comm *comm, ls_assessment *a) {
    const size_t ranks = (size_t)ls_comm_size(comm), n = a->facts.problem.n;
    const ls_tree_range own = ls_share(n, ranks, (size_t)ls_comm_rank(comm));
    const float *p = NULL;
    ls_column_room *room = NULL;
    for (size_t j = 0; j < n; j++) {
        LS_TRY(ls_assessment_column(comm, a, j, &p, &room));
        if (j >= own.first && j - own.first < own.count)
            a->columns[j] = ls_column_measure(&a->facts.problem, a->n, p, room);
    }
    for (size_t r = 0; r < ranks; r++)
        a->bytes[r] = ls_share(n, ranks, r).count * sizeof *a->columns;
    return ls_allgather_blocks(comm, a->columns, a->bytes);
}

ls_status ls_assess(ls_comm *comm, ls_assessment *a, const ls_facts **facts) {
    LS_TRY(score_all(comm, a));
    LS_TRY(gather_sums(comm, a));
    LS_TRY(count_classes(comm, a));
    if (a->keeps)
        LS_TRY(measure_columns(comm, a));
    *facts = &a->facts;
    return LS_OK;
}

const int32_t *ls_assessment_classes(const ls_assessment *a) {
    return a->code;
}
