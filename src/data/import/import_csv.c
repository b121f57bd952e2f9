/* Import of tables: comma-separated, tab-separated or by another delimiter.
 * Why here: two rows in the table of formats. Never reads a value: that is import_csv_rows.c. */
#include <stdio.h>
#include <string.h>

#include "import_csv_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* The names of the columns, from the first row of the file. */
static ls_status read_header(ls_table *t) {
    ls_csv *csv = NULL;
    const ls_csv_row *row = NULL;
    char number[32];
    LS_TRY(ls_csv_open(t->path, t->delimiter, &csv));
    ls_status st = ls_csv_next(csv, &row);
    if (st == LS_OK && !row)
        st = ls_fail(LS_ERR_DATA, t->path, "is empty");
    for (size_t i = 0; st == LS_OK && i < row->count; i++) {
        snprintf(number, sizeof number, "%zu", i + 1);
        st = ls_strings_addn(&t->header, t->what->no_header ? number : row->field[i],
                             t->what->no_header ? strlen(number) : row->length[i]);
    }
    ls_csv_close(csv);
    return st;
}

/* Marks the column that an option names as used by it; no column has two uses. */
static ls_status claim(ls_table *t, const char **used, const char *option, const char *column,
                       size_t *out) {
    LS_TRY(ls_import_find_column(t->path, &t->header, option, column, out));
    if (used[*out])
        return ls_fail(LS_ERR_USAGE, t->path, "column '%s' has two uses: %s and %s", column,
                       used[*out], option);
    used[*out] = option;
    return LS_OK;
}

static ls_status claim_columns(ls_table *t, const char **used, bool *wanted) {
    const ls_import *what = t->what;
    size_t column;
    if (what->label)
        LS_TRY(claim(t, used, "--label", what->label, &t->label));
    if (what->id)
        LS_TRY(claim(t, used, "--id", what->id, &t->id));
    if (what->group)
        LS_TRY(claim(t, used, "--group", what->group, &t->group));
    for (size_t i = 0; i < what->n_targets; i++)
        LS_TRY(claim(t, used, "--target", what->targets[i], &t->target[i]));
    for (size_t i = 0; i < what->n_drops; i++)
        LS_TRY(claim(t, used, "--drop", what->drops[i], &column));
    for (size_t i = 0; i < what->n_features; i++) {
        LS_TRY(claim(t, used, "--feature", what->features[i], &column));
        wanted[column] = true;
    }
    for (size_t i = 0; i < t->header.count; i++)
        if (what->n_features > 0 ? wanted[i] : !used[i])
            t->feature[t->n_features++] = i;
    if (t->n_features == 0)
        return ls_hint(ls_fail(LS_ERR_USAGE, t->path, "no column is left to be a feature"),
                       "it has %zu columns; check --delimiter", t->header.count);
    return LS_OK;
}

static ls_status choose_columns(ls_table *t) {
    const char **used = NULL; /* [columns] the option that uses it, or NULL */
    bool *wanted = NULL;      /* [columns] named by --feature */
    t->label = t->id = t->group = LS_NOT_FOUND;
    ls_status st = ls_alloc(t->header.count, sizeof *used, "columns", &used);
    if (st == LS_OK)
        st = ls_alloc(t->header.count, sizeof *wanted, "columns", &wanted);
    if (st == LS_OK)
        st = ls_alloc(t->what->n_targets, sizeof *t->target, "columns", &t->target);
    if (st == LS_OK)
        st = ls_alloc(t->header.count, sizeof *t->feature, "columns", &t->feature);
    if (st == LS_OK)
        st = ls_alloc(t->header.count, sizeof *t->sum, "sums", &t->sum);
    if (st == LS_OK)
        st = ls_alloc(t->header.count, sizeof *t->present, "counts", &t->present);
    if (st == LS_OK)
        st = claim_columns(t, used, wanted);
    ls_free(wanted);
    ls_free(used);
    return st;
}

/* The names of some columns. */
static ls_status names_of(const ls_table *t, const size_t *column, size_t n, ls_strings *out) {
    for (size_t i = 0; i < n; i++)
        LS_TRY(ls_strings_add(out, ls_strings_at(&t->header, column[i])));
    return LS_OK;
}

static ls_status check_feature_names(const ls_table *t, const ls_strings *names, ls_log *log) {
    size_t *number = NULL;
    LS_TRY(ls_alloc(names->count, sizeof *number, "columns", &number));
    for (size_t i = 0; i < names->count; i++)
        number[i] = t->feature[i] + 1;
    const ls_status st = ls_import_check_unique(t->path, names, "columns", "column", number);
    ls_free(number);
    if (st == LS_OK && ls_strings_at(names, 0)[0] == '\0')
        ls_warn(log,
                "%s: column %zu has no name and is taken as a feature; if it holds row "
                "numbers or names, say --drop %zu or --id %zu",
                t->path, t->feature[0] + 1, t->feature[0] + 1, t->feature[0] + 1);
    return st;
}

/* All but X. */
static ls_status write_rest(ls_table *t, ls_dataset_writer *w, const ls_strings *features,
                            ls_log *log) {
    const size_t n_targets = t->what->n_targets;
    ls_strings targets = {0};
    ls_status st = LS_OK;
    if (!t->what->no_header)
        st = ls_dataset_writer_names(w, "features", features);
    if (st == LS_OK && t->id != LS_NOT_FOUND)
        st = ls_dataset_writer_names(w, "samples", &t->ids);
    if (st == LS_OK && t->group != LS_NOT_FOUND)
        st = ls_dataset_writer_names(w, "groups", &t->groups);
    if (st == LS_OK && t->label != LS_NOT_FOUND)
        st = ls_import_write_labels(w, &t->labels, log);
    if (st == LS_OK && n_targets > 0)
        st = names_of(t, t->target, n_targets, &targets);
    if (st == LS_OK && n_targets > 0)
        st = ls_dataset_writer_values(w, t->value, n_targets, t->what->no_header ? NULL : &targets);
    ls_strings_free(&targets);
    return st;
}

static void note_count(ls_log *log, size_t n, const char *text) {
    char count[32];
    if (n > 0)
        ls_note(log, "%s %s", ls_print_count(n, count), text);
}

static void free_table(ls_table *t) {
    ls_strings_free(&t->header);
    ls_strings_free(&t->labels);
    ls_strings_free(&t->ids);
    ls_strings_free(&t->groups);
    ls_free(t->target);
    ls_free(t->feature);
    ls_free(t->keep);
    ls_free(t->line);
    ls_free(t->value);
    ls_free(t->sum);
    ls_free(t->present);
}

static ls_status run(const ls_import *what, char delimiter, ls_log *log) {
    ls_table t = {.what = what,
                  .path = what->inputs[0],
                  .delimiter = what->delimiter ? what->delimiter : delimiter};
    ls_strings features = {0};
    ls_dataset_writer *w = NULL;
    ls_status st = read_header(&t);
    if (st == LS_OK)
        st = choose_columns(&t);
    if (st == LS_OK)
        st = names_of(&t, t.feature, t.n_features, &features);
    if (st == LS_OK)
        st = check_feature_names(&t, &features, log);
    if (st == LS_OK)
        st = ls_table_scan(&t, log);
    if (st == LS_OK)
        st = ls_dataset_writer_create(what->out, t.n_kept, t.n_features, what->gzip_level, &w);
    if (st == LS_OK)
        st = ls_table_write(&t, w, log);
    if (st == LS_OK)
        st = write_rest(&t, w, &features, log);
    if (st == LS_OK) {
        note_count(log, t.blank_labels, "rows with a blank label were left out");
        note_count(log, t.dropped, "rows with missing values were left out");
        note_count(log, t.filled, "missing values were filled in");
        st = ls_dataset_writer_finish(w, log);
    } else {
        ls_dataset_writer_abandon(w);
    }
    ls_strings_free(&features);
    free_table(&t);
    return st;
}

static ls_status run_csv(const ls_import *what, ls_log *log) {
    return run(what, ',', log);
}

static ls_status run_tsv(const ls_import *what, ls_log *log) {
    return run(what, '\t', log);
}

#define TABLE_OPTIONS                                                                              \
    (LS_IMPORT_LABEL | LS_IMPORT_ID | LS_IMPORT_FEATURE | LS_IMPORT_TARGET | LS_IMPORT_GROUP |     \
     LS_IMPORT_DROP | LS_IMPORT_NO_HEADER | LS_IMPORT_DELIMITER | LS_IMPORT_MISSING)

const ls_import_format ls_import_csv = {
    .name = "csv",
    .inputs = "FILE",
    .min_inputs = 1,
    .max_inputs = 1,
    .takes = TABLE_OPTIONS,
    .run = run_csv,
};

const ls_import_format ls_import_tsv = {
    .name = "tsv",
    .inputs = "FILE",
    .min_inputs = 1,
    .max_inputs = 1,
    .takes = TABLE_OPTIONS,
    .run = run_tsv,
};
