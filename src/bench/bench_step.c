/* A step of training: its parts, and how near it comes to what the machine can do.
 *
 * Why here: see bench.h. The step is that of `lockstep train` (train/measure.h), on the data of a
 * config or on made-up rows. Its roofline is the products' operations by the peak of fused
 * multiply-adds, and the bytes of the update by the speed of a stream of Adam's kind, measured in
 * turns with the steps.
 */
#include "bench_private.h"
#include "lockstep/math/math.h"
#include "steps.h"

/* The share of what the ranks wait in the exchange alone that the step hides behind work. */
static double overlap_percent(const ls_bench_steps *s) {
    const double hidden = 1 - s->of.wait_s / s->exchange_wait_s;
    return s->exchange_wait_s > 0 && hidden > 0 ? 100 * hidden : 0;
}

static void add_run(json_t **o, const ls_comm *comm, const ls_bench_options *options,
                    const ls_bench_steps *s) {
    const ls_step_facts *f = &s->facts;
    if (options->file != NULL)
        ls_json_set(o, "config", json_string(options->file));
    ls_json_set(o, "strategy", json_string(f->strategy));
    ls_json_set(o, "gemm", json_string(f->gemm));
    ls_json_set(o, "optimizer", json_string(f->optimizer));
    ls_json_set(o, "rows", json_integer((json_int_t)f->rows));
    ls_json_set(o, "in", json_integer((json_int_t)f->inputs));
    ls_json_set(o, "out", json_integer((json_int_t)f->outputs));
    ls_json_set(o, "weights", json_integer((json_int_t)f->weights));
    ls_json_set(o, "lanes", json_integer((json_int_t)f->lanes));
    ls_json_set(o, "ranks", json_integer(ls_comm_size(comm)));
    ls_json_set(o, "threads", json_integer(ls_math_threads()));
}

static void add_times(json_t **o, const ls_comm *comm, const ls_bench_steps *s) {
    ls_json_set(o, "steps", json_integer((json_int_t)s->steps));
    ls_json_set(o, "seconds", json_real(s->seconds));
    ls_json_set(o, "samples_per_s", json_real(s->of.rows / s->seconds));
    ls_json_set(o, "gather_s", json_real(s->of.gather_s));
    ls_json_set(o, "forward_s", json_real(s->of.forward_s));
    ls_json_set(o, "backward_s", json_real(s->of.backward_s));
    ls_json_set(o, "update_s", json_real(s->of.update_s));
    ls_json_set(o, "wait_s", json_real(s->of.wait_s));
    ls_json_set(o, "wait_percent", json_real(100 * s->of.wait_s / s->of.seconds));
    if (ls_comm_size(comm) == 1)
        return;
    ls_json_set(o, "exchange_s", json_real(s->exchange_s));
    ls_json_set(o, "overlap_percent", json_real(overlap_percent(s)));
}

static void add_limits(json_t **o, const ls_comm *comm, const ls_bench_steps *s) {
    const size_t ranks = (size_t)ls_comm_size(comm);
    const double roofline_s = ls_bench_roofline_s(s, ranks);
    ls_json_set(o, "flops", json_real(s->facts.flops));
    ls_json_set(o, "update_bytes", json_real(s->facts.update_bytes));
    ls_json_set(o, "fma_peak_gflops", json_real(1e-9 * (double)ranks * s->fma_flops_per_s));
    ls_json_set(o, "stream_gb_per_s", json_real(1e-9 * (double)ranks * s->stream_bytes_per_s));
    ls_json_set(o, "roofline_s", json_real(roofline_s));
    ls_json_set(o, "of_roofline", json_real(roofline_s / s->seconds));
    ls_json_set(o, "sent_bytes", json_integer((json_int_t)s->facts.sent));
    ls_json_set(o, "peak_rss_bytes", json_integer((json_int_t)s->peak_bytes));
}

static ls_status run_ranks(ls_comm *comm, const ls_bench_options *options, FILE *to) {
    ls_bench_steps s;
    LS_TRY(ls_bench_measure_steps(comm, options, NULL, &s));
    json_t *o = json_object();
    ls_json_set(&o, "bench", json_string("step"));
    add_run(&o, comm, options, &s);
    add_times(&o, comm, &s);
    add_limits(&o, comm, &s);
    return ls_agree(comm, ls_bench_line(o, to));
}

const ls_bench_kind ls_bench_step = {.name = "step",
                                     .help = "a step of training, and what the machine could do",
                                     .reads = LS_BENCH_CONFIG,
                                     .run_ranks = run_ranks};
