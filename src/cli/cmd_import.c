/* lockstep import: files of other formats become a dataset file.
 * Why here: a row in the table of commands. Never reads a format itself. */
#include <ctype.h>
#include <string.h>

#include "args.h"
#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/import.h"

static const char usage[] =
    "usage: lockstep import idx IMAGES [LABELS] -o OUT.h5\n"
    "       lockstep import csv|tsv FILE --label COLUMN [--id COLUMN] -o OUT.h5\n"
    "       lockstep import csv|tsv FILE --target COLUMN... [--id COLUMN] -o OUT.h5\n"
    "       lockstep import gct FILE --attributes TABLE --label COLUMN [--group COLUMN] -o OUT.h5\n"
    "\n"
    "Makes a dataset file (HDF5) that every other command reads. Inputs may be gzip files.\n"
    "COLUMN is a name, or a number from 1.\n"
    "\n"
    "  -o, --out FILE         the dataset file to write\n"
    "      --compress LEVEL   compress X with gzip, 1 (fast) to 9 (small); 0: not (default)\n"
    "\n"
    "csv, tsv, gct:\n"
    "      --label COLUMN     the classes; rows with a blank label are left out\n"
    "      --group COLUMN     what rows belong together (a donor, a patient)\n"
    "      --missing WHAT     missing values (empty, NA, N/A, NaN, null, ?): error (default),\n"
    "                         drop the row (not gct), or fill in zero or the mean of the\n"
    "                         feature over all rows\n"
    "csv, tsv (all columns without another use are features):\n"
    "      --feature COLUMN   only these are features; again for several\n"
    "      --target COLUMN    a number to predict; again for several\n"
    "      --id COLUMN        the samples' ids\n"
    "      --drop COLUMN      a column to leave out; again for several\n"
    "      --no-header        the first row holds values, not names\n"
    "      --delimiter CHAR   what is between fields; 'tab' for a tab\n"
    "gct:\n"
    "      --attributes TABLE       a table (TSV or CSV) with a row for each sample; version 1.3\n"
    "                               needs none where the file holds the label itself\n"
    "      --attributes-id COLUMN   its column of sample ids (default: SAMPID, else the first)\n"
    "      --group donor            where the table has no such column: the first two\n"
    "                               dash-separated fields of the sample's id, as in GTEx\n"
    "      --missing drop           leaves out samples without a row in the table\n"
    "\n"
    "Neither --label nor --target: a dataset to predict on.\n"
    "\n"
    "example: lockstep import csv iris.csv --label species -o iris.h5\n";

/* What the command line gave, as text. */
typedef struct words {
    ls_arg_list inputs, targets, drops, features;
    const char *out, *label, *id, *group, *attributes, *attributes_id, *missing, *delimiter,
        *compress;
    bool no_header;
} words;

static ls_status read_missing(const char *word, int *out) {
    static const char *const names[] = {"error", "drop", "zero", "mean"};
    *out = LS_MISSING_ERROR;
    for (int i = 0; word && i < 4; i++)
        if (strcmp(word, names[i]) == 0) {
            *out = i;
            return LS_OK;
        }
    return word ? ls_fail(LS_ERR_USAGE, "--missing", "expected error, drop, zero or mean, got '%s'",
                          word)
                : LS_OK;
}

static ls_status read_delimiter(const char *word, char *out) {
    *out = '\0';
    if (!word)
        return LS_OK;
    if (strcmp(word, "tab") == 0 || strcmp(word, "\\t") == 0)
        word = "\t";
    *out = word[0];
    if (strlen(word) == 1 && !isalnum((unsigned char)*word) && !strchr("\"+-.\n\r", *word))
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_USAGE, "--delimiter", "'%s' can not be between fields", word),
                   "name one character such as ';' or '|', or 'tab'");
}

static unsigned options_given(const words *w) {
    return (w->label ? LS_IMPORT_LABEL : 0) | (w->id ? LS_IMPORT_ID : 0) |
           (w->targets.count ? LS_IMPORT_TARGET : 0) | (w->group ? LS_IMPORT_GROUP : 0) |
           (w->drops.count ? LS_IMPORT_DROP : 0) | (w->features.count ? LS_IMPORT_FEATURE : 0) |
           (w->no_header ? LS_IMPORT_NO_HEADER : 0) | (w->delimiter ? LS_IMPORT_DELIMITER : 0) |
           (w->missing ? LS_IMPORT_MISSING : 0) |
           (w->attributes || w->attributes_id ? LS_IMPORT_ATTRIBUTES : 0);
}

static ls_status run_words(const words *w, ls_log *log) {
    long long level = 0;
    ls_import what = {
        .inputs = w->inputs.values + 1,
        .n_inputs = w->inputs.count - 1,
        .out = w->out,
        .label = w->label,
        .id = w->id,
        .group = w->group,
        .targets = w->targets.values,
        .n_targets = w->targets.count,
        .drops = w->drops.values,
        .n_drops = w->drops.count,
        .features = w->features.values,
        .n_features = w->features.count,
        .attributes = w->attributes,
        .attributes_id = w->attributes_id,
        .no_header = w->no_header,
        .given = options_given(w),
    };
    LS_TRY(read_missing(w->missing, &what.missing));
    LS_TRY(read_delimiter(w->delimiter, &what.delimiter));
    if (w->compress)
        LS_TRY(ls_args_int("--compress", w->compress, 0, 9, &level));
    what.gzip_level = (int)level;
    if (w->attributes_id && !w->attributes)
        return ls_fail(LS_ERR_USAGE, NULL, "--attributes-id needs --attributes TABLE");
    return ls_import_run(w->inputs.values[0], &what, log);
}

static ls_status run(ls_cli *cli) {
    words w = {0};
    const ls_arg table[] = {
        {"--out", "-o", LS_ARG_VALUE, &w.out},
        {"--compress", NULL, LS_ARG_VALUE, &w.compress},
        {"--label", NULL, LS_ARG_VALUE, &w.label},
        {"--group", NULL, LS_ARG_VALUE, &w.group},
        {"--missing", NULL, LS_ARG_VALUE, &w.missing},
        {"--target", NULL, LS_ARG_LIST, &w.targets},
        {"--id", NULL, LS_ARG_VALUE, &w.id},
        {"--drop", NULL, LS_ARG_LIST, &w.drops},
        {"--feature", NULL, LS_ARG_LIST, &w.features},
        {"--no-header", NULL, LS_ARG_FLAG, &w.no_header},
        {"--delimiter", NULL, LS_ARG_VALUE, &w.delimiter},
        {"--attributes", NULL, LS_ARG_VALUE, &w.attributes},
        {"--attributes-id", NULL, LS_ARG_VALUE, &w.attributes_id},
        {0},
    };
    ls_status st = ls_args_parse(table, cli->argc, cli->argv, 1, (size_t)cli->argc, &w.inputs);
    if (st == LS_OK)
        st = run_words(&w, cli->log);
    else
        st = ls_error_last()->hint[0] ? st : ls_hint(st, "see lockstep import --help");
    ls_free(w.inputs.values);
    ls_free(w.targets.values);
    ls_free(w.drops.values);
    ls_free(w.features.values);
    return st;
}

const ls_command ls_cmd_import = {
    .name = "import",
    .summary = "make a dataset file from IDX, CSV, TSV or GCT files",
    .usage = usage,
    .root_only = true,
    .run = run,
};
