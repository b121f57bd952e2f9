/* The two passes over the rows of a table: first what is there, then X.
 * Why here: see import_csv_private.h. Never holds more than a block of rows. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "import_csv_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/lines.h"
#include "lockstep/format/number.h"

/* Rows are written in blocks of whole chunks, as far as this much memory allows. */
#define BLOCK_BYTES_MAX ((size_t)256 << 20)

/* ---- cells ---- */

static ls_status cell_fail(const ls_table *t, const ls_csv_row *row, size_t column,
                           const char *problem) {
    return ls_lines_fail(t->path, row->line, "column '%s': %s", ls_strings_at(&t->header, column),
                         problem);
}

/* A missing value where none may be. */
static ls_status missing_cell(const ls_table *t, const ls_csv_row *row, size_t column,
                              const char *hint) {
    return ls_hint(cell_fail(t, row, column, "missing value"), "%s", hint);
}

/* "3,14", as spreadsheets of many countries write it. */
static bool has_decimal_comma(const char *text) {
    char mended[64];
    float x;
    const size_t n = strlen(text);
    const char *comma = strchr(text, ',');
    if (!comma || n >= sizeof mended || comma == text || comma[1] == '\0')
        return false;
    memcpy(mended, text, n + 1);
    mended[comma - text] = '.';
    return ls_parse_cell(mended, n, &x) == LS_CELL_NUMBER;
}

/* What to do about a text where a number is needed. */
static ls_status hint_text(ls_status st, const ls_table *t, const ls_csv_row *row, size_t column,
                           bool numbers_before) {
    const char *name = ls_strings_at(&t->header, column);
    if (has_decimal_comma(row->field[column]))
        return ls_hint(st, "this is a decimal comma: write numbers with a decimal point (R: "
                           "write.csv or write.table, not write.csv2; spreadsheets: export with "
                           "an English locale)");
    if (numbers_before)
        return ls_hint(st,
                       "the values of '%s' above this one are numbers, so this cell is probably "
                       "bad: mend it, or empty it and say what to do with --missing",
                       name);
    return ls_hint(st,
                   "a column of text is no feature: say what it is (--label, --id, --group) or "
                   "leave it out (--drop '%s'); --feature names the features alone",
                   name);
}

/* A number, or NaN for a missing value. numbers_before: the column has held one already. */
static ls_status parse_cell(const ls_table *t, const ls_csv_row *row, size_t column,
                            bool numbers_before, float *out) {
    char problem[128];
    const ls_cell kind = ls_parse_cell(row->field[column], row->length[column], out);
    if (kind == LS_CELL_INFINITE) {
        snprintf(problem, sizeof problem, "'%.40s' is infinite or too large for a float32",
                 row->field[column]);
        return ls_hint(cell_fail(t, row, column, problem), "every value must be finite");
    }
    if (kind == LS_CELL_TEXT) {
        snprintf(problem, sizeof problem, "'%.40s' is not a number", row->field[column]);
        return hint_text(cell_fail(t, row, column, problem), t, row, column, numbers_before);
    }
    return LS_OK;
}

/* Adds a text that must be there to a list. */
static ls_status add_text(const ls_table *t, const ls_csv_row *row, size_t column,
                          ls_strings *out) {
    if (column == LS_NOT_FOUND)
        return LS_OK;
    if (ls_import_is_blank(row->field[column]))
        return missing_cell(t, row, column, "every row needs one");
    return ls_strings_addn(out, row->field[column], row->length[column]);
}

/* ---- rows ---- */

/* Opens the file and stands before its first row of values. */
static ls_status open_rows(const ls_table *t, ls_csv **out) {
    const ls_csv_row *header;
    LS_TRY(ls_csv_open(t->path, t->delimiter, out));
    return t->what->no_header ? LS_OK : ls_csv_next(*out, &header);
}

/* Why a row may have another number of fields than the first one. */
static ls_status hint_fields(ls_status st, const ls_table *t, size_t count) {
    if (t->header.count == 1 && strchr(ls_strings_at(&t->header, 0), ';'))
        return ls_hint(st, "the fields look separated by ';': --delimiter ';'");
    if (t->n_rows == 0 && count == t->header.count + 1)
        return ls_hint(st, "the first row is one name short: R's write.table gives the row names "
                           "no header; write it with col.names = NA and import it with --id 1, or "
                           "with row.names = FALSE");
    return ls_hint(st, "every row must have as many; fields with the delimiter inside need quotes");
}

static ls_status next_row(const ls_table *t, ls_csv *csv, const ls_csv_row **row) {
    char held[32], promised[32];
    LS_TRY(ls_csv_next(csv, row));
    if (!*row || (*row)->count == t->header.count)
        return LS_OK;
    return hint_fields(ls_lines_fail(t->path, (*row)->line, "%s fields, the first row has %s",
                                     ls_print_count((*row)->count, held),
                                     ls_print_count(t->header.count, promised)),
                       t, (*row)->count);
}

/* ---- first pass ---- */

/* Reads the targets of a row behind those of the kept ones; *drop: one is missing, and rows with
 * missing values are left out. */
static ls_status scan_targets(ls_table *t, const ls_csv_row *row, bool *drop) {
    const size_t n = t->what->n_targets;
    LS_TRY(
        ls_grow(&t->value, &t->value_capacity, (t->n_kept + 1) * n, sizeof *t->value, "targets"));
    for (size_t i = 0; i < n; i++) {
        float *value = &t->value[t->n_kept * n + i];
        LS_TRY(parse_cell(t, row, t->target[i], t->n_kept > 0, value));
        if (!isnan(*value))
            continue;
        if (t->what->missing != LS_MISSING_DROP)
            return missing_cell(t, row, t->target[i],
                                "a target can not be filled in; --missing drop leaves the row out");
        *drop = true;
    }
    return LS_OK;
}

static ls_status scan_features(ls_table *t, const ls_csv_row *row, bool *drop) {
    for (size_t i = 0; i < t->n_features; i++) {
        float x;
        LS_TRY(parse_cell(t, row, t->feature[i], t->present[i] > 0, &x));
        if (!isnan(x)) {
            t->sum[i] += (double)x;
            t->present[i]++;
        } else if (t->what->missing == LS_MISSING_ERROR) {
            return missing_cell(t, row, t->feature[i],
                                "--missing drop leaves the row out; --missing zero or mean fills "
                                "the value in");
        } else if (t->what->missing == LS_MISSING_DROP) {
            *drop = true;
        } else {
            t->filled++;
        }
    }
    return LS_OK;
}

static ls_status scan_row(ls_table *t, const ls_csv_row *row) {
    bool drop = false;
    LS_TRY(ls_grow(&t->keep, &t->keep_capacity, t->n_rows + 1, sizeof *t->keep, "rows"));
    t->keep[t->n_rows++] = 0;
    if (t->label != LS_NOT_FOUND && ls_import_is_blank(row->field[t->label])) {
        t->blank_labels++;
        return LS_OK;
    }
    LS_TRY(scan_targets(t, row, &drop));
    LS_TRY(scan_features(t, row, &drop));
    if (drop) {
        t->dropped++;
        return LS_OK;
    }
    LS_TRY(add_text(t, row, t->label, &t->labels));
    LS_TRY(add_text(t, row, t->id, &t->ids));
    LS_TRY(add_text(t, row, t->group, &t->groups));
    LS_TRY(ls_grow(&t->line, &t->line_capacity, t->n_kept + 1, sizeof *t->line, "rows"));
    t->keep[t->n_rows - 1] = 1;
    t->line[t->n_kept++] = row->line;
    return LS_OK;
}

/* What can only be known when all rows are. */
static ls_status check_rows(const ls_table *t) {
    if (t->n_kept == 0)
        return ls_hint(ls_fail(LS_ERR_DATA, t->path, "no row is left to import"),
                       "it has %zu rows; %zu have a blank label, %zu a missing value", t->n_rows,
                       t->blank_labels, t->dropped);
    for (size_t i = 0; t->what->missing == LS_MISSING_MEAN && i < t->n_features; i++)
        if (t->present[i] == 0) {
            const char *name = ls_strings_at(&t->header, t->feature[i]);
            return ls_hint(
                ls_fail(LS_ERR_DATA, t->path, "column '%s' has no value at all, so no mean", name),
                "leave it out: --drop '%s'", name);
        }
    return t->id == LS_NOT_FOUND
               ? LS_OK
               : ls_import_check_unique(t->path, &t->ids, "samples", "line", t->line);
}

ls_status ls_table_scan(ls_table *t, ls_log *log) {
    ls_csv *csv = NULL;
    ls_progress *progress = NULL;
    const ls_csv_row *row = NULL;
    ls_status st = open_rows(t, &csv);
    if (st == LS_OK)
        st = ls_progress_create(log, "check", "rows", 0, &progress);
    while (st == LS_OK && (st = next_row(t, csv, &row)) == LS_OK && row) {
        st = scan_row(t, row);
        if (t->n_rows % 64 == 0) {
            char part[32];
            snprintf(part, sizeof part, "%.0f%% of the file", 100 * ls_csv_fraction(csv));
            ls_progress_update(progress, (double)t->n_rows, part);
        }
    }
    ls_progress_update(progress, (double)t->n_rows, NULL);
    ls_progress_finish(progress, st);
    ls_csv_close(csv);
    return st == LS_OK ? check_rows(t) : st;
}

/* ---- second pass ---- */

static ls_status fill_row(const ls_table *t, const ls_csv_row *row, float *out) {
    for (size_t i = 0; i < t->n_features; i++) {
        LS_TRY(parse_cell(t, row, t->feature[i], true, &out[i]));
        if (isnan(out[i]))
            out[i] = t->what->missing == LS_MISSING_MEAN
                         ? (float)(t->sum[i] / (double)t->present[i])
                         : 0;
    }
    return LS_OK;
}

/* The next `rows` kept rows, into out. *at counts the rows of the file. */
static ls_status fill_block(const ls_table *t, ls_csv *csv, size_t rows, size_t *at, float *out) {
    for (size_t filled = 0; filled < rows;) {
        const ls_csv_row *row = NULL;
        LS_TRY(next_row(t, csv, &row));
        if (!row || *at >= t->n_rows)
            return ls_fail(LS_ERR_DATA, t->path, "changed while it was read");
        if (t->keep[(*at)++])
            LS_TRY(fill_row(t, row, out + filled++ * t->n_features));
    }
    return LS_OK;
}

static size_t rows_per_block(const ls_table *t) {
    const size_t rows = BLOCK_BYTES_MAX / sizeof(float) / t->n_features;
    return rows < 1 ? 1 : rows > LS_CHUNK_SAMPLES ? LS_CHUNK_SAMPLES : rows;
}

ls_status ls_table_write(ls_table *t, ls_dataset_writer *w, ls_log *log) {
    const size_t block = rows_per_block(t);
    ls_csv *csv = NULL;
    ls_progress *progress = NULL;
    float *x = NULL;
    size_t at = 0;
    ls_status st = open_rows(t, &csv);
    if (st == LS_OK)
        st = ls_alloc(block * t->n_features, sizeof *x, "block of rows", &x);
    if (st == LS_OK)
        st = ls_progress_create(log, "import", "rows", (double)t->n_kept, &progress);
    for (size_t i = 0; st == LS_OK && i < t->n_kept; i += block) {
        const size_t left = t->n_kept - i, rows = left < block ? left : block;
        st = fill_block(t, csv, rows, &at, x);
        if (st == LS_OK)
            st = ls_dataset_writer_block(w, i, rows, 0, t->n_features, x);
        ls_progress_update(progress, (double)(i + rows), NULL);
    }
    ls_progress_finish(progress, st);
    ls_free(x);
    ls_csv_close(csv);
    return st;
}
