/* lockstep bench: measures the machine and lockstep's kernels on it.
 * Why here: a row in the table of commands. Never measures by itself. */
#include "args.h"
#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/stop.h"
#include "lockstep/base/text.h"
#include "lockstep/bench/bench.h"

static const char usage[] =
    "usage: lockstep bench gemm     [--rows N --in N --out N] [--repeats N]\n"
    "       lockstep bench memory   [--bytes N]... [--repeats N]\n"
    "       mpirun -n RANKS lockstep bench exchange [--bytes N]... [--lanes N] [--sharing N]\n"
    "                                                     [--repeats N]\n"
    "       lockstep bench read FILE.h5 [--rows N] [--repeats N]\n"
    "       mpirun -n RANKS lockstep bench step CONFIG|SHAPE [--set key=value]... [--repeats N]\n"
    "       mpirun -n RANKS_OF_A_NODE lockstep bench scale CONFIG|SHAPE [--gbit N]\n"
    "                             [--latency-us N] [--set key=value]... [--repeats N]\n"
    "       SHAPE: --rows BATCH --in INPUTS --units N [--units N]... [--lanes N]\n"
    "              [--optimizer NAME]; for CONFIG, too: [--strategy NAME]\n"
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
    "  --lanes (8, or the ranks where they are more). Of the ranks of a machine all, or "
    "--sharing,\n"
    "  exchange through memory (1: none). algorithm_gb_per_s: bytes by the time; bus_gb_per_s:\n"
    "  that times 2 (ranks - 1) / ranks, to be compared with the network's speed.\n"
    "read: rows of a dataset (all, or the first --rows) into memory as training reads them, all\n"
    "  ranks together, beside plain reads of the same part of the file into fresh memory. Both\n"
    "  find the file in the system's cache where that has room for it.\n"
    "step: steps of training, as lockstep train takes them, of a config on its own data, or of a\n"
    "  shape on made-up rows (two batches, for a moment in a file below TMPDIR). seconds: a step,\n"
    "  of the slowest rank; then its parts, without waiting (wait_s, wait_percent), means over\n"
    "  ranks; exchange_s: its exchange alone; overlap_percent: of what the ranks wait in that, "
    "the\n"
    "  share that a step hides behind work. of_roofline: the time of the products at the peak of\n"
    "  fused multiply-adds (in float32: bf16 may be beyond it) and of the update at the speed of\n"
    "  a stream, by the time of a step. sent_bytes: to ranks without common memory, by the rank\n"
    "  that sends most; peak_rss_bytes: of the largest rank.\n"
    "scale: a plan, not a measurement: the step on this machine, shared out over 1, 2, 4, ... 256\n"
    "  like it that are joined by a network of --gbit (10) each way and --latency-us (20), by "
    "both\n"
    "  strategies. The batch stays the same; lanes: how many that takes. seconds: the longer of\n"
    "  work_s and of the bytes' share of network_s with data, with features their sum.\n"
    "  efficiency: time on one node by nodes times seconds.\n"
    "\n"
    "example: OMP_NUM_THREADS=16 lockstep bench gemm --rows 256 --in 56200 --out 1024\n"
    "         mpirun -n 2 lockstep bench step --rows 256 --in 56200 --units 1024 --units 54\n";

typedef struct words {
    ls_arg_list kind, bytes, units, sets;
    const char *repeats, *rows, *in, *out, *lanes, *sharing, *optimizer, *strategy, *gbit, *latency;
} words;

/* Lists of numbers, which the options point to. */
typedef struct lists {
    size_t *bytes, *units;
} lists;

static ls_status read_list(const char *name, const ls_arg_list *given, long long max, size_t **out,
                           size_t *n) {
    *n = given->count;
    LS_TRY(ls_alloc(given->count, sizeof **out, "sizes", out));
    for (size_t i = 0; i < given->count; i++)
        LS_TRY(ls_args_size(name, given->values[i], max, *out + i));
    return LS_OK;
}

/* NULL: not given, *out = 0. */
static ls_status read_positive(const char *name, const char *value, double *out) {
    *out = 0;
    if (value != NULL && (!ls_parse_double(value, out) || !(*out > 0 && *out <= 1e9)))
        return ls_fail(LS_ERR_USAGE, name, "expected a number above 0 and at most 1e9, got '%s'",
                       value);
    return LS_OK;
}

static ls_status read_words(const words *w, const ls_bench_kind **kind, ls_bench_options *options,
                            lists *l) {
    LS_TRY(ls_bench_find(w->kind.values[0], kind));
    LS_TRY(ls_args_size("--repeats", w->repeats, 10000, &options->repeats));
    LS_TRY(ls_args_size("--rows", w->rows, INT32_MAX, &options->rows));
    LS_TRY(ls_args_size("--in", w->in, INT32_MAX, &options->in));
    LS_TRY(ls_args_size("--out", w->out, INT32_MAX, &options->out));
    LS_TRY(ls_args_size("--lanes", w->lanes, INT32_MAX, &options->lanes));
    LS_TRY(ls_args_size("--sharing", w->sharing, INT32_MAX, &options->sharing));
    LS_TRY(read_list("--bytes", &w->bytes, 1LL << 50, &l->bytes, &options->n_bytes));
    LS_TRY(read_list("--units", &w->units, INT32_MAX, &l->units, &options->n_units));
    LS_TRY(read_positive("--gbit", w->gbit, &options->gbit));
    LS_TRY(read_positive("--latency-us", w->latency, &options->latency_us));
    options->bytes = l->bytes;
    options->units = l->units;
    options->optimizer = w->optimizer;
    options->strategy = w->strategy;
    options->sets = w->sets.values;
    options->n_sets = w->sets.count;
    options->file = w->kind.count > 1 ? w->kind.values[1] : NULL;
    return LS_OK;
}

static ls_status measure(ls_cli *cli, const words *w) {
    const ls_bench_kind *kind = NULL;
    ls_bench_options options = {.log = cli->log};
    lists l = {0};
    ls_status st = ls_agree(cli->comm, read_words(w, &kind, &options, &l));
    if (st == LS_OK && kind->run_ranks != NULL)
        st = ls_cli_watch(cli, NULL);
    if (st == LS_OK)
        st = ls_bench_run(cli->comm, kind, &options, stdout);
    ls_free(l.bytes);
    ls_free(l.units);
    return st;
}

static ls_status run(ls_cli *cli) {
    words w = {0};
    const ls_arg table[] = {
        {"--repeats", NULL, LS_ARG_VALUE, &w.repeats},
        {"--rows", NULL, LS_ARG_VALUE, &w.rows},
        {"--in", NULL, LS_ARG_VALUE, &w.in},
        {"--out", NULL, LS_ARG_VALUE, &w.out},
        {"--bytes", NULL, LS_ARG_LIST, &w.bytes},
        {"--lanes", NULL, LS_ARG_VALUE, &w.lanes},
        {"--sharing", NULL, LS_ARG_VALUE, &w.sharing},
        {"--units", NULL, LS_ARG_LIST, &w.units},
        {"--optimizer", NULL, LS_ARG_VALUE, &w.optimizer},
        {"--strategy", NULL, LS_ARG_VALUE, &w.strategy},
        {"--set", NULL, LS_ARG_LIST, &w.sets},
        {"--gbit", NULL, LS_ARG_VALUE, &w.gbit},
        {"--latency-us", NULL, LS_ARG_VALUE, &w.latency},
        {0},
    };
    ls_status st = ls_agree(cli->comm, ls_args_parse(table, cli->argc, cli->argv, 1, 2, &w.kind));
    if (st == LS_OK)
        st = measure(cli, &w);
    ls_free(w.bytes.values);
    ls_free(w.units.values);
    ls_free(w.sets.values);
    ls_free(w.kind.values);
    return st;
}

const ls_command ls_cmd_bench = {
    .name = "bench",
    .summary = "measure the machine and lockstep's kernels on it",
    .usage = usage,
    .before_mpi = ls_stop_catch_signals, /* what is made up for a measurement goes with it */
    .run = run,
};
