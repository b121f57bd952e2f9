/* Where gradients go: to the weights at once, or to where they wait for the rest. Why here: see
 * updates.h. */
#include "updates.h"

#include <math.h>
#include <string.h>

#include "lockstep/base/add.h"
#include "lockstep/base/memory.h"
#include "run.h"
#include "whole_update.h"

static ls_tree_range owned(const ls_run *run) {
    return ls_exchange_owned(run->exchange, ls_comm_rank(run->comm));
}

/* ---- the rule ---- */

static ls_update_span span_of(const ls_config *c, const ls_param *param) {
    const bool is_matrix = param->rank > 1;
    return (ls_update_span){.end = param->offset + ls_slab_room(param->count),
                            .rate = param->lr_scale,
                            .running = param->running,
                            .penalised = is_matrix || c->penalty.biases,
                            .is_matrix = is_matrix};
}

/* A parameter a span, in the order of the slab: the one that is spread is the last of it. */
static void fill_spans(const ls_run *run, ls_update_span *span) {
    const ls_model *m = run->t->model;
    size_t n = 0;
    for (size_t p = 0; p < m->n_params; p++)
        if (&m->params[p] != m->sharded)
            span[n++] = span_of(&run->t->config, &m->params[p]);
    if (m->sharded != NULL)
        span[n] = span_of(&run->t->config, m->sharded);
}

static ls_update_rule rule_of(const ls_config *c) {
    return (ls_update_rule){.optimizer = &c->optimizer,
                            .n_slots = ls_optimizer_slots(&c->optimizer, NULL),
                            .l1 = c->penalty.l1,
                            .l2 = c->penalty.l2,
                            .clip_value = isnan(c->clip.value) ? INFINITY : c->clip.value,
                            .clip_norm = isnan(c->clip.norm) ? INFINITY : c->clip.norm,
                            .ema = c->train.ema,
                            .accumulate = (size_t)c->batch.accumulate};
}

/* ---- the mean of the weights ---- */

float *ls_updates_mean(const ls_updates *u, float *const *slot, size_t at) {
    return isnan(u->rule.ema) ? NULL : slot[u->rule.n_slots] + at;
}

/* What no update ever touches is its own mean. */
static void begin_mean(ls_run *run) {
    const ls_updates *u = &run->updates;
    const ls_model *m = run->t->model;
    float *own = ls_updates_mean(u, u->state.slot, 0);
    if (own != NULL)
        memcpy(own, m->weights + owned(run).first, owned(run).count * sizeof *own);
    if (own != NULL && m->sharded != NULL)
        memcpy(ls_updates_mean(u, u->state.sharded, 0), m->weights + m->sharded->offset,
               m->sharded->count * sizeof *own);
}

static void swap(size_t n, float *a, float *b) {
    for (size_t i = 0; i < n; i++) {
        const float t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

void ls_updates_swap_mean(ls_run *run) {
    const ls_updates *u = &run->updates;
    const ls_model *m = run->t->model;
    if (isnan(u->rule.ema))
        return;
    const bool alone = ls_comm_size(run->comm) == 1;
    if (!alone)
        ls_exchange_begin(run->exchange, &(ls_exchange_round){.gathers = true});
    swap(owned(run).count, m->weights + owned(run).first, ls_updates_mean(u, u->state.slot, 0));
    if (m->sharded != NULL)
        swap(m->sharded->count, m->weights + m->sharded->offset,
             ls_updates_mean(u, u->state.sharded, 0));
    if (alone)
        return;
    ls_exchange_sum(run->exchange);
    ls_run_settle(run);
}

/* ---- memory ---- */

size_t ls_updates_floats(const ls_run *run) {
    const ls_update_rule rule = rule_of(&run->t->config);
    const ls_param *sharded = run->t->model->sharded;
    if (!ls_update_needs_all(&rule))
        return 0;
    return owned(run).count + (sharded != NULL ? sharded->count : 0);
}

static ls_status allocate_whole(ls_run *run) {
    ls_updates *u = &run->updates;
    const ls_param *sharded = run->t->model->sharded;
    u->n_blocks = run->t->model->n_blocks + ls_whole_spread_blocks(run);
    const size_t ranks = (size_t)ls_comm_size(run->comm);
    LS_TRY(ls_alloc(ranks, sizeof *u->blocks, "gradients", &u->blocks));
    for (size_t r = 0; r < ranks; r++)
        u->blocks[r] = ls_whole_own_blocks(run, (int)r);
    LS_TRY(ls_alloc(owned(run).count, sizeof *u->own, "gradients", &u->own));
    if (sharded != NULL)
        LS_TRY(ls_alloc(sharded->count, sizeof *u->spread, "gradients", &u->spread));
    LS_TRY(ls_alloc(2 * u->n_blocks, sizeof *u->squares, "gradients", &u->squares));
    LS_TRY(ls_alloc(u->rule.n_spans, sizeof *u->trust, "gradients", &u->trust));
    return ls_alloc(ranks, sizeof *u->bytes, "gradients", &u->bytes);
}

ls_status ls_updates_create(ls_run *run) {
    ls_updates *u = &run->updates;
    const ls_model *m = run->t->model;
    *u = (ls_updates){.rule = rule_of(&run->t->config)};
    LS_TRY(ls_alloc(m->n_params, sizeof *u->span, "model", &u->span));
    fill_spans(run, u->span);
    u->rule.n_spans = m->n_params;
    u->rule.span = u->span;
    for (size_t k = 0; k < ls_state_slots(&run->t->config, NULL); k++) {
        LS_TRY(ls_alloc(owned(run).count, sizeof(float), "optimiser state", &u->state.slot[k]));
        if (m->sharded != NULL)
            LS_TRY(ls_alloc(m->sharded->count, sizeof(float), "optimiser state",
                            &u->state.sharded[k]));
    }
    begin_mean(run);
    return ls_update_needs_all(&u->rule) ? allocate_whole(run) : LS_OK;
}

void ls_updates_free(ls_updates *u) {
    for (size_t k = 0; k < LS_STATE_SLOTS_MAX; k++) {
        ls_free(u->state.slot[k]);
        ls_free(u->state.sharded[k]);
    }
    ls_free(u->span);
    ls_free(u->blocks);
    ls_free(u->own);
    ls_free(u->spread);
    ls_free(u->squares);
    ls_free(u->trust);
    ls_free(u->bytes);
    *u = (ls_updates){0};
}

/* ---- in a step ---- */

/* What a group's rows weigh is known when its last batch is done: until then as if each weighed 1
 * and all were there. */
double ls_updates_divisor(const ls_run *run) {
    const ls_updates *u = &run->updates;
    return u->rule.accumulate > 1 ? (double)run->t->config.batch.rows : u->weight;
}

static ls_update_step step_of(const ls_run *run) {
    return (ls_update_step){.number = run->t->state.step,
                            .lr = run->lr,
                            .scale = 1,
                            .rows = run->updates.rows,
                            .squares = run->updates.measured};
}

/* The gradient of a group is the sum of its batches'. */
static void store(const ls_updates *u, size_t n, const float *g, float *to) {
    if (!u->goes_on)
        memcpy(to, g, n * sizeof *to);
    else
        ls_add_to(n, g, to);
}

/* Stretches of one span, as a tile has them, in an array of weights and those like it. */
typedef struct stretches {
    const ls_update_span *span;
    float *weights, *stored, *const *slot;
    ls_tile tile;
} stretches;

static void take(const ls_run *run, const stretches *s) {
    const ls_updates *u = &run->updates;
    const ls_tile *t = &s->tile;
    if (s->stored != NULL) {
        for (size_t i = 0; i < t->count; i++)
            store(u, t->floats, t->tile + i * t->floats, s->stored + t->first + i * t->stride);
        return;
    }
    const ls_update_step step = step_of(run);
    ls_update_piece piece = {.span = s->span, .n = t->floats, .w = s->weights + t->first};
    for (size_t k = 0; k < u->rule.n_slots; k++)
        piece.slot[k] = s->slot[k] + t->first;
    piece.mean = ls_updates_mean(u, s->slot, t->first);
    ls_update_now(&u->rule, &step, &piece, t->count, t->stride, t->tile);
}

/* Of what this rank owns, `first` floats behind its beginning. */
static void take_own(const ls_run *run, const ls_update_span *span, const ls_tile *tile) {
    const ls_updates *u = &run->updates;
    take(run, &(stretches){span, run->t->model->weights + owned(run).first, u->own, u->state.slot,
                           *tile});
}

void ls_updates_take(const ls_run *run, size_t first, size_t n, const float *sum) {
    const ls_update_span *span = ls_update_span_at(&run->updates.rule, first);
    for (size_t i = 0; i < n; span++) {
        const size_t rest = span->end - (first + i), count = n - i < rest ? n - i : rest;
        take_own(run, span, &(ls_tile){sum + i, first + i - owned(run).first, 1, count, count});
        i += count;
    }
}

void ls_updates_take_tile(const ls_run *run, size_t offset, const ls_tile *tile) {
    ls_tile own = *tile;
    own.first += offset - owned(run).first;
    take_own(run, ls_update_span_at(&run->updates.rule, offset), &own);
}

void ls_updates_take_spread_tile(const ls_run *run, const ls_tile *tile) {
    const ls_updates *u = &run->updates;
    const ls_model *m = run->t->model;
    take(run, &(stretches){&u->span[u->rule.n_spans - 1], m->weights + m->sharded->offset,
                           u->spread, u->state.sharded, *tile});
}

bool ls_updates_gather_at_once(const ls_run *run) {
    return run->updates.own == NULL;
}

bool ls_updates_ends_group(const ls_run *run, size_t step) {
    return (step + 1) % run->updates.rule.accumulate == 0 ||
           step + 1 == ls_sampler_steps(run->sampler);
}

size_t ls_updates_in(size_t steps, size_t group) {
    return (steps + group - 1) / group;
}

uint64_t ls_updates_of_epoch(const ls_run *run) {
    return ls_updates_in(ls_sampler_steps(run->sampler), run->updates.rule.accumulate);
}

bool ls_updates_group_is_open(const ls_run *run) {
    return run->updates.goes_on;
}

void ls_updates_begin_step(ls_run *run, double rows, double *measured) {
    ls_updates *u = &run->updates;
    u->rows = u->goes_on ? u->rows + rows : rows;
    u->measured = measured;
}

void ls_updates_weigh(ls_run *run, double weight) {
    ls_updates *u = &run->updates;
    u->weight = u->goes_on ? u->weight + weight : weight;
}

ls_status ls_updates_end_step(ls_run *run, bool is_last) {
    ls_updates *u = &run->updates;
    if (u->own == NULL)
        return LS_OK;
    u->goes_on = !is_last;
    if (!is_last)
        return LS_OK;
    ls_update_step step = step_of(run);
    if (u->rule.accumulate > 1)
        step.scale = u->weight > 0 ? (float)((double)run->t->config.batch.rows / u->weight) : 0.0f;
    return ls_whole_update(run, &step);
}
