/* One training step: gather, forward, loss, agree, backward, sum over lanes, update, gather.
 *
 * Agreement rides with the losses: in one message every rank tells what it asks for, and its lanes'
 * losses and counts; all ranks then come to the same decision. It goes round before the backward
 * pass, since this may update weights already: those that a rank has for itself, tile by tile while
 * their gradient is in the cache. */
#include <math.h>
#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/math/vector.h"
#include "run.h"
#include "same_weights.h"

static void begin_step(ls_run *run) {
    run->times.now_s = ls_clock_s();
    run->times.waited_s = ls_comm_waited_s(run->comm);
}

/* The time since the last change belongs to this phase. */
static void end_phase(ls_run *run, ls_phase phase) {
    ls_step_times *t = &run->times, before = *t;
    begin_step(run);
    const double waited = t->waited_s - before.waited_s;
    t->wait_s += waited;
    t->phase_s[phase] += t->now_s - before.now_s - waited;
}

/* Where a rank's part of the message begins. */
static double *part_of(const ls_run *run, int rank) {
    size_t first = ls_share(run->lanes.total, (size_t)ls_comm_size(run->comm), (size_t)rank).first;
    return run->message + RANK_NUMBERS * (size_t)rank + LANE_NUMBERS * first;
}

/* Rows of a lane in a step that is full. */
static size_t lane_rows(const ls_run *run) {
    return (size_t)(run->t->config.batch.rows / run->t->config.batch.lanes);
}

/* The rows that this rank's lanes begin with among the sampler's. */
static size_t own_base(const ls_run *run) {
    return run->features != NULL ? run->batch.first[run->lanes.mine.first] : 0;
}

static void gather_targets(ls_run *run, size_t rows) {
    ls_batch *b = &run->batch;
    const size_t k = run->t->n_targets, *slot = b->slot + own_base(run);
    for (size_t i = 0; i < rows; i++)
        if (b->label != NULL)
            b->label[i] = run->shard.label[slot[i]];
        else
            memcpy(b->value + i * k, run->shard.value + slot[i] * k, k * sizeof *b->value);
    for (size_t i = 0; b->weight != NULL && i < rows; i++)
        b->weight[i] = run->shard.weight[slot[i]];
}

/* Gives every lane its place in the whole batch; where it has too few rows zeros take theirs. */
static void spread_batch(ls_run *run) {
    ls_batch *b = &run->batch;
    const size_t room = lane_rows(run);
    for (size_t l = 0; l < run->lanes.total; l++)
        for (size_t k = 0; k < room; k++) {
            const size_t from = b->first[l] + k, to = l * room + k;
            const bool used = from < b->first[l + 1];
            b->all_slot[to] = used ? b->slot[from] : ls_sampler_rows(run->sampler);
            b->all_position[to] = used ? b->position[from] : 0;
        }
}

/* Moves this rank's rows between the batch with room for all and the one without gaps. */
static void close_gaps(const ls_run *run, size_t width, const float *wide, float *dense) {
    const ls_batch *b = &run->batch;
    const size_t room = lane_rows(run);
    for (size_t l = 0; l < run->lanes.mine.count; l++) {
        const size_t n = b->own_first[l + 1] - b->own_first[l];
        memcpy(dense + b->own_first[l] * width, wide + l * room * width, n * width * sizeof *wide);
    }
}

static void open_gaps(const ls_run *run, size_t width, const float *dense, float *wide) {
    const ls_batch *b = &run->batch;
    const size_t room = lane_rows(run);
    memset(wide, 0, run->lanes.mine.count * room * width * sizeof *wide);
    for (size_t l = 0; l < run->lanes.mine.count; l++) {
        const size_t n = b->own_first[l + 1] - b->own_first[l];
        memcpy(wide + l * room * width, dense + b->own_first[l] * width, n * width * sizeof *wide);
    }
}

static size_t front_units(const ls_model *m) {
    return m->layers[m->front - 1].out_size;
}

/* b->x: what the layers behind the front see. */
static void gather_batch(ls_run *run, const ls_pass *pass, size_t rows) {
    ls_batch *b = &run->batch;
    const ls_model *m = run->t->model;
    gather_targets(run, rows);
    if (run->features == NULL) {
        ls_rows_gather(run, b->slot, rows, b->x);
        end_phase(run, LS_PHASE_GATHER);
        return;
    }
    const float *y = NULL;
    ls_pass all = *pass;
    all.position = b->all_position;
    spread_batch(run);
    ls_rows_gather(run, b->all_slot, (size_t)run->t->config.batch.rows,
                   ls_features_x(run->features));
    end_phase(run, LS_PHASE_GATHER);
    y = ls_features_forward(run->features, &all);
    close_gaps(run, front_units(m), y, b->x);
}

/* The front's biases are summed over lanes as all others are; dy goes to the whole batch. */
static void front_backward(ls_run *run, const ls_pass *pass, const float *dy) {
    const ls_model *m = run->t->model;
    const ls_layer *dense = &m->layers[m->front - 1];
    float *d[LS_TREE_DEPTH_MAX];
    for (size_t k = 0; k < run->lanes.n_roots && dense->n_params > 1; k++)
        d[k] = run->gradient[k] + dense->offset[1];
    if (dense->n_params > 1)
        ls_gemm_backward_bias(&pass->rows, pass->lanes, dense->out_size, dy, d);
    open_gaps(run, dense->out_size, dy, ls_features_dy(run->features));
}

/* Every rank reads the same sums, so all come to the same end. */
static ls_status compare_weights(const ls_run *run) {
    const double wanted = part_of(run, 0)[WEIGHTS_SUM];
    for (int r = 1; r < ls_comm_size(run->comm); r++)
        if (part_of(run, r)[WEIGHTS_SUM] != wanted)
            return ls_same_weights_fail(run, r);
    return LS_OK;
}

/* A rank that has failed has computed with others, so that nobody waited for it. */
static ls_status leave_together(ls_run *run) {
    bool failed = false;
    for (int r = 0; r < ls_comm_size(run->comm); r++)
        failed = failed || part_of(run, r)[HAS_FAILED] != 0;
    return failed ? ls_failure_agree(run) : LS_OK;
}

/* Forward and loss of this rank's lanes; fills its part of the message. */
static void forward(ls_run *run, const ls_pass *pass, const ls_requests *asked) {
    const ls_trained *t = run->t;
    ls_batch *b = &run->batch;
    ls_activations *a = run->activations;
    size_t out = t->model->out_size;
    ls_targets targets = {b->label, b->value, b->weight};
    double *part = part_of(run, ls_comm_rank(run->comm));
    const float *z = ls_model_forward(t->model, a, pass, b->x);
    ls_exchange_end(run->exchange); /* before the ranks talk of anything else */
    ls_loss_evaluate(&t->config.loss, &pass->rows, out, z, &targets, a->logits_gradient,
                     b->row_loss, b->lane_loss);
    part[STOP_ASKED] = asked->stop;
    part[SAVE_ASKED] = asked->save;
    part[WEIGHTS_SUM] = ls_same_weights_due(run) ? ls_same_weights_sum(run) : 0;
    ls_failure_note(run, run->rows_from.status);
    ls_failure_note_products(run);
    part[HAS_FAILED] = run->failure.status != LS_OK;
    for (size_t l = 0; l < pass->rows.count; l++) {
        double *lane = part + RANK_NUMBERS + LANE_NUMBERS * l;
        lane[LANE_LOSS] = b->lane_loss[l].loss;
        lane[LANE_WEIGHT] = b->lane_loss[l].weight;
        lane[LANE_CORRECT] = 0;
        for (size_t r = b->own_first[l]; b->label != NULL && r < b->own_first[l + 1]; r++)
            lane[LANE_CORRECT] += ls_predicted_class(t, z + r * out) == b->label[r];
    }
    end_phase(run, LS_PHASE_FORWARD);
}

/* Sends the message around and reads it: sums[LANE_NUMBERS] are over all lanes, in the tree. */
static ls_status exchange_message(ls_run *run, double *sums, ls_requests *told) {
    int ranks = ls_comm_size(run->comm);
    size_t n = 0;
    for (int r = 0; r < ranks; r++)
        run->message_bytes[r] =
            (RANK_NUMBERS +
             LANE_NUMBERS * ls_share(run->lanes.total, (size_t)ranks, (size_t)r).count) *
            sizeof *run->message;
    LS_TRY(ls_allgather_blocks(run->comm, run->message, run->message_bytes));
    LS_TRY(leave_together(run));
    LS_TRY(compare_weights(run));
    *told = (ls_requests){0};
    for (int r = 0; r < ranks; r++) {
        const double *part = part_of(run, r);
        size_t lanes = ls_share(run->lanes.total, (size_t)ranks, (size_t)r).count;
        told->stop = told->stop || part[STOP_ASKED] != 0;
        told->save = told->save || part[SAVE_ASKED] != 0;
        memmove(run->message + n, part + RANK_NUMBERS, lanes * LANE_NUMBERS * sizeof *part);
        n += lanes * LANE_NUMBERS;
    }
    for (size_t k = 0; k < LANE_NUMBERS; k++)
        sums[k] = ls_tree_sum(run->message + k, run->lanes.total, LANE_NUMBERS);
    return LS_OK;
}

static void take_spread_tile(void *run, const ls_tile *tile) {
    ls_updates_take_spread_tile(run, tile);
}

static void take_tile(void *run, size_t offset, const ls_tile *tile) {
    ls_updates_take_tile(run, offset, tile);
}

/* Where nobody else has gradients to add. */
static bool updates_tiles(const ls_run *run) {
    return ls_comm_size(run->comm) == 1;
}

static void take_sums(void *run, size_t first, size_t n, const float *sum) {
    ls_updates_take(run, first, n, sum);
}

/* A layer whose columns are spread, and which is not frozen. */
static bool trains_front(const ls_run *run) {
    const ls_model *m = run->t->model;
    return run->features != NULL && m->first_trained < m->front;
}

static void backward(ls_run *run, const ls_pass *pass) {
    const ls_exchange_round round = {
        .use = take_sums, .context = run, .gathers = ls_updates_gather_at_once(run)};
    const ls_gradients gradients = {run->gradient, updates_tiles(run) ? take_tile : NULL, run};
    if (!updates_tiles(run))
        ls_exchange_begin(run->exchange, &round);
    ls_loss_mean_gradient(ls_pass_rows(pass), run->t->model->out_size, run->batch.weight,
                          ls_updates_divisor(run), run->activations->logits_gradient);
    const float *dy =
        ls_model_backward(run->t->model, run->activations, pass, run->batch.x, &gradients);
    if (trains_front(run))
        front_backward(run, pass, dy);
    end_phase(run, LS_PHASE_BACKWARD);
}

/* What has no tiles: biases and the like. */
static void update_rest(ls_run *run) {
    const ls_model *m = run->t->model;
    for (size_t p = 0; p < m->n_params; p++)
        if (m->params[p].rank != 2)
            ls_updates_take(run, m->params[p].offset, m->params[p].count,
                            run->gradient[0] + m->params[p].offset);
}

/* What others update goes on arriving until the next pass needs it, but where the spread layer has
 * an exchange of its own to wait for. */
static void update(ls_run *run) {
    if (updates_tiles(run))
        update_rest(run);
    else
        ls_exchange_sum(run->exchange);
    end_phase(run, LS_PHASE_UPDATE);
    if (run->features == NULL)
        return;
    ls_run_settle(run);
    if (trains_front(run))
        ls_features_backward(run->features, take_spread_tile, run);
    end_phase(run, LS_PHASE_BACKWARD);
}

/* The exchange of a step with the passes of this one and the next. */
static bool overlaps(const ls_run *run) {
    return !updates_tiles(run) && run->features == NULL;
}

/* The same of an update that had to wait for all of the gradient. */
static ls_status update_whole(ls_run *run, size_t step) {
    if (ls_updates_gather_at_once(run))
        return LS_OK;
    ls_run_settle(run);
    LS_TRY(ls_updates_end_step(run, ls_updates_ends_group(run, step)));
    if (!overlaps(run))
        ls_run_settle(run);
    end_phase(run, LS_PHASE_UPDATE);
    return LS_OK;
}

void ls_run_settle(ls_run *run) {
    begin_step(run);
    ls_exchange_end(run->exchange);
    end_phase(run, LS_PHASE_UPDATE);
}

static bool has_weights(void *exchange, ls_tree_range floats) {
    return ls_exchange_has(exchange, floats);
}

static void need_weights(void *exchange, ls_tree_range floats) {
    ls_exchange_need(exchange, floats);
}

/* With the floats that no parameter has. */
static void tell_done(void *exchange, ls_tree_range floats) {
    floats.count = ls_slab_room(floats.count);
    ls_exchange_done(exchange, floats);
}

static void move_messages(void *exchange) {
    ls_exchange_poll(exchange);
}

static ls_overlap overlap_of(ls_exchange *ex) {
    return (ls_overlap){.has = has_weights,
                        .need = need_weights,
                        .done = tell_done,
                        .context = ex,
                        .panel = ls_exchange_panel(ex),
                        .last = ls_exchange_group_owned(ex).first,
                        .between = {move_messages, ex}};
}

ls_status ls_run_step(ls_run *run, size_t step, ls_requests *requests) {
    ls_train_state *state = &run->t->state;
    ls_batch *b = &run->batch;
    const ls_overlap overlap = overlap_of(run->exchange);
    begin_step(run);
    size_t count = ls_sampler_step(run->sampler, step, b->first, b->slot, b->position);
    size_t lanes = run->lanes.mine.count, base = own_base(run);
    for (size_t l = 0; l <= lanes; l++)
        b->own_first[l] = b->first[(run->features != NULL ? run->lanes.mine.first : 0) + l] - base;
    ls_pass pass = {.rows = {lanes, b->own_first},
                    .training = true,
                    .seed = (uint32_t)run->t->config.seed,
                    .epoch = (uint32_t)state->epoch,
                    .position = b->position + base,
                    .lanes = &run->lanes,
                    .overlap = overlaps(run) ? &overlap : NULL};
    double sums[LANE_NUMBERS];
    ls_comm_activity(run->comm, "epoch %llu, step %zu", (unsigned long long)state->epoch + 1,
                     step + 1);
    const bool is_last = step + 1 == ls_sampler_steps(run->sampler);
    ls_updates_begin_step(run, (double)count, ls_diagnosis_squares(run, is_last));
    gather_batch(run, &pass, b->own_first[lanes]);
    forward(run, &pass, requests);
    LS_TRY(exchange_message(run, sums, requests));
    if (!isfinite(sums[LANE_LOSS]))
        return ls_hint(ls_fail(LS_ERR_DIVERGED, NULL, "epoch %llu, step %zu: the loss is %s",
                               (unsigned long long)state->epoch + 1, step + 1,
                               isnan(sums[LANE_LOSS]) ? "not a number" : "infinite"),
                       "lower the learning rate, or standardize the data%s",
                       state->epoch > 0 ? "; the checkpoints hold the state of earlier epochs"
                                        : "");
    ls_updates_weigh(run, sums[LANE_WEIGHT]);
    run->lr = ls_rate_of_step(run);
    if (ls_updates_ends_group(run, step))
        state->step++;
    backward(run, &pass);
    update(run);
    LS_TRY(update_whole(run, step));
    ls_failure_note_products(run); /* told with the next message */
    state->train_loss += sums[LANE_LOSS];
    state->train_weight += sums[LANE_WEIGHT];
    state->train_correct += sums[LANE_CORRECT];
    state->train_rows += (double)count;
    state->epoch_step = step + 1;
    return LS_OK;
}

/* The buffer of a step's message is free between steps. */
ls_status ls_run_mean(ls_run *run, double own, double *mean) {
    size_t ranks = (size_t)ls_comm_size(run->comm);
    for (size_t r = 0; r < ranks; r++)
        run->message_bytes[r] = sizeof *run->message;
    run->message[ls_comm_rank(run->comm)] = own;
    LS_TRY(ls_allgather_blocks(run->comm, run->message, run->message_bytes));
    *mean = ls_tree_sum(run->message, ranks, 1) / (double)ranks;
    return LS_OK;
}
