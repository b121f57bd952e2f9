/* What the benchmarks share: timing, threads and lines. Private to src/bench. */
#ifndef LS_BENCH_BENCH_PRIVATE_H
#define LS_BENCH_BENCH_PRIVATE_H

#include "lockstep/bench/bench.h"
#include "lockstep/format/json.h"

extern const ls_bench_kind ls_bench_gemm, ls_bench_memory;

/* The median of the seconds that work takes, in options->repeats runs after one that warms up.
 * Errors: ERR_MEMORY. */
ls_status ls_bench_time(const ls_bench_options *options, void (*work)(void *context), void *context,
                        double *seconds) LS_MUST_CHECK;

/* Calls measure with all threads, and with one where that is less. */
ls_status ls_bench_threads(ls_status (*measure)(void *context, int threads),
                           void *context) LS_MUST_CHECK;

/* Prints an object as a line and frees it. Errors: ERR_MEMORY, ERR_IO. */
ls_status ls_bench_line(json_t *object, FILE *to) LS_MUST_CHECK;

/* GFLOP/s of fused multiply-adds on registers, with that many threads: what no kernel exceeds.
 * Errors: ERR_MEMORY. */
ls_status ls_bench_fma_peak(const ls_bench_options *options, int threads,
                            double *gflops) LS_MUST_CHECK;

#endif
