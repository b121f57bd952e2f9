/* lockstep bench: measures the machine and lockstep's kernels on it.
 * Why here: a row in the table of commands. Never measures by itself. */
#include "args.h"
#include "command.h"
#include "lockstep/base/memory.h"
#include "lockstep/bench/bench.h"

static const char usage[] =
    "usage: lockstep bench gemm     [--rows N --in N --out N] [--repeats N]\n"
    "       lockstep bench memory   [--bytes N]... [--repeats N]\n"
    "       mpirun -n RANKS lockstep bench exchange [--bytes N]... [--lanes N] [--sharing N]\n"
    "                                                     [--repeats N]\n"
    "       lockstep bench read FILE.h5 [--rows N] [--repeats N]\n"
    "\n"
    "Measures and prints a JSON object a line: first machine and build, then a line a figure.\n"
    "A figure is the median of --repeats (5) after one that is not counted. What stands beside\n"
    "each other was measured in turns.\n"
    "\n"
    "gemm: the matrix products of a dense layer of the given shape (else of some typical ones):\n"
    "  GFLOP/s, and the share of what fused multiply-adds on registers reach, with all threads\n"
    "  (OMP_NUM_THREADS) and with one.\n"
    "memory: GB/s of the triad a = b + s c and of Adam's update (28 bytes a weight), with all\n"
    "  threads and with one; all arrays together take --bytes (964689920).\n"
    "exchange: the exchange of a step between the ranks (sums of gradients to the owners, weights\n"
    "  to all) beside MPI_Allreduce, for weights of --bytes (some from 4096 to 230420696) and\n"
    "  --lanes (8, or the ranks where they are more). algorithm_gb_per_s: bytes by the time;\n"
    "  Of the ranks of a machine all, or --sharing, exchange through memory (1: none).\n"
    "  bus_gb_per_s: that times 2 (ranks - 1) / ranks, to be compared with the network's speed.\n"
    "read: rows of a dataset (all, or the first --rows) into memory as training reads them, all\n"
    "  ranks together, beside plain reads of the same part of the file into fresh memory. Both\n"
    "  find the file in the system's cache where that has room for it.\n"
    "\n"
    "example: OMP_NUM_THREADS=16 lockstep bench gemm --rows 256 --in 56200 --out 1024\n";

typedef struct words {
    ls_arg_list kind, bytes;
    const char *repeats, *rows, *in, *out, *lanes, *sharing;
} words;

static ls_status read_words(const words *w, const ls_bench_kind **kind, ls_bench_options *options,
                            size_t *bytes) {
    LS_TRY(ls_bench_find(w->kind.values[0], kind));
    LS_TRY(ls_args_size("--repeats", w->repeats, 10000, &options->repeats));
    LS_TRY(ls_args_size("--rows", w->rows, INT32_MAX, &options->rows));
    LS_TRY(ls_args_size("--in", w->in, INT32_MAX, &options->in));
    LS_TRY(ls_args_size("--out", w->out, INT32_MAX, &options->out));
    LS_TRY(ls_args_size("--lanes", w->lanes, INT32_MAX, &options->lanes));
    LS_TRY(ls_args_size("--sharing", w->sharing, INT32_MAX, &options->sharing));
    for (size_t i = 0; i < w->bytes.count; i++)
        LS_TRY(ls_args_size("--bytes", w->bytes.values[i], 1LL << 50, &bytes[i]));
    options->bytes = bytes;
    options->n_bytes = w->bytes.count;
    options->file = w->kind.count > 1 ? w->kind.values[1] : NULL;
    return LS_OK;
}

static ls_status measure(ls_cli *cli, const words *w) {
    const ls_bench_kind *kind = NULL;
    ls_bench_options options = {0};
    size_t *bytes = NULL;
    ls_status st = ls_alloc(w->bytes.count, sizeof *bytes, "sizes", &bytes);
    if (st == LS_OK)
        st = read_words(w, &kind, &options, bytes);
    st = ls_agree(cli->comm, st);
    if (st == LS_OK && kind->run_ranks != NULL)
        st = ls_cli_watch(cli, NULL);
    if (st == LS_OK)
        st = ls_bench_run(cli->comm, kind, &options, stdout);
    ls_free(bytes);
    return st;
}

static ls_status run(ls_cli *cli) {
    words w = {0};
    const ls_arg table[] = {
        {"--repeats", NULL, LS_ARG_VALUE, &w.repeats}, {"--rows", NULL, LS_ARG_VALUE, &w.rows},
        {"--in", NULL, LS_ARG_VALUE, &w.in},           {"--out", NULL, LS_ARG_VALUE, &w.out},
        {"--bytes", NULL, LS_ARG_LIST, &w.bytes},      {"--lanes", NULL, LS_ARG_VALUE, &w.lanes},
        {"--sharing", NULL, LS_ARG_VALUE, &w.sharing}, {0},
    };
    ls_status st = ls_agree(cli->comm, ls_args_parse(table, cli->argc, cli->argv, 1, 2, &w.kind));
    if (st == LS_OK)
        st = measure(cli, &w);
    ls_free(w.bytes.values);
    ls_free(w.kind.values);
    return st;
}

const ls_command ls_cmd_bench = {
    .name = "bench",
    .summary = "measure the machine and lockstep's kernels on it",
    .usage = usage,
    .run = run,
};
