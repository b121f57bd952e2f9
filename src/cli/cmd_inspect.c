/* lockstep inspect: what is in a file.
 *
 * Why here: parses the arguments, finds out what kind of file it is, prints what the report
 * module says of it. Never changes a file. */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/import.h"
#include "lockstep/format/h5.h"
#include "lockstep/report/inspect.h"
#include "lockstep/train/checkpoint.h"

typedef struct inspect_args {
    const char *file, *x, *layout;
    bool json, hash;
} inspect_args;

static ls_status parse(ls_cli *cli, inspect_args *a) {
    ls_arg_list files = {0};
    const ls_arg table[] = {{"--json", NULL, LS_ARG_FLAG, &a->json},
                            {"--hash", NULL, LS_ARG_FLAG, &a->hash},
                            {"--x", NULL, LS_ARG_VALUE, &a->x},
                            {"--layout", NULL, LS_ARG_VALUE, &a->layout},
                            {NULL, NULL, LS_ARG_FLAG, NULL}};
    ls_status st = ls_args_parse(table, cli->argc, cli->argv, 1, 1, &files);
    if (st == LS_OK)
        a->file = files.values[0];
    if (st == LS_OK && a->json && a->hash)
        st = ls_hint(ls_fail(LS_ERR_USAGE, NULL, "--json and --hash exclude each other"),
                     "--hash prints 32 hex digits and nothing else");
    ls_free(files.values);
    return st;
}

static ls_status dataset_paths(const inspect_args *a, ls_dataset_paths *paths) {
    *paths = ls_dataset_default_paths(a->file);
    paths->x = a->x ? a->x : paths->x;
    if (!a->layout || strcmp(a->layout, "samples_by_features") == 0)
        return LS_OK;
    paths->layout = LS_FEATURES_BY_SAMPLES;
    if (strcmp(a->layout, "features_by_samples") == 0)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_USAGE, "--layout", "'%s' is no layout", a->layout),
                   "samples_by_features or features_by_samples");
}

static ls_status inspect_dataset(ls_cli *cli, const inspect_args *a) {
    ls_dataset_paths paths;
    LS_TRY(dataset_paths(a, &paths));
    if (a->hash) {
        char hex[40];
        LS_TRY(ls_inspect_dataset_hash(&paths, cli->log, hex));
        printf("%s\n", hex);
        return LS_OK;
    }
    ls_buffer text = {0};
    ls_status st = ls_inspect_dataset(&paths, a->json, cli->log, &text);
    if (st == LS_OK)
        fputs(text.data, stdout);
    ls_buffer_free(&text);
    return st;
}

static ls_status inspect_checkpoint(const inspect_args *a) {
    if (a->hash) {
        char hex[40];
        LS_TRY(ls_inspect_checkpoint_hash(a->file, hex));
        printf("%s\n", hex);
        return LS_OK;
    }
    ls_buffer text = {0};
    ls_status st = ls_inspect_checkpoint(a->file, a->json, &text);
    if (st == LS_OK)
        fputs(text.data, stdout);
    ls_buffer_free(&text);
    return st;
}

/* Whether the file says of itself that it is a checkpoint. */
static ls_status is_checkpoint(const char *file, bool *out) {
    ls_h5 *h5 = NULL;
    char *format = NULL;
    *out = false;
    ls_status st = ls_h5_open(file, &h5);
    if (st != LS_OK)
        return ls_hint_import(st, file);
    if (ls_h5_has_attribute(h5, "/", "format"))
        st = ls_h5_read_attribute_text(h5, "/", "format", &format);
    if (st == LS_OK && format)
        *out = strcmp(format, LS_CHECKPOINT_FORMAT) == 0;
    ls_free(format);
    ls_h5_destroy(h5);
    return st;
}

static ls_status run(ls_cli *cli) {
    inspect_args a = {0};
    bool checkpoint = false;
    LS_TRY(parse(cli, &a));
    if (!ls_path_is_directory(a.file))
        LS_TRY(is_checkpoint(a.file, &checkpoint));
    if (ls_path_is_directory(a.file) || checkpoint)
        return inspect_checkpoint(&a);
    return inspect_dataset(cli, &a);
}

const ls_command ls_cmd_inspect = {
    .name = "inspect",
    .summary = "what is in a dataset, a checkpoint or a run",
    .usage = "usage: lockstep inspect FILE|RUN [--json] [--hash]\n"
             "\n"
             "  A dataset: shapes, types, chunks, classes with counts, groups, split, and the\n"
             "  range, mean, zeros, missing and infinite values of the matrix.\n"
             "\n"
             "  --json         one JSON object\n"
             "  --hash         XXH3-128 of the matrix and targets, or of the trained parameters:\n"
             "                 32 hex digits and nothing else\n"
             "  --x NAME       the matrix of a dataset made elsewhere (/X)\n"
             "  --layout WORD  its orientation: samples_by_features or features_by_samples\n"
             "\n"
             "  A checkpoint or a run (its best.h5, else last.h5): layers, shapes, parameters,\n"
             "  transforms, classes, and how far training was.\n"
             "\n"
             "example: lockstep inspect gtex.h5\n"
             "         lockstep inspect runs/gtex-tissue --hash\n",
    .root_only = true,
    .run = run};
