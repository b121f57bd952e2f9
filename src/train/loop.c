/* Epochs: steps, validation, the decision of rank 0, records and checkpoints. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/vector.h"
#include "run.h"

static ls_status save(ls_run *run, const char *path) {
    ls_comm_activity(run->comm, "checkpoint after step %llu",
                     (unsigned long long)run->t->state.step);
    return ls_checkpoint_save(run->comm, path, run->t, run->exchange, &run->optimizer);
}

/* The best epoch's state is written as best.h5 and gets last.h5 as its second name; where the file
 * system can not do that, it is written again. In this order a run that ends in between goes on
 * from the epoch before and comes to the same best.h5 again. */
static ls_status save_best(ls_run *run) {
    bool linked = false;
    LS_TRY(save(run, run->dir.best));
    ls_status st = LS_OK;
    if (ls_comm_rank(run->comm) == 0)
        st = ls_link_file(run->dir.best, run->dir.last, &linked);
    LS_TRY(ls_agree(run->comm, st));
    LS_TRY(ls_broadcast(run->comm, &linked, sizeof linked, 0));
    return linked ? LS_OK : save(run, run->dir.last);
}

/* What rank 0 decides at an epoch's end and tells the others. */
typedef struct decision {
    ls_train_state state;
    bool best, stop;
} decision;

/* The value of the monitored metric. */
static double monitored(const ls_run *run, const ls_epoch_record *r) {
    const char *monitor = ls_trained_monitor(run->t);
    if (strcmp(monitor, "train_loss") == 0)
        return r->train_loss;
    if (strcmp(monitor, "train_accuracy") == 0)
        return r->train_accuracy;
    return ls_metric_find(run->t, monitor + strlen("val_"))
        ->value(run->t, r->val_score, run->spread);
}

static bool higher_is_better(const ls_run *run) {
    const char *name = strchr(ls_trained_monitor(run->t), '_') + 1;
    return ls_metric_find(run->t, name)->higher_is_better;
}

static decision decide(const ls_run *run, const ls_epoch_record *r) {
    const ls_config_stopping *s = &run->t->config.train.early_stopping;
    decision d = {.state = run->t->state};
    ls_train_state *state = &d.state;
    double sign = higher_is_better(run) ? -1 : 1, value = sign * monitored(run, r);
    bool first = state->best_epoch == 0;
    d.best = first || value < sign * state->best_value;
    if (d.best) {
        state->best_value = sign * value;
        state->best_epoch = state->epoch;
    }
    if (first || value < sign * state->reference - s->min_delta) {
        state->reference = sign * value;
        state->waited = 0;
    } else {
        state->waited++;
    }
    d.stop = s->given && state->waited >= (uint64_t)s->patience;
    state->finished = d.stop;
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

static ls_status diverged(const ls_run *run, const char *what) {
    return ls_hint(ls_fail(LS_ERR_DIVERGED, NULL, "epoch %llu: %s not finite",
                           (unsigned long long)run->t->state.epoch, what),
                   "lower the learning rate, or standardize the data%s",
                   run->t->state.epoch > 1 ? "; the checkpoints hold the state of earlier epochs"
                                           : "");
}

/* The last update of an epoch may spoil what no loss has seen yet; all ranks have the weights. */
static ls_status check_weights(const ls_run *run) {
    const ls_model *m = run->t->model;
    return ls_any_not_finite(m->slab_floats, m->weights) ? diverged(run, "the weights are") : LS_OK;
}

static ls_status check_finite(const ls_run *run, const ls_epoch_record *r) {
    LS_TRY(check_weights(run));
    if (r->val_score != NULL && !isfinite(r->val_score[LS_SCORE_LOSS]))
        return diverged(run, "the validation loss is");
    return isfinite(monitored(run, r))
               ? LS_OK
               : diverged(run, "the metric that train.early_stopping.monitor names is");
}

/* The steps of one epoch, from state.epoch_step on. */
static ls_status run_steps(ls_run *run, bool *stop) {
    size_t steps = ls_sampler_steps(run->sampler);
    ls_train_state *state = &run->t->state;
    ls_progress *progress = NULL;
    char what[48], extra[48];
    snprintf(what, sizeof what, "epoch %llu/%lld", (unsigned long long)state->epoch + 1,
             (long long)run->t->config.train.epochs);
    LS_TRY(ls_agree(run->comm,
                    ls_progress_create(run->log, what, "rows", (double)run->n_rows[0], &progress)));
    ls_sampler_begin_epoch(run->sampler, (uint32_t)state->epoch);
    run->wait_s = 0;
    ls_status st = LS_OK;
    while (st == LS_OK && !*stop && state->epoch_step < steps) {
        st = ls_run_step(run, (size_t)state->epoch_step, stop);
        snprintf(extra, sizeof extra, "step %llu/%zu  loss %.4f",
                 (unsigned long long)state->epoch_step, steps,
                 state->train_loss / state->train_rows);
        ls_progress_update(progress, state->train_rows, extra);
    }
    ls_progress_clear(progress); /* the table's line tells the rest */
    return st;
}

/* Validation, decision, record and checkpoints of the epoch that has just ended. */
static ls_status end_epoch(ls_run *run, double begin, double rows_before, bool *stop) {
    ls_train_state *state = &run->t->state;
    double rows = state->train_rows, trained = ls_clock_s() - begin;
    ls_epoch_record r = {
        .train_loss = state->train_loss / rows,
        .train_accuracy = run->t->target == LS_TARGET_CLASSES ? state->train_correct / rows : NAN,
        .rows_per_s = (rows - rows_before) / trained,
        .steps_s = trained};
    LS_TRY(ls_run_mean_wait(run, &r.wait_s));
    state->epoch++;
    state->epoch_step = 0;
    state->train_loss = state->train_correct = state->train_rows = 0;
    ls_comm_activity(run->comm, "end of epoch %llu", (unsigned long long)state->epoch);
    if (run->val != NULL) {
        LS_TRY(ls_blocks_score(run->comm, run->val, run->score));
        r.val_score = run->score;
    }
    LS_TRY(check_finite(run, &r));
    state->seconds += ls_clock_s() - begin;
    decision d;
    LS_TRY(share_decision(run, &r, &d));
    r.best = d.best;
    r.seconds = ls_clock_s() - begin;
    *stop = d.stop;
    ls_status st = ls_comm_rank(run->comm) == 0 ? ls_history_append(run, &r) : LS_OK;
    LS_TRY(ls_agree(run->comm, st));
    ls_history_print(run, &r);
    return d.best ? save_best(run) : save(run, run->dir.last);
}

static ls_status say_stopped(const ls_run *run) {
    const ls_train_state *state = &run->t->state;
    ls_note(run->log, "stopped early after epoch %llu, step %llu; go on with --resume",
            (unsigned long long)state->epoch, (unsigned long long)state->epoch_step);
    return LS_STOPPED;
}

/* Inside an epoch the state is not on disk yet. */
static ls_status stop_inside_epoch(ls_run *run, double begin) {
    run->t->state.seconds += ls_clock_s() - begin;
    LS_TRY(check_weights(run));
    LS_TRY(save(run, run->dir.last));
    return say_stopped(run);
}

ls_status ls_run_loop(ls_run *run) {
    ls_train_state *state = &run->t->state;
    size_t steps = ls_sampler_steps(run->sampler);
    bool finished = state->finished != 0;
    ls_history_header(run);
    while (!finished && state->epoch < (uint64_t)run->t->config.train.epochs) {
        bool asked = false;
        double begin = ls_clock_s(), rows_before = state->train_rows;
        LS_TRY(run_steps(run, &asked));
        if (asked && state->epoch_step < steps)
            return stop_inside_epoch(run, begin);
        LS_TRY(end_epoch(run, begin, rows_before, &finished));
        if (asked && !finished && state->epoch < (uint64_t)run->t->config.train.epochs)
            return say_stopped(run);
    }
    if (finished)
        ls_note(run->log, "early stopping: no improvement of %s for %llu epochs",
                run->t->config.train.early_stopping.monitor, (unsigned long long)state->waited);
    return LS_OK;
}
