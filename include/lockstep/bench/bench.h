/* Measurements of the machine and of lockstep's kernels on it.
 *
 * Why here: a step's speed means something only beside what the machine can do, and clusters
 * differ. Every measurement is a JSON object on a line of its own, for scripts; the first line
 * tells machine and build. Never decides anything and never gates a test: times depend on who else
 * is there.
 */
#ifndef LS_BENCH_BENCH_H
#define LS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"

/* What can be chosen; 0 and NULL: as the benchmark likes. */
typedef struct ls_bench_options {
    size_t repeats; /* a figure is the median of so many, after one that is not counted */
    size_t rows, in, out, lanes;
    size_t sharing;      /* ranks of a machine that share memory; 0: all */
    const size_t *bytes; /* [n_bytes] sizes to measure, one after the other */
    size_t n_bytes;
    const char *file; /* for a benchmark that reads one, and for no other */
    /* For those that take steps, where no file is a config: layers of so many units, behind rows x
     * in inputs; the optimiser. */
    const size_t *units;
    size_t n_units;
    const char *optimizer;
    const char *strategy;    /* of a config, too */
    const char *const *sets; /* [n_sets] assignments to options of the config */
    size_t n_sets;
    double gbit, latency_us; /* of the network to plan for */
    ls_log *log;             /* for warnings about a config; may be NULL */
} ls_bench_options;

typedef enum ls_bench_file { LS_BENCH_NO_FILE, LS_BENCH_DATASET, LS_BENCH_CONFIG } ls_bench_file;

/* A benchmark has one of the two functions; both print a line a figure. */
typedef struct ls_bench_kind {
    const char *name, *help;
    ls_bench_file reads; /* a dataset must be named; a config may be */
    /* Measures one process. Errors: ERR_MEMORY, ERR_IO. */
    ls_status (*run)(const ls_bench_options *options, FILE *to);
    /* Measures all ranks together; to is NULL on all but rank 0. Collective. Errors: these,
     * ERR_USAGE, ERR_CONFIG, ERR_DATA. */
    ls_status (*run_ranks)(ls_comm *comm, const ls_bench_options *options, FILE *to);
} ls_bench_kind;

/* Errors: ERR_USAGE, with the names that there are. */
ls_status ls_bench_find(const char *name, const ls_bench_kind **out) LS_MUST_CHECK;

/* Prints the line about machine and build, then what the benchmark measures: on rank 0 alone where
 * it is about one process. Only rank 0 writes to `to`. Collective. Errors: ERR_USAGE for a file
 * that is missing or that nobody reads; as the benchmark's. */
ls_status ls_bench_run(ls_comm *comm, const ls_bench_kind *kind, const ls_bench_options *options,
                       FILE *to) LS_MUST_CHECK;

#endif
