/* Measurements of the machine and of lockstep's kernels on it.
 *
 * Why here: a step's speed means something only beside what the machine can do, and clusters
 * differ. Every measurement is a JSON object on a line of its own, for scripts; the first line
 * tells machine and build. Never decides anything and never gates a test: times depend on who else
 * is there.
 */
#ifndef LS_BENCH_BENCH_H
#define LS_BENCH_BENCH_H

#include <stddef.h>
#include <stdio.h>

#include "lockstep/base/status.h"

/* What can be chosen; 0: as the benchmark likes. */
typedef struct ls_bench_options {
    size_t repeats; /* a figure is the median of so many, after one that is not counted */
    size_t rows, in, out;
    size_t bytes; /* of all arrays together */
} ls_bench_options;

typedef struct ls_bench_kind {
    const char *name, *help;
    /* Measures and prints a line a figure. Errors: ERR_MEMORY, ERR_IO. */
    ls_status (*run)(const ls_bench_options *options, FILE *to);
} ls_bench_kind;

/* Errors: ERR_USAGE, with the names that there are. */
ls_status ls_bench_find(const char *name, const ls_bench_kind **out) LS_MUST_CHECK;

/* Prints the line about machine and build, then what the benchmark measures, with all threads and
 * with one. Not collective. Errors: as the benchmark's. */
ls_status ls_bench_run(const ls_bench_kind *kind, const ls_bench_options *options,
                       FILE *to) LS_MUST_CHECK;

#endif
