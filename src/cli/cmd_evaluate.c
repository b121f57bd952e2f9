/* lockstep evaluate: the metrics of a trained model, as lines or as JSON. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "args.h"
#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/format/json.h"
#include "lockstep/train/evaluate.h"

static const char usage[] =
    "usage: lockstep evaluate RUN|CHECKPOINT [--data FILE] [--split train|val|test|all]\n"
    "                         [--ignore-unknown] [--json] [--stall-timeout T]\n"
    "\n"
    "Prints loss and metrics of a trained model; a run directory means its best.h5, else last.h5.\n"
    "Without --data the rows are those that training kept for testing (else for validation);\n"
    "with it all rows of the file. Classes and features are matched by name.\n"
    "\n"
    "  --data FILE        a dataset with targets\n"
    "  --split PART       train, val, test or all\n"
    "  --ignore-unknown   leaves out rows of classes that the model does not know\n"
    "  --stall-timeout T  ends when a rank keeps the others waiting for so long (30m; 0: never)\n"
    "  --json             one JSON object on stdout\n"
    "\n"
    "example: lockstep evaluate runs/fashion-mnist --data data/fashion-mnist-test.h5\n";

static ls_status print_json(const ls_evaluation *e) {
    json_t *o = json_object();
    ls_json_set(&o, "split", json_string(e->split));
    ls_json_set(&o, "samples", json_integer((json_int_t)e->samples));
    for (size_t i = 0; i < e->n_metrics; i++)
        ls_json_set(&o, e->metric[i].name,
                    isfinite(e->metric[i].value) ? json_real(e->metric[i].value) : json_null());
    ls_json_set(&o, "checkpoint", json_string(e->checkpoint));
    ls_json_set(&o, "data", json_string(e->data));
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(o);
    if (text == NULL)
        return ls_fail(LS_ERR_MEMORY, NULL, "out of memory");
    puts(text);
    free(text);
    return LS_OK;
}

static void print_lines(const ls_evaluation *e) {
    char count[32];
    printf("%-10s %s\n%-10s %s (%s)\n%-10s %s\n", "checkpoint", e->checkpoint, "data", e->data,
           e->split, "samples", ls_print_count(e->samples, count));
    for (size_t i = 0; i < e->n_metrics; i++)
        printf("%-10s %.6g\n", e->metric[i].name, e->metric[i].value);
}

static ls_status run(ls_cli *cli) {
    ls_evaluate_request request = {0};
    ls_evaluation result;
    ls_arg_list files = {0};
    const char *stall = NULL;
    bool json = false;
    const ls_arg table[] = {{"--data", NULL, LS_ARG_VALUE, &request.data},
                            {"--split", NULL, LS_ARG_VALUE, &request.split},
                            {"--ignore-unknown", NULL, LS_ARG_FLAG, &request.ignore_unknown},
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
    if (st == LS_OK && ls_comm_rank(cli->comm) == 0) {
        if (json)
            st = print_json(&result);
        else
            print_lines(&result);
    }
    ls_free(files.values);
    return st;
}

const ls_command ls_cmd_evaluate = {
    .name = "evaluate",
    .summary = "loss and metrics of a trained model",
    .usage = usage,
    .run = run,
};
