/* Turns of steps, of their exchange alone, of fused multiply-adds and of a stream. Why here: see
 * steps.h. */
#include "steps.h"

#include "bench_private.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/math.h"
#include "lockstep/optim/stream.h"
#include "shape.h"

/* A turn lasts about so long, where a step is shorter: long beside what it takes the ranks to begin
 * together. */
#define TURN_S 0.05
/* Steps before the first turn: memory is touched, and they tell how long one takes. What a step's
 * exchange hides in the next one shows only with several steps in a turn. */
enum { WARM_STEPS = 2, STEPS_LEAST = 4, STEPS_MAX = 10000, ROUNDS_MAX = 1000 };

typedef struct turn {
    ls_step_figures of; /* all steps of the turn */
    double exchange_wait_s;
} turn;

typedef struct step_run {
    ls_comm *comm;
    const ls_bench_options *options;
    ls_measure *measure;
    ls_bench_steps *out;
    ls_adam_stream stream;
    size_t peak_rounds, stream_rounds;
    double peak_flops; /* of a turn */
    turn *turns;       /* [1 + repeats], the first not counted */
    size_t n_turns;
} step_run;

/* ---- what takes turns ---- */

static ls_status by_steps(void *context, double *seconds) {
    step_run *r = context;
    LS_TRY(ls_measure_steps(r->measure, r->out->steps, &r->turns[r->n_turns].of));
    *seconds = r->turns[r->n_turns].of.seconds;
    return LS_OK;
}

static ls_status by_peak(void *context, double *seconds) {
    step_run *r = context;
    const double begin = ls_clock_s();
    r->peak_flops = 0;
    for (size_t i = 0; i < r->peak_rounds; i++)
        r->peak_flops += ls_bench_fma_run(ls_math_threads());
    *seconds = ls_clock_s() - begin;
    return LS_OK;
}

static ls_status by_stream(void *context, double *seconds) {
    step_run *r = context;
    const double begin = ls_clock_s();
    for (size_t i = 0; i < r->stream_rounds; i++)
        ls_adam_stream_run(&r->stream);
    *seconds = ls_clock_s() - begin;
    return LS_OK;
}

/* Ends a round of turns. */
static ls_status by_exchange(void *context, double *seconds) {
    step_run *r = context;
    const ls_status st =
        ls_measure_exchange(r->measure, seconds, &r->turns[r->n_turns].exchange_wait_s);
    r->n_turns++;
    return st;
}

/* ---- how much a turn is ---- */

/* So many pieces of work as rank 0 does in a turn's time, on all ranks. */
static ls_status pieces(ls_comm *comm, double seconds, size_t most, size_t *n) {
    const double wanted = seconds > 0 ? TURN_S / seconds : (double)most;
    *n = wanted < 1 ? 1 : wanted < (double)most ? (size_t)wanted : most;
    return ls_broadcast(comm, n, sizeof *n, 0);
}

static ls_status warm_steps(step_run *r) {
    ls_step_figures f;
    LS_TRY(ls_measure_steps(r->measure, 1, &f));
    LS_TRY(ls_measure_steps(r->measure, WARM_STEPS - 1, &f));
    LS_TRY(pieces(r->comm, f.seconds / (WARM_STEPS - 1), STEPS_MAX, &r->out->steps));
    r->out->steps = r->out->steps < STEPS_LEAST ? STEPS_LEAST : r->out->steps;
    return LS_OK;
}

static ls_status warm_rivals(step_run *r) {
    const size_t n = r->out->facts.own_weights;
    double seconds = 0;
    r->peak_rounds = r->stream_rounds = 1;
    LS_TRY(ls_agree(r->comm, ls_adam_stream_create(n > 0 ? n : 1, &r->stream)));
    LS_TRY(by_peak(r, &seconds));
    LS_TRY(pieces(r->comm, seconds, ROUNDS_MAX, &r->peak_rounds));
    LS_TRY(by_stream(r, &seconds));
    LS_TRY(by_stream(r, &seconds));
    return pieces(r->comm, seconds, ROUNDS_MAX, &r->stream_rounds);
}

/* ---- figures ---- */

static ls_status over_ranks(ls_comm *comm, double mine, double *mean, double *most) {
    const int ranks = ls_comm_size(comm);
    double *all = NULL;
    *mean = *most = 0;
    LS_TRY(ls_allgather_numbers(comm, mine, &all));
    for (int r = 0; r < ranks; r++) {
        *mean += all[r] / ranks;
        *most = all[r] > *most ? all[r] : *most;
    }
    ls_free(all);
    return LS_OK;
}

/* *out = the median over turns of the double at `offset` of each, for one of `by` pieces; the mean
 * over ranks. */
static ls_status part(const step_run *r, size_t offset, size_t by, double *out) {
    const size_t n = r->n_turns - 1;
    double *value = NULL, most = 0;
    LS_TRY(ls_agree(r->comm, ls_alloc(n, sizeof *value, "figures", &value)));
    for (size_t i = 0; i < n; i++)
        value[i] =
            *(const double *)(const void *)((const char *)&r->turns[1 + i] + offset) / (double)by;
    const ls_status st = over_ranks(r->comm, ls_bench_median(value, n), out, &most);
    ls_free(value);
    return st;
}

static ls_status fill_parts(const step_run *r) {
    ls_bench_steps *out = r->out;
    const struct {
        size_t offset, by;
        double *to;
    } parts[] = {
        {offsetof(turn, of.seconds), out->steps, &out->of.seconds},
        {offsetof(turn, of.gather_s), out->steps, &out->of.gather_s},
        {offsetof(turn, of.forward_s), out->steps, &out->of.forward_s},
        {offsetof(turn, of.backward_s), out->steps, &out->of.backward_s},
        {offsetof(turn, of.update_s), out->steps, &out->of.update_s},
        {offsetof(turn, of.wait_s), out->steps, &out->of.wait_s},
        {offsetof(turn, of.rows), out->steps, &out->of.rows},
        {offsetof(turn, exchange_wait_s), 1, &out->exchange_wait_s},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        LS_TRY(part(r, parts[i].offset, parts[i].by, parts[i].to));
    return LS_OK;
}

static ls_status take_turns(step_run *r) {
    ls_bench_work *const works[] = {by_steps, by_peak, by_stream, by_exchange};
    enum { N_WORKS = sizeof works / sizeof *works };
    double seconds[N_WORKS] = {0};
    ls_bench_steps *out = r->out;
    LS_TRY(ls_bench_turns(r->comm, r->options, N_WORKS, works, r, seconds));
    const double bytes = LS_ADAM_STREAM_BYTES * (double)(r->stream.n * r->stream_rounds);
    out->seconds = seconds[0] / (double)out->steps;
    out->fma_flops_per_s = r->peak_flops / seconds[1];
    out->exchange_s = ls_comm_size(r->comm) > 1 ? seconds[3] : 0;
    double most = 0;
    LS_TRY(over_ranks(r->comm, bytes / seconds[2], &out->stream_bytes_per_s, &most));
    return fill_parts(r);
}

static ls_status measure(step_run *r) {
    ls_bench_steps *out = r->out;
    double mean = 0, sent = 0;
    ls_measure_facts(r->measure, &out->facts);
    LS_TRY(over_ranks(r->comm, (double)out->facts.sent, &mean, &sent));
    out->facts.sent = (size_t)sent;
    LS_TRY(warm_steps(r));
    LS_TRY(over_ranks(r->comm, (double)ls_peak_rss_bytes(), &mean, &out->peak_bytes));
    LS_TRY(warm_rivals(r));
    LS_TRY(ls_agree(r->comm,
                    ls_alloc(1 + r->options->repeats, sizeof *r->turns, "figures", &r->turns)));
    return take_turns(r);
}

ls_status ls_bench_measure_steps(ls_comm *comm, const ls_bench_options *options,
                                 const char *strategy, ls_bench_steps *out) {
    step_run r = {.comm = comm, .options = options, .out = out};
    *out = (ls_bench_steps){0};
    LS_TRY(ls_bench_open_run(comm, options, strategy, &r.measure));
    const ls_status st = measure(&r);
    ls_adam_stream_free(&r.stream);
    ls_free(r.turns);
    ls_measure_destroy(r.measure);
    return st;
}

double ls_bench_roofline_s(const ls_bench_steps *s, size_t ranks) {
    return (s->facts.flops / s->fma_flops_per_s + s->facts.update_bytes / s->stream_bytes_per_s) /
           (double)ranks;
}
