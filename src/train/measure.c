/* A run without its directory, and its steps by the clock. Why here: see measure.h. */
#include "lockstep/train/measure.h"

#include "cost.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/stop.h"
#include "run.h"

/* More than anybody measures. */
#define EPOCHS (1 << 30)

struct ls_measure {
    ls_run run;
};

ls_status ls_measure_create(ls_comm *comm, ls_log *log, ls_config *config, ls_measure **out) {
    ls_measure *m = NULL;
    LS_TRY(ls_agree(comm, ls_alloc(1, sizeof *m, "run", &m)));
    m->run = (ls_run){.comm = comm, .log = log, .dir = {.lock_fd = -1}, .began = ls_clock_s()};
    config->train.epochs = EPOCHS; /* rows are streamed for so long */
    ls_status st = ls_run_begin(&m->run, config);
    if (st == LS_OK)
        st = ls_run_prepare(&m->run);
    if (st == LS_OK)
        st = ls_run_load(&m->run);
    if (st != LS_OK) {
        ls_measure_destroy(m);
        return st;
    }
    ls_sampler_begin_epoch(m->run.sampler, 0);
    *out = m;
    return LS_OK;
}

void ls_measure_destroy(ls_measure *m) {
    if (m == NULL)
        return;
    ls_run_free(&m->run);
    ls_free(m);
}

void ls_measure_facts(const ls_measure *m, ls_step_facts *out) {
    const ls_run *run = &m->run;
    ls_step_cost(run, out);
    out->sent = ls_exchange_bytes(run->exchange);
    if (run->features != NULL)
        out->sent += ls_exchange_bytes(ls_features_exchange(run->features));
}

static void next_epoch(ls_run *run) {
    ls_train_state *state = &run->t->state;
    state->epoch++;
    state->epoch_step = 0;
    state->train_loss = state->train_weight = state->train_correct = state->train_rows = 0;
    ls_sampler_begin_epoch(run->sampler, (uint32_t)state->epoch);
}

ls_status ls_measure_steps(ls_measure *m, size_t n, ls_step_figures *out) {
    ls_run *run = &m->run;
    const ls_train_state *state = &run->t->state;
    *out = (ls_step_figures){0};
    run->times = (ls_step_times){0};
    for (size_t i = 0; i < n; i++) {
        if (state->epoch_step >= ls_sampler_steps(run->sampler))
            next_epoch(run);
        ls_requests requests = {.stop = ls_stop_is_asked()};
        const double before = state->train_rows, begin = ls_clock_s();
        LS_TRY(ls_run_step(run, (size_t)state->epoch_step, &requests));
        if (i + 1 == n || requests.stop)
            LS_TRY(ls_run_end_steps(run));
        out->seconds += ls_clock_s() - begin;
        out->rows += state->train_rows - before;
        if (requests.stop)
            return LS_STOPPED;
    }
    const double *phase = run->times.phase_s;
    out->gather_s = phase[LS_PHASE_GATHER];
    out->forward_s = phase[LS_PHASE_FORWARD];
    out->backward_s = phase[LS_PHASE_BACKWARD];
    out->update_s = phase[LS_PHASE_UPDATE];
    out->wait_s = run->times.wait_s;
    return LS_OK;
}

ls_status ls_measure_exchange(ls_measure *m, double *seconds, double *wait_s) {
    const ls_run *run = &m->run;
    const double begin = ls_clock_s(), waited = ls_comm_waited_s(run->comm);
    if (run->features != NULL)
        ls_step_exchange(ls_features_exchange(run->features));
    ls_step_exchange(run->exchange);
    *seconds = ls_clock_s() - begin;
    *wait_s = ls_comm_waited_s(run->comm) - waited;
    return LS_OK;
}
