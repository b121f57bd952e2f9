/* lockstep bench: measures the machine and lockstep's kernels on it.
 * Why here: a row in the table of commands. Never measures by itself. */
#include "args.h"
#include "command.h"
#include "lockstep/base/memory.h"
#include "lockstep/bench/bench.h"

static const char usage[] =
    "usage: lockstep bench gemm   [--rows N --in N --out N] [--repeats N]\n"
    "       lockstep bench memory [--bytes N] [--repeats N]\n"
    "\n"
    "Measures and prints a JSON object a line: first machine and build, then a line a figure,\n"
    "with all threads (OMP_NUM_THREADS) and with one. A figure is the median of --repeats (5).\n"
    "\n"
    "gemm: the matrix products of a dense layer of the given shape (else of some typical ones):\n"
    "  GFLOP/s, and the share of what fused multiply-adds on registers reach.\n"
    "memory: GB/s of the triad a = b + s c and of Adam's update (28 bytes a weight); all arrays\n"
    "  together take --bytes (964689920).\n"
    "\n"
    "example: OMP_NUM_THREADS=16 lockstep bench gemm --rows 256 --in 56200 --out 1024\n";

typedef struct words {
    ls_arg_list kind;
    const char *repeats, *rows, *in, *out, *bytes;
} words;

static ls_status run_words(const words *w) {
    const ls_bench_kind *kind = NULL;
    ls_bench_options options = {0};
    LS_TRY(ls_bench_find(w->kind.values[0], &kind));
    LS_TRY(ls_args_size("--repeats", w->repeats, 10000, &options.repeats));
    LS_TRY(ls_args_size("--rows", w->rows, INT32_MAX, &options.rows));
    LS_TRY(ls_args_size("--in", w->in, INT32_MAX, &options.in));
    LS_TRY(ls_args_size("--out", w->out, INT32_MAX, &options.out));
    LS_TRY(ls_args_size("--bytes", w->bytes, 1LL << 50, &options.bytes));
    return ls_bench_run(kind, &options, stdout);
}

static ls_status run(ls_cli *cli) {
    words w = {0};
    const ls_arg table[] = {
        {"--repeats", NULL, LS_ARG_VALUE, &w.repeats}, {"--rows", NULL, LS_ARG_VALUE, &w.rows},
        {"--in", NULL, LS_ARG_VALUE, &w.in},           {"--out", NULL, LS_ARG_VALUE, &w.out},
        {"--bytes", NULL, LS_ARG_VALUE, &w.bytes},     {0},
    };
    ls_status st = ls_args_parse(table, cli->argc, cli->argv, 1, 1, &w.kind);
    if (st == LS_OK)
        st = run_words(&w);
    ls_free(w.kind.values);
    return st;
}

const ls_command ls_cmd_bench = {
    .name = "bench",
    .summary = "measure the machine and lockstep's kernels on it",
    .usage = usage,
    .root_only = true,
    .run = run,
};
