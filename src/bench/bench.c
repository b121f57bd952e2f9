/* The table of benchmarks, the line about the machine, and how times are taken. */
#include <stdlib.h>
#include <string.h>

#include "bench_private.h"
#include "lockstep/base/build.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/cpus.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/math/math.h"

/* Every benchmark; a new one is a file bench_<name>.c and a row here. */
static const ls_bench_kind *const kinds[] = {&ls_bench_gemm, &ls_bench_memory};

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

ls_status ls_bench_time(const ls_bench_options *options, void (*work)(void *context), void *context,
                        double *seconds) {
    double *taken = NULL;
    LS_TRY(ls_alloc(options->repeats, sizeof *taken, "times", &taken));
    work(context);
    for (size_t i = 0; i < options->repeats; i++) {
        const double begin = ls_clock_s();
        work(context);
        taken[i] = ls_clock_s() - begin;
    }
    qsort(taken, options->repeats, sizeof *taken, by_size);
    *seconds = taken[options->repeats / 2];
    ls_free(taken);
    return LS_OK;
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

static ls_status print_machine(FILE *to) {
    char cpu[256], blas[256], arithmetic[40], now[32];
    LS_TRY(ls_math_fingerprint(arithmetic));
    json_t *o = json_object();
    ls_json_set(&o, "bench", json_string("machine"));
    ls_json_set(&o, "time", json_string(ls_clock_iso(now)));
    ls_json_set(&o, "cpu", json_string(ls_cpu_name(cpu, sizeof cpu)));
    ls_json_set(&o, "threads", json_integer(ls_math_threads()));
    ls_json_set(&o, "blas", json_string(ls_math_blas(blas, sizeof blas)));
    ls_json_set(&o, "arithmetic", json_string(arithmetic));
    ls_json_set(&o, "version", json_string(ls_build_version()));
    ls_json_set(&o, "commit", json_string(ls_build_commit()));
    ls_json_set(&o, "build", json_string(ls_build_type()));
    ls_json_set(&o, "compiler", json_string(ls_build_compiler()));
    return ls_bench_line(o, to);
}

ls_status ls_bench_run(const ls_bench_kind *kind, const ls_bench_options *options, FILE *to) {
    ls_bench_options chosen = *options;
    chosen.repeats = chosen.repeats > 0 ? chosen.repeats : REPEATS;
    LS_TRY(ls_math_init());
    LS_TRY(print_machine(to));
    return kind->run(&chosen, to);
}
