/* Epochs: steps, validation, the decision of rank 0, records and checkpoints. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/stop.h"
#include "lockstep/math/vector.h"
#include "run.h"
#include "same_weights.h"

/* What rank 0 decides at an epoch's end and tells the others. */
typedef struct decision {
    ls_train_state state;
    bool best, stop;
} decision;

/* The value of a metric that is watched, val_loss say; NAN where it has none in this epoch, the
 * area under the curve of a single class say. */
static double value_of(const ls_epoch_record *r, const char *watched, const ls_metric *m) {
    if (strcmp(watched, "train_loss") == 0)
        return r->train_loss;
    if (strcmp(watched, "train_accuracy") == 0)
        return r->train_accuracy;
    return m->value(m, r->val);
}

static double monitored(const ls_run *run, const ls_epoch_record *r) {
    return value_of(r, ls_trained_monitor(run->t), run->monitor);
}

static bool higher_is_better(const ls_run *run) {
    const int mode = run->t->config.train.early_stopping.mode;
    return mode == LS_MODE_AUTO ? (run->monitor->traits & LS_METRIC_HIGHER) != 0
                                : mode == LS_MODE_MAX;
}

/* What the schedule makes of the epoch. */
static void observe(const ls_run *run, const ls_epoch_record *r, ls_schedule_state *state) {
    const ls_choice *schedule = &run->t->config.schedule;
    if (run->watched == NULL)
        return;
    const double value = value_of(r, ls_schedule_monitor(schedule), run->watched);
    ls_schedule_observe(schedule, value, (run->watched->traits & LS_METRIC_HIGHER) != 0, state);
}

static decision decide(const ls_run *run, const ls_epoch_record *r) {
    const ls_config_stopping *s = &run->t->config.train.early_stopping;
    decision d = {.state = run->t->state};
    ls_train_state *state = &d.state;
    double sign = higher_is_better(run) ? -1 : 1, value = sign * monitored(run, r);
    bool valid = !isnan(value), first = state->best_epoch == 0;
    d.best = valid && (first || value < sign * state->best_value);
    if (d.best) {
        state->best_value = sign * value;
        state->best_epoch = state->epoch;
    }
    if (valid && (first || value < sign * state->reference - s->min_delta)) {
        state->reference = sign * value;
        state->waited = 0;
    } else {
        state->waited++;
    }
    d.stop = s->given && state->waited >= (uint64_t)s->patience;
    state->finished = d.stop;
    observe(run, r, &state->schedule);
    ls_course_observe(&state->course, r->train_loss, r->val != NULL ? ls_facts_loss(r->val) : NAN);
    return d;
}

/* Rank 0's decision becomes everybody's state. */
static ls_status share_decision(ls_run *run, const ls_epoch_record *r, decision *d) {
    memset(d, 0, sizeof *d);
    if (ls_comm_rank(run->comm) == 0)
        *d = decide(run, r);
    LS_TRY(ls_broadcast(run->comm, d, sizeof *d, 0));
    run->t->state = d->state;
    return LS_OK;
}

const char *ls_run_place(const ls_run *run, char out[LS_RUN_PLACE]) {
    const ls_train_state *s = &run->t->state;
    if (s->epoch_step > 0)
        snprintf(out, LS_RUN_PLACE, "epoch %llu, after step %llu", (unsigned long long)s->epoch + 1,
                 (unsigned long long)s->epoch_step);
    else if (s->epoch > 0)
        snprintf(out, LS_RUN_PLACE, "after epoch %llu", (unsigned long long)s->epoch);
    else
        snprintf(out, LS_RUN_PLACE, "before the first step");
    return out;
}

static ls_status diverged(const ls_run *run, const char *what) {
    char place[LS_RUN_PLACE];
    return ls_hint(
        ls_fail(LS_ERR_DIVERGED, NULL, "%s: %s not finite", ls_run_place(run, place), what),
        "lower the learning rate, or standardize the data%s",
        run->t->state.epoch > 1 ? "; the checkpoints hold the state of earlier epochs" : "");
}

/* The last update may have spoiled what no loss has seen yet, on one rank alone where weights are
 * spread, and what has come in last was compared by no step. Collective. */
static ls_status check_weights(const ls_run *run) {
    const ls_model *m = run->t->model;
    LS_TRY(ls_agree(run->comm, ls_any_not_finite(m->slab_floats, m->weights)
                                   ? diverged(run, "the weights are")
                                   : LS_OK));
    return ls_same_weights_check(run);
}

static ls_status check_finite(const ls_run *run, const ls_epoch_record *r) {
    LS_TRY(check_weights(run));
    if (r->val != NULL && !isfinite(ls_facts_loss(r->val)))
        return diverged(run, "the validation loss is");
    return isinf(monitored(run, r))
               ? diverged(run, "the metric that train.early_stopping.monitor names is")
               : LS_OK;
}

static void warn_without_value(const ls_run *run, const ls_epoch_record *r) {
    if (isnan(monitored(run, r)))
        ls_warn(run->log, "%s has no value in epoch %llu, which counts as no improvement",
                ls_trained_monitor(run->t), (unsigned long long)run->t->state.epoch);
}

/* Time since the last count goes to the state. */
static void count_time(ls_run *run) {
    double now = ls_clock_s();
    run->t->state.seconds += now - run->counted;
    run->counted = now;
}

/* Whether a checkpoint is due after the step that comes: by its number, or by rank 0's clock. */
static bool is_due(const ls_run *run) {
    const ls_config_checkpoint *c = &run->t->config.checkpoint;
    uint64_t step = run->t->state.step + 1;
    if (c->every_steps != LS_OPT_UNSET && step % (uint64_t)c->every_steps == 0)
        return true;
    return ls_clock_s() - ls_saver_last_begin(run->saver) >= 60 * c->every_minutes;
}

/* What this rank asks for in the step that comes. */
static ls_requests ask(ls_run *run) {
    ls_requests asked = {.stop = ls_stop_is_asked()};
    if (ls_comm_rank(run->comm) == 0) {
        asked.stop =
            ls_deadline_is_near(&run->deadline, ls_saver_seconds(run->saver)) || asked.stop;
        asked.save = is_due(run);
    }
    return asked;
}

static ls_status save_inside_epoch(ls_run *run) {
    LS_TRY(ls_run_end_steps(run));
    count_time(run);
    LS_TRY(check_weights(run));
    return ls_saver_save(run->saver, false);
}

/* The steps of one epoch, from state.epoch_step on. */
static ls_status run_steps(ls_run *run, ls_progress *progress, bool *stop) {
    size_t steps = ls_sampler_steps(run->sampler);
    ls_train_state *state = &run->t->state;
    char extra[48];
    while (!*stop && state->epoch_step < steps) {
        ls_requests requests = ask(run);
        LS_TRY(ls_run_step(run, (size_t)state->epoch_step, &requests));
        const bool open = ls_updates_group_is_open(run);
        *stop = requests.stop && !open;
        if (requests.save && !*stop && !open && state->epoch_step < steps)
            LS_TRY(save_inside_epoch(run));
        snprintf(extra, sizeof extra, "step %llu/%zu  loss %.4f",
                 (unsigned long long)state->epoch_step, steps,
                 state->train_loss / state->train_weight);
        ls_progress_update(progress, state->train_rows, extra);
    }
    return LS_OK;
}

static ls_status run_epoch(ls_run *run, bool *stop) {
    const ls_train_state *state = &run->t->state;
    ls_progress *progress = NULL;
    char what[48];
    snprintf(what, sizeof what, "epoch %llu/%lld", (unsigned long long)state->epoch + 1,
             (long long)run->t->config.train.epochs);
    LS_TRY(ls_agree(run->comm,
                    ls_progress_create(run->log, what, "rows", (double)run->n_rows[0], &progress)));
    ls_sampler_begin_epoch(run->sampler, (uint32_t)state->epoch);
    run->times = (ls_step_times){0};
    run->rows_from.wait_s = 0;
    ls_status st = run_steps(run, progress, stop);
    if (st == LS_OK)
        st = ls_run_end_steps(run);
    ls_progress_clear(progress); /* the table's line tells the rest */
    return st;
}

static bool is_last_epoch(const ls_run *run) {
    const ls_train_state *state = &run->t->state;
    return state->finished != 0 || state->epoch >= (uint64_t)run->t->config.train.epochs;
}

/* By the mean of the weights, where there is one. */
static ls_status validate(ls_run *run, ls_epoch_record *r) {
    if (run->val == NULL)
        return LS_OK;
    ls_updates_swap_mean(run);
    const ls_status st = ls_assess(run->comm, run->validation, &r->val);
    if (st == LS_OK)
        ls_updates_swap_mean(run);
    return st;
}

/* Validation, decision, record and checkpoint of the epoch that has just ended; asked: training is
 * going to stop here. */
static ls_status end_epoch(ls_run *run, double begin, double rows_before, bool asked) {
    ls_train_state *state = &run->t->state;
    double rows = state->train_rows, trained = ls_clock_s() - begin;
    ls_epoch_record r = {
        .train_loss = state->train_loss / state->train_weight,
        .train_accuracy = run->t->target == LS_TARGET_CLASSES ? state->train_correct / rows : NAN,
        .lr = run->lr,
        .rows_per_s = (rows - rows_before) / trained,
        .steps_s = trained};
    LS_TRY(ls_run_mean(run, run->times.wait_s, &r.wait_s));
    if (run->rows_from.streamed)
        LS_TRY(ls_run_mean(run, run->rows_from.wait_s, &r.read_wait_s));
    state->epoch++;
    state->epoch_step = 0;
    state->train_loss = state->train_weight = state->train_correct = state->train_rows = 0;
    ls_comm_activity(run->comm, "end of epoch %llu", (unsigned long long)state->epoch);
    LS_TRY(validate(run, &r));
    LS_TRY(ls_diagnosis_share(run));
    LS_TRY(check_finite(run, &r));
    count_time(run);
    decision d;
    LS_TRY(share_decision(run, &r, &d));
    r.best = d.best;
    r.seconds = ls_clock_s() - begin;
    ls_status st = ls_comm_rank(run->comm) == 0 ? ls_history_append(run, &r) : LS_OK;
    LS_TRY(ls_agree(run->comm, st));
    ls_history_print(run, &r);
    ls_diagnosis_warn(run);
    warn_without_value(run, &r);
    bool due = state->epoch % (uint64_t)run->t->config.checkpoint.every_epochs == 0;
    if (due || d.best || asked || is_last_epoch(run))
        return ls_saver_save(run->saver, d.best);
    return LS_OK;
}

static ls_status stop_here(ls_run *run) {
    const ls_train_state *state = &run->t->state;
    LS_TRY(ls_saver_finish(run->saver));
    ls_note(run->log, "stopped early after epoch %llu, step %llu%s; go on with --resume",
            (unsigned long long)state->epoch, (unsigned long long)state->epoch_step,
            run->deadline.was_near ? ": the time limit is near" : "");
    return LS_STOPPED;
}

ls_status ls_run_loop(ls_run *run) {
    ls_train_state *state = &run->t->state;
    size_t steps = ls_sampler_steps(run->sampler);
    LS_TRY(ls_agree(run->comm, ls_diagnosis_create(run)));
    ls_history_header(run);
    run->counted = ls_clock_s();
    while (!is_last_epoch(run)) {
        bool asked = false;
        double begin = ls_clock_s(), rows_before = state->train_rows;
        LS_TRY(run_epoch(run, &asked));
        if (asked && state->epoch_step < steps) {
            LS_TRY(save_inside_epoch(run));
            return stop_here(run);
        }
        LS_TRY(end_epoch(run, begin, rows_before, asked));
        if (asked && !is_last_epoch(run))
            return stop_here(run);
    }
    LS_TRY(ls_saver_finish(run->saver));
    if (state->finished)
        ls_note(run->log, "early stopping: no improvement of %s for %llu epochs",
                run->t->config.train.early_stopping.monitor, (unsigned long long)state->waited);
    return LS_OK;
}
