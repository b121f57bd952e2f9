/* Clipping by the global norm, and rules that look at the norm of every matrix.
 *
 * Squares are added up in float64 a block at a time, blocks in the tree of all blocks, or of those
 * of a matrix: blocks are the same for any number of ranks, and so are all norms. */
#include "whole_update.h"

#include <math.h>

#include "lockstep/base/tree.h"
#include "run.h"

enum { WEIGHTS, GRADIENT, SQUARES };

/* ---- blocks ---- */

static size_t strips_in(const ls_strips *s) {
    return (s->out + s->width - 1) / s->width;
}

size_t ls_whole_spread_blocks(const ls_run *run) {
    const ls_trained *t = run->t;
    return t->model->sharded != NULL ? t->spread.total * strips_in(&t->model->sharded->strips) : 0;
}

/* A block of this rank: what is updated, its gradient, and where its squares are. */
typedef struct block {
    ls_update_piece piece;
    float *g;
    double *squares; /* [SQUARES] */
    size_t span;
} block;

ls_tree_range ls_whole_own_blocks(const ls_run *run, int rank) {
    const ls_model *m = run->t->model;
    const ls_tree_range own = ls_exchange_owned(run->exchange, rank);
    ls_tree_range found = {0, 0};
    while (found.first < m->n_blocks && m->block_edge[found.first] < own.first)
        found.first++;
    while (found.first + found.count < m->n_blocks &&
           m->block_edge[found.first + found.count] < own.first + own.count)
        found.count++;
    return found;
}

static block shared_block(const ls_run *run, size_t b) {
    const ls_updates *u = &run->updates;
    const ls_model *m = run->t->model;
    const size_t first = m->block_edge[b],
                 own = first - ls_exchange_owned(run->exchange, ls_comm_rank(run->comm)).first;
    const ls_update_span *span = ls_update_span_at(&u->rule, first);
    block found = {.piece = {.span = span,
                             .n = m->block_edge[b + 1] - first,
                             .w = m->weights + first,
                             .mean = ls_updates_mean(u, u->state.slot, own)},
                   .g = u->own + own,
                   .squares = u->squares + SQUARES * b,
                   .span = (size_t)(span - u->span)};
    for (size_t k = 0; k < u->rule.n_slots; k++)
        found.piece.slot[k] = u->state.slot[k] + own;
    return found;
}

/* The i-th of this rank: a strip of one of its blocks of columns. */
static block spread_block(const ls_run *run, size_t i) {
    const ls_updates *u = &run->updates;
    const ls_model *m = run->t->model;
    const ls_spread *s = &run->t->spread;
    const ls_strips *as = &m->sharded->strips;
    const size_t strips = strips_in(as), c = i / strips, o = i % strips * as->width;
    const size_t first = s->edge[c] - s->edge[0], columns = s->edge[c + 1] - s->edge[c];
    const size_t at = ls_strips_at(as, o, first), n = columns * ls_strips_width(as, o);
    block found = {.piece = {.span = &u->span[u->rule.n_spans - 1],
                             .n = n,
                             .w = m->weights + m->sharded->offset + at,
                             .mean = ls_updates_mean(u, u->state.sharded, at)},
                   .g = u->spread + at,
                   .squares = u->squares + SQUARES * (m->n_blocks + s->mine.first * strips + i),
                   .span = u->rule.n_spans - 1};
    for (size_t k = 0; k < u->rule.n_slots; k++)
        found.piece.slot[k] = u->state.sharded[k] + at;
    return found;
}

typedef void block_work(const ls_run *run, const ls_update_step *step, const block *b);

/* Over all threads. */
static void for_blocks(const ls_run *run, const ls_update_step *step, block_work *work) {
    const ls_tree_range own = run->updates.blocks[ls_comm_rank(run->comm)];
    const ls_trained *t = run->t;
    const size_t spread = t->model->sharded != NULL
                              ? t->spread.mine.count * strips_in(&t->model->sharded->strips)
                              : 0;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < own.count + spread; i++) {
        const block b =
            i < own.count ? shared_block(run, own.first + i) : spread_block(run, i - own.count);
        work(run, step, &b);
    }
}

/* ---- norms ---- */

/* Everybody's squares go to all. */
static ls_status share_squares(ls_run *run) {
    ls_updates *u = &run->updates;
    const ls_trained *t = run->t;
    const int ranks = ls_comm_size(run->comm);
    const size_t a_block = SQUARES * sizeof *u->squares;
    for (int r = 0; r < ranks; r++)
        u->bytes[r] = u->blocks[r].count * a_block;
    LS_TRY(ls_allgather_blocks(run->comm, u->squares, u->bytes));
    if (t->model->sharded == NULL)
        return LS_OK;
    for (int r = 0; r < ranks; r++)
        u->bytes[r] = ls_share(t->spread.total, (size_t)ranks, (size_t)r).count *
                      strips_in(&t->model->sharded->strips) * a_block;
    return ls_allgather_blocks(run->comm, u->squares + SQUARES * t->model->n_blocks, u->bytes);
}

static double norm_of(const ls_updates *u, size_t first, size_t count, size_t which) {
    return sqrt(ls_tree_sum(u->squares + SQUARES * first + which, count, SQUARES));
}

/* As PyTorch's clip_grad_norm_ has it. */
static float clip_scale(const ls_updates *u) {
    const double norm = norm_of(u, 0, u->n_blocks, GRADIENT);
    const double scale = u->rule.clip_norm / (norm + 1e-6);
    return scale < 1 || isnan(scale) ? (float)scale : 1.0f;
}

/* trust[span] of every span. */
static void find_trust(const ls_run *run) {
    const ls_updates *u = &run->updates;
    const ls_model *m = run->t->model;
    size_t b = 0;
    for (size_t s = 0; s < u->rule.n_spans; s++) {
        const size_t first = b, end = u->span[s].end;
        if (m->sharded != NULL && s + 1 == u->rule.n_spans)
            b = u->n_blocks;
        else
            while (b < m->n_blocks && m->block_edge[b] < end)
                b++;
        u->trust[s] = ls_update_trust(&u->rule, &u->span[s], norm_of(u, first, b - first, WEIGHTS),
                                      norm_of(u, first, b - first, GRADIENT));
    }
}

/* ---- the update ---- */

static void prepare(const ls_run *run, const ls_update_step *step, const block *b) {
    b->squares[WEIGHTS] = 0;
    b->squares[GRADIENT] = ls_update_prepare(&run->updates.rule, step, &b->piece, b->g);
}

static void direct(const ls_run *run, const ls_update_step *step, const block *b) {
    b->squares[WEIGHTS] = b->squares[GRADIENT] = 0;
    ls_update_direct(&run->updates.rule, step, &b->piece, b->g, b->squares);
}

static void apply(const ls_run *run, const ls_update_step *step, const block *b) {
    ls_update_apply(&run->updates.rule, step, &b->piece, run->updates.trust[b->span], b->g);
}

/* Gradients become what the last part of the update takes. */
static ls_status find_norms(ls_run *run, ls_update_step *step) {
    ls_updates *u = &run->updates;
    for_blocks(run, step, prepare);
    step->scale = 1;
    for (size_t s = 0; s < u->rule.n_spans; s++)
        u->trust[s] = 1;
    if (isfinite(u->rule.clip_norm)) {
        LS_TRY(share_squares(run));
        step->scale = clip_scale(u);
    }
    if (!ls_update_is_layerwise(&u->rule))
        return LS_OK;
    for_blocks(run, step, direct);
    step->scale = 1;
    LS_TRY(share_squares(run));
    find_trust(run);
    return LS_OK;
}

ls_status ls_whole_update(ls_run *run, const ls_update_step *begun) {
    ls_update_step step = *begun;
    LS_TRY(find_norms(run, &step));
    if (ls_comm_size(run->comm) == 1) {
        for_blocks(run, &step, apply);
        return LS_OK;
    }
    ls_exchange_begin(run->exchange, &(ls_exchange_round){.gathers = true});
    for_blocks(run, &step, apply);
    ls_exchange_sum(run->exchange);
    return LS_OK;
}
