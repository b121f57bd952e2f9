/* lockstep predict: what a trained model says of the rows of a dataset. */
#include "args.h"
#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/train/predict.h"

static const char usage[] =
    "usage: lockstep predict RUN|CHECKPOINT --data FILE -o OUT.h5|OUT.csv\n"
    "                        [--stall-timeout T]\n"
    "\n"
    "Writes class, name and probabilities (regression: outputs) of every row of a dataset beside\n"
    "the sample ids. Features are matched by name; the dataset needs no targets.\n"
    "\n"
    "  --data FILE        a dataset\n"
    "  -o, --out FILE     ends in .h5 or .csv\n"
    "  --stall-timeout T  ends when a rank keeps the others waiting for so long (30m; 0: never)\n"
    "\n"
    "example: mpirun -n 4 lockstep predict runs/gtex-tissue --data new.h5 -o tissues.csv\n";

static ls_status run(ls_cli *cli) {
    ls_predict_request request = {0};
    ls_arg_list files = {0};
    const char *stall = NULL;
    const ls_arg table[] = {{"--data", NULL, LS_ARG_VALUE, &request.data},
                            {"--out", "-o", LS_ARG_VALUE, &request.out},
                            {"--stall-timeout", NULL, LS_ARG_VALUE, &stall},
                            {0}};
    ls_status st = ls_args_parse(table, cli->argc, cli->argv, 0, 1, &files);
    if (st == LS_OK && files.count == 0)
        st = ls_args_missing("RUN or CHECKPOINT", "lockstep predict --help");
    if (st == LS_OK && request.data == NULL)
        st = ls_args_missing("--data FILE", "lockstep predict --help");
    if (st == LS_OK && request.out == NULL)
        st = ls_args_missing("-o FILE", "lockstep predict --help");
    if (st == LS_OK)
        st = ls_cli_watch(cli, stall);
    if (st == LS_OK) {
        request.model = files.values[0];
        st = ls_predict(cli->comm, cli->log, &request);
    }
    ls_free(files.values);
    return st;
}

const ls_command ls_cmd_predict = {
    .name = "predict",
    .summary = "class and probabilities of every row of a dataset",
    .usage = usage,
    .run = run,
};
