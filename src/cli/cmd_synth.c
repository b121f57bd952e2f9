/* lockstep synth: makes a synthetic dataset file.
 * Why here: a row in the table of commands. Never makes a value itself. */
#include "args.h"
#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/synth.h"

static const char usage[] =
    "usage: lockstep synth gtex [OPTIONS] -o OUT.h5\n"
    "\n"
    "Makes a dataset file of synthetic data. gtex: gene expression like GTEx's: non-negative,\n"
    "skewed, many zeros; classes (tissues) of unequal sizes, some alike; donors that give\n"
    "several tissues each, as groups. The same seed and sizes give the same file, on any number\n"
    "of threads.\n"
    "\n"
    "  -o, --out FILE         the dataset file to write\n"
    "      --samples N        (17382)\n"
    "      --features N       (56200)\n"
    "      --classes N        (54)\n"
    "      --donors N         (948)\n"
    "      --seed N           (1)\n"
    "      --compress LEVEL   compress X with gzip, 1 (fast) to 9 (small); 0: not (default)\n"
    "\n"
    "example: lockstep synth gtex --samples 2000 --features 1000 -o small.h5\n";

typedef struct words {
    ls_arg_list kind;
    const char *out, *samples, *features, *classes, *donors, *seed, *compress;
} words;

static ls_status run_words(const words *w, ls_log *log) {
    const ls_synth_kind *kind = NULL;
    ls_synth_size size;
    long long seed = 1, level = 0;
    LS_TRY(ls_synth_find(w->kind.values[0], &kind));
    LS_TRY(ls_args_size("--samples", w->samples, 1LL << 40, &size.samples));
    LS_TRY(ls_args_size("--features", w->features, 1LL << 40, &size.features));
    LS_TRY(ls_args_size("--classes", w->classes, 1LL << 40, &size.classes));
    LS_TRY(ls_args_size("--donors", w->donors, 1LL << 40, &size.donors));
    if (w->seed)
        LS_TRY(ls_args_int("--seed", w->seed, 0, UINT32_MAX, &seed));
    if (w->compress)
        LS_TRY(ls_args_int("--compress", w->compress, 0, 9, &level));
    if (!w->out)
        return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "synth: no output file"),
                       "name one with -o OUT.h5");
    return ls_synth_run(kind, size, (uint32_t)seed, w->out, (int)level, log);
}

static ls_status run(ls_cli *cli) {
    words w = {0};
    const ls_arg table[] = {
        {"--out", "-o", LS_ARG_VALUE, &w.out},
        {"--samples", NULL, LS_ARG_VALUE, &w.samples},
        {"--features", NULL, LS_ARG_VALUE, &w.features},
        {"--classes", NULL, LS_ARG_VALUE, &w.classes},
        {"--donors", NULL, LS_ARG_VALUE, &w.donors},
        {"--seed", NULL, LS_ARG_VALUE, &w.seed},
        {"--compress", NULL, LS_ARG_VALUE, &w.compress},
        {0},
    };
    ls_status st = ls_args_parse(table, cli->argc, cli->argv, 1, 1, &w.kind);
    if (st == LS_OK)
        st = run_words(&w, cli->log);
    else
        st = ls_error_last()->hint[0] ? st : ls_hint(st, "see lockstep synth --help");
    ls_free(w.kind.values);
    return st;
}

const ls_command ls_cmd_synth = {
    .name = "synth",
    .summary = "make a synthetic dataset file",
    .usage = usage,
    .root_only = true,
    .run = run,
};
