/* lockstep evaluate: the metrics of a trained model, as lines or as JSON. */
#include <stdio.h>

#include "args.h"
#include "command.h"
#include "lockstep/base/memory.h"
#include "lockstep/report/evaluation.h"
#include "lockstep/train/evaluate.h"

static const char usage[] =
    "usage: lockstep evaluate RUN|CHECKPOINT [--data FILE] [--split train|val|test|all]\n"
    "                         [--ignore-unknown] [--json] [--threshold youden|f1]\n"
    "                         [--curves FILE.csv] [--stall-timeout T]\n"
    "\n"
    "Prints loss and metrics of a trained model; a run directory means its best.h5, else last.h5.\n"
    "Without --data the rows are those that training kept for testing (else for validation);\n"
    "with it all rows of the file. Classes and features are matched by name.\n"
    "\n"
    "  --data FILE        a dataset with targets\n"
    "  --split PART       train, val, test or all\n"
    "  --ignore-unknown   leaves out rows of classes that the model does not know\n"
    "  --threshold C      with two classes: the probability from which on the second one should\n"
    "                     be said, by youden (recall - false positive rate) or f1, and what\n"
    "                     follows; choose it on rows other than those that test it\n"
    "  --curves FILE.csv  writes ROC and precision-recall curves, a line a threshold\n"
    "  --stall-timeout T  ends when a rank keeps the others waiting for so long (30m; 0: never)\n"
    "  --json             one JSON object on stdout, with the confusion matrix\n"
    "\n"
    "example: lockstep evaluate runs/fashion-mnist --data data/fashion-mnist-test.h5\n";

static ls_status print(const ls_evaluation *e, bool json) {
    ls_buffer text = {0};
    ls_status st = json ? ls_evaluation_json(e, &text) : ls_evaluation_text(e, &text);
    if (st == LS_OK)
        fputs(text.data, stdout);
    ls_buffer_free(&text);
    return st;
}

static ls_status run(ls_cli *cli) {
    ls_evaluate_request request = {0};
    ls_evaluation result = {0};
    ls_arg_list files = {0};
    const char *stall = NULL;
    bool json = false;
    const ls_arg table[] = {{"--data", NULL, LS_ARG_VALUE, &request.data},
                            {"--split", NULL, LS_ARG_VALUE, &request.split},
                            {"--ignore-unknown", NULL, LS_ARG_FLAG, &request.ignore_unknown},
                            {"--threshold", NULL, LS_ARG_VALUE, &request.threshold},
                            {"--curves", NULL, LS_ARG_VALUE, &request.curves},
                            {"--stall-timeout", NULL, LS_ARG_VALUE, &stall},
                            {"--json", NULL, LS_ARG_FLAG, &json},
                            {0}};
    ls_status st = ls_args_parse(table, cli->argc, cli->argv, 0, 1, &files);
    if (st == LS_OK && files.count == 0)
        st = ls_args_missing("RUN or CHECKPOINT", "lockstep evaluate --help");
    if (st == LS_OK)
        st = ls_cli_watch(cli, stall);
    if (st == LS_OK) {
        request.model = files.values[0];
        st = ls_evaluate(cli->comm, cli->log, &request, &result);
    }
    if (st == LS_OK && ls_comm_rank(cli->comm) == 0)
        st = print(&result, json);
    ls_evaluation_free(&result);
    ls_free(files.values);
    return st;
}

const ls_command ls_cmd_evaluate = {
    .name = "evaluate",
    .summary = "loss and metrics of a trained model",
    .usage = usage,
    .run = run,
};
