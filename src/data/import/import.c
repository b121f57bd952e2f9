/* The table of import formats, and what is checked before any of them runs.
 * Why here: see lockstep/data/import.h. Never reads a format itself. */
#include "lockstep/data/import.h"

#include <stdio.h>
#include <string.h>

#include "import_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"

const ls_import_format *const ls_import_formats[] = {
    &ls_import_idx, &ls_import_csv, &ls_import_tsv, &ls_import_gct, NULL,
};

static const struct {
    unsigned bit;
    const char *name;
} option_names[] = {
    {LS_IMPORT_LABEL, "--label"},
    {LS_IMPORT_ID, "--id"},
    {LS_IMPORT_TARGET, "--target"},
    {LS_IMPORT_GROUP, "--group"},
    {LS_IMPORT_DROP, "--drop"},
    {LS_IMPORT_NO_HEADER, "--no-header"},
    {LS_IMPORT_DELIMITER, "--delimiter"},
    {LS_IMPORT_MISSING, "--missing"},
    {LS_IMPORT_ATTRIBUTES, "--attributes"},
    {LS_IMPORT_FEATURE, "--feature"},
};

static ls_status find_format(const char *name, const ls_import_format **out) {
    const char *names[sizeof ls_import_formats / sizeof *ls_import_formats];
    size_t n = 0;
    for (; ls_import_formats[n]; n++) {
        *out = ls_import_formats[n];
        names[n] = (*out)->name;
        if (strcmp(names[n], name) == 0)
            return LS_OK;
    }
    return ls_hint_nearest(ls_fail(LS_ERR_USAGE, NULL, "import: unknown format '%s'", name), name,
                           names, n, "the formats");
}

static ls_status check_options(const ls_import_format *format, const ls_import *what) {
    for (size_t i = 0; i < sizeof option_names / sizeof *option_names; i++)
        if (what->given & option_names[i].bit & ~format->takes)
            return ls_fail(LS_ERR_USAGE, NULL, "import %s does not take %s", format->name,
                           option_names[i].name);
    if (what->n_inputs < format->min_inputs || what->n_inputs > format->max_inputs)
        return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "import %s: wrong number of input files, %zu",
                               format->name, what->n_inputs),
                       "usage: lockstep import %s %s ... -o OUT.h5", format->name, format->inputs);
    if (!what->out)
        return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "import %s: no output file", format->name),
                       "name one with -o OUT.h5");
    if (what->label && what->n_targets > 0)
        return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "--label and --target exclude each other"),
                       "--label is for classification, --target for regression");
    return LS_OK;
}

ls_status ls_hint_import(ls_status st, const char *path) {
    static const struct {
        const char *ending, *format, *options;
    } known[] = {{".csv", "csv", "--label COLUMN"},
                 {".tsv", "tsv", "--label COLUMN"},
                 {".txt", "tsv", "--label COLUMN"},
                 {".gct", "gct", "--attributes TABLE --label COLUMN"}};
    char packed[16];
    for (size_t i = 0; ls_path_exists(path) && i < sizeof known / sizeof *known; i++) {
        snprintf(packed, sizeof packed, "%s.gz", known[i].ending);
        if (ls_path_has_suffix(path, known[i].ending) || ls_path_has_suffix(path, packed))
            return ls_hint(st, "make a dataset of it first: lockstep import %s %s %s -o OUT.h5",
                           known[i].format, path, known[i].options);
    }
    return st;
}

static ls_status check_outputs(const ls_import *what) {
    for (size_t i = 0; i < what->n_inputs; i++)
        LS_TRY(ls_check_output(what->out, what->inputs[i]));
    LS_TRY(ls_check_output(what->out, what->attributes));
    ls_pending_file probe = {0}; /* now rather than after a long read */
    ls_status st = ls_pending_begin(&probe, what->out);
    ls_pending_abandon(&probe);
    return st;
}

ls_status ls_import_run(const char *name, const ls_import *what, ls_log *log) {
    const ls_import_format *format = NULL;
    LS_TRY(find_format(name, &format));
    LS_TRY(check_options(format, what));
    LS_TRY(check_outputs(what));
    return format->run(what, log);
}
