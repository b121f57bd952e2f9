/* What a step of training takes, and beside it what the machine could do in the same moments.
 *
 * Why here: one benchmark prints these figures, another plans with them. Never prints.
 */
#ifndef LS_BENCH_STEPS_H
#define LS_BENCH_STEPS_H

#include "lockstep/bench/bench.h"
#include "lockstep/train/measure.h"

typedef struct ls_bench_steps {
    ls_step_facts facts; /* rank 0's, but the most bytes that a rank sends */
    size_t steps;        /* in a turn */
    double seconds;      /* a step, of the slowest rank */
    ls_step_figures of;  /* a step's parts; the mean over ranks */
    /* What the step's exchange takes where it is all that the ranks do, and how long they wait in
     * it (mean over ranks). 0 for a single rank. */
    double exchange_s, exchange_wait_s;
    double fma_flops_per_s, stream_bytes_per_s; /* of a rank, while all work */
    double peak_bytes;                          /* resident, of the largest rank in its steps */
} ls_bench_steps;

/* Loads the run of the options (see shape.h) and measures; each figure is a median over turns.
 * Collective. Errors: as ls_bench_open_run, ls_measure_steps; ERR_MEMORY. */
ls_status ls_bench_measure_steps(ls_comm *comm, const ls_bench_options *options,
                                 const char *strategy, ls_bench_steps *out) LS_MUST_CHECK;

/* The time that a step needs at least, with all that the ranks' registers and memory can do: its
 * products at the peak of fused multiply-adds, then its update at the speed of a stream. */
double ls_bench_roofline_s(const ls_bench_steps *s, size_t ranks);

#endif
