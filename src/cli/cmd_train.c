/* lockstep train: parses the call and hands it to ls_train. */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "command.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/stop.h"
#include "lockstep/train/config.h"
#include "lockstep/train/train.h"

static const char usage[] =
    "usage: lockstep train CONFIG [--set key=value]... [--run-dir DIR]\n"
    "                      [--resume | --overwrite] [--dry-run] [--time-limit T]\n"
    "                      [--stall-timeout T]\n"
    "       lockstep train --help-config [--markdown]\n"
    "\n"
    "Trains the model of a config file (YAML) and leaves a run directory: checkpoints/best.h5 and\n"
    "last.h5, metrics.jsonl, config.yaml (complete), provenance.json, log.txt. Start it under\n"
    "mpirun or srun for several ranks; the weights are the same, bit for bit, on any number.\n"
    "\n"
    "  --set key=value    overrides an option; the value is YAML, numbers index lists:\n"
    "                     --set train.epochs=5 --set model.0.dense.units=256\n"
    "  --run-dir DIR      instead of runs/<name>\n"
    "  --resume           goes on from the newest good checkpoint, or starts where there is none\n"
    "  --overwrite        starts anew in a directory that holds a run\n"
    "  --dry-run          prints rows, lanes, parameters, memory, traffic, why the strategy, and "
    "how\n"
    "                     long a step will take, from short measurements of these ranks; then "
    "stops\n"
    "  --time-limit T     stops with a checkpoint (exit code 75) before so long has passed (30m, "
    "2h,\n"
    "                     HH:MM:SS); the end of a Slurm job is known without it\n"
    "  --stall-timeout T  ends when a rank keeps the others waiting for so long (30m; 0: never)\n"
    "  --help-config      prints the reference of all options (--markdown: as tables)\n"
    "\n"
    "example: mpirun -n 4 lockstep train configs/gtex-tissue.yaml --set seed=7\n";

static ls_status print_reference(bool markdown) {
    ls_buffer text = {0};
    ls_options_help(ls_config_table, markdown, &text);
    if (text.status == LS_OK)
        fputs(text.data, stdout);
    ls_status st = text.status;
    ls_buffer_free(&text);
    return st;
}

static ls_status train(ls_cli *cli, ls_train_request *request, ls_arg_list *files,
                       const ls_arg_list *sets) {
    ls_buffer plan = {0};
    request->config_path = files->values[0];
    request->sets = sets->values;
    request->n_sets = sets->count;
    request->argc = cli->argc;
    request->argv = cli->argv;
    request->warning = cli->threads_warning;
    ls_status st = ls_train(cli->comm, cli->log, request, &plan);
    if (st == LS_OK && plan.data != NULL)
        fputs(plan.data, stdout);
    ls_buffer_free(&plan);
    return st;
}

static ls_status run(ls_cli *cli) {
    ls_train_request request = {0};
    const char *time_limit = NULL;
    ls_arg_list sets = {0}, files = {0};
    bool reference = false, markdown = false;
    const char *stall = NULL;
    const ls_arg table[] = {{"--set", NULL, LS_ARG_LIST, &sets},
                            {"--run-dir", NULL, LS_ARG_VALUE, &request.run_dir},
                            {"--resume", NULL, LS_ARG_FLAG, &request.resume},
                            {"--overwrite", NULL, LS_ARG_FLAG, &request.overwrite},
                            {"--dry-run", NULL, LS_ARG_FLAG, &request.dry_run},
                            {"--stall-timeout", NULL, LS_ARG_VALUE, &stall},
                            {"--time-limit", NULL, LS_ARG_VALUE, &time_limit},
                            {"--help-config", NULL, LS_ARG_FLAG, &reference},
                            {"--markdown", NULL, LS_ARG_FLAG, &markdown},
                            {0}};
    ls_status st = ls_args_parse(table, cli->argc, cli->argv, 0, 1, &files);
    if (st == LS_OK && !reference && files.count == 0)
        st = ls_args_missing("CONFIG", "lockstep train --help");
    if (st == LS_OK && !reference)
        st = ls_cli_watch(cli, stall);
    if (st == LS_OK && time_limit != NULL)
        st = ls_args_duration("--time-limit", time_limit, &request.time_limit_s);
    if (st == LS_OK && reference)
        st = ls_comm_rank(cli->comm) == 0 ? print_reference(markdown) : LS_OK;
    else if (st == LS_OK)
        st = train(cli, &request, &files, &sets);
    ls_free(sets.values);
    ls_free(files.values);
    return st;
}

const ls_command ls_cmd_train = {
    .name = "train",
    .summary = "train a model from a config file",
    .usage = usage,
    .before_mpi = ls_stop_catch_signals,
    .run = run,
};
