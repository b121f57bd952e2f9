/* The table of benchmarks, the line about the machine, and how times are taken. */
#include <stdlib.h>
#include <string.h>

#include "bench_private.h"
#include "lockstep/base/build.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/cpus.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/stop.h"
#include "lockstep/base/text.h"
#include "lockstep/math/math.h"

/* Every benchmark; a new one is a file bench_<name>.c and a row here. */
static const ls_bench_kind *const kinds[] = {&ls_bench_gemm, &ls_bench_memory, &ls_bench_exchange,
                                             &ls_bench_read, &ls_bench_step,   &ls_bench_scale};

enum { N_KINDS = sizeof kinds / sizeof *kinds, REPEATS = 5 };

ls_status ls_bench_find(const char *name, const ls_bench_kind **out) {
    const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++) {
        names[i] = kinds[i]->name;
        if (strcmp(name, names[i]) == 0) {
            *out = kinds[i];
            return LS_OK;
        }
    }
    return ls_hint_nearest(ls_fail(LS_ERR_USAGE, NULL, "bench: there is no '%s'", name), name,
                           names, N_KINDS, "the benchmarks");
}

ls_status ls_bench_line(json_t *object, FILE *to) {
    if (to == NULL) {
        json_decref(object);
        return LS_OK;
    }
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    if (text == NULL)
        return ls_fail(LS_ERR_MEMORY, NULL, "no memory for a line of the benchmark");
    const bool written = fprintf(to, "%s\n", text) >= 0 && fflush(to) == 0;
    free(text);
    return written ? LS_OK : ls_fail_errno(LS_ERR_IO, "the benchmark's output", "write");
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double ls_bench_median(double *seconds, size_t n) {
    qsort(seconds, n, sizeof *seconds, by_size);
    return seconds[n / 2];
}

ls_status ls_bench_time(const ls_bench_options *options, void (*work)(void *context), void *context,
                        double *seconds) {
    double *taken = NULL;
    LS_TRY(ls_alloc(options->repeats, sizeof *taken, "times", &taken));
    work(context);
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < options->repeats; i++) {
        const double begin = ls_clock_s();
        work(context);
        taken[i] = ls_clock_s() - begin;
        st = ls_stop_is_asked() ? LS_STOPPED : LS_OK;
    }
    *seconds = ls_bench_median(taken, options->repeats);
    ls_free(taken);
    return st;
}

ls_status ls_bench_threads(ls_status (*measure)(void *context, int threads), void *context) {
    const int all = ls_math_threads();
    ls_status st = measure(context, all);
    if (st != LS_OK || all == 1)
        return st;
    ls_math_set_threads(1);
    st = measure(context, 1);
    ls_math_set_threads(all);
    return st;
}

/* The machine is rank 0's, which prints. */
static ls_status print_machine(size_t ranks, size_t ranks_here, FILE *to) {
    char cpu[256], blas[256], mpi[256], arithmetic[40], now[32];
    const ls_gemm *gemm = NULL;
    LS_TRY(ls_gemm_choose(LS_GEMM_AUTO, &gemm));
    LS_TRY(ls_math_fingerprint(gemm, arithmetic));
    json_t *o = json_object();
    ls_json_set(&o, "bench", json_string("machine"));
    ls_json_set(&o, "time", json_string(ls_clock_iso(now)));
    ls_json_set(&o, "cpu", json_string(ls_cpu_name(cpu, sizeof cpu)));
    ls_json_set(&o, "threads", json_integer(ls_math_threads()));
    ls_json_set(&o, "ranks", json_integer((json_int_t)ranks));
    ls_json_set(&o, "ranks_on_machine", json_integer((json_int_t)ranks_here));
    ls_json_set(&o, "blas", json_string(ls_math_blas(blas, sizeof blas)));
    ls_json_set(&o, "gemm", json_string(ls_gemm_describe(gemm, blas, sizeof blas)));
    ls_json_set(&o, "mpi", json_string(ls_comm_version(mpi, sizeof mpi)));
    ls_json_set(&o, "arithmetic", json_string(arithmetic));
    ls_json_set(&o, "version", json_string(ls_build_version()));
    ls_json_set(&o, "commit", json_string(ls_build_commit()));
    ls_json_set(&o, "build", json_string(ls_build_type()));
    ls_json_set(&o, "compiler", json_string(ls_build_compiler()));
    return ls_bench_line(o, to);
}

static ls_status say_machine(ls_comm *comm, FILE *to) {
    char mine = 0;
    void *all = NULL;
    size_t here = 1, me = 0;
    LS_TRY(ls_allgather_node(comm, &mine, sizeof mine, &all, &here, &me));
    ls_free(all);
    const bool prints = ls_comm_rank(comm) == 0;
    return ls_agree(comm, prints ? print_machine((size_t)ls_comm_size(comm), here, to) : LS_OK);
}

static ls_status check_file(const ls_bench_kind *kind, const ls_bench_options *options) {
    if (kind->reads == LS_BENCH_DATASET && options->file == NULL)
        return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "bench %s: which file?", kind->name),
                       "name a dataset: lockstep bench %s FILE.h5", kind->name);
    if (kind->reads == LS_BENCH_NO_FILE && options->file != NULL)
        return ls_fail(LS_ERR_USAGE, NULL, "bench %s reads no file ('%s')", kind->name,
                       options->file);
    return LS_OK;
}

ls_status ls_bench_run(ls_comm *comm, const ls_bench_kind *kind, const ls_bench_options *options,
                       FILE *to) {
    ls_bench_options chosen = *options;
    const bool first = ls_comm_rank(comm) == 0;
    chosen.repeats = chosen.repeats > 0 ? chosen.repeats : REPEATS;
    LS_TRY(check_file(kind, options));
    LS_TRY(ls_agree(comm, ls_math_init()));
    LS_TRY(say_machine(comm, to));
    if (kind->run_ranks != NULL)
        return kind->run_ranks(comm, &chosen, first ? to : NULL);
    return ls_agree(comm, first ? kind->run(&chosen, to) : LS_OK);
}
