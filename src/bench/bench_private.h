/* What the benchmarks share: timing, threads and lines. Private to src/bench. */
#ifndef LS_BENCH_BENCH_PRIVATE_H
#define LS_BENCH_BENCH_PRIVATE_H

#include "lockstep/bench/bench.h"
#include "lockstep/format/json.h"

extern const ls_bench_kind ls_bench_gemm, ls_bench_memory, ls_bench_exchange, ls_bench_read,
    ls_bench_step, ls_bench_scale;

/* The median of the seconds that work takes, in options->repeats runs after one that warms up.
 * Errors: ERR_MEMORY; LS_STOPPED. */
ls_status ls_bench_time(const ls_bench_options *options, void (*work)(void *context), void *context,
                        double *seconds) LS_MUST_CHECK;

/* Calls measure with all threads, and with one where that is less. */
ls_status ls_bench_threads(ls_status (*measure)(void *context, int threads),
                           void *context) LS_MUST_CHECK;

/* Does its work once, on every rank, and says how many seconds it took this one. */
typedef ls_status ls_bench_work(void *context, double *seconds);

/* seconds[i] is the median, over options->repeats rounds after one that warms up, of what work[i]
 * took the slowest rank. The works of a round take turns, so that whatever else slows the machine
 * down for a while hits all of them. Collective. Errors: ERR_MEMORY; as the works'. */
ls_status ls_bench_turns(ls_comm *comm, const ls_bench_options *options, size_t n,
                         ls_bench_work *const *work, void *context, double *seconds) LS_MUST_CHECK;

/* The median of seconds[0..n), which it sorts. */
double ls_bench_median(double *seconds, size_t n);

/* Prints an object as a line and frees it; to may be NULL. Errors: ERR_MEMORY, ERR_IO. */
ls_status ls_bench_line(json_t *object, FILE *to) LS_MUST_CHECK;

/* A piece of work (some milliseconds) of fused multiply-adds on registers, with that many threads;
 * gives its number of floating-point operations. */
double ls_bench_fma_run(int threads);

/* GFLOP/s of fused multiply-adds on registers, with that many threads: what no kernel exceeds.
 * Errors: ERR_MEMORY. */
ls_status ls_bench_fma_peak(const ls_bench_options *options, int threads,
                            double *gflops) LS_MUST_CHECK;

#endif
