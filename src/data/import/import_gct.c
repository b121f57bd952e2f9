/* Import of GCT: a matrix of features by samples, with a table of attributes beside it.
 *
 * The file is feature-major and the dataset sample-major: LS_CHUNK_FEATURES lines are parsed,
 * transposed chunk by chunk, and written as a block of columns, so that memory depends on the
 * number of samples only. Why here: a row in the table of formats. Never holds the matrix.
 */
#include <math.h>
#include <string.h>

#include "import_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/gct.h"
#include "lockstep/format/lines.h"

enum { TILE = 16 }; /* samples that are transposed at once: a cache line of floats */

typedef struct matrix {
    const ls_import *what;
    const char *path;
    ls_gct *gct;
    ls_attributes about; /* of all samples */
    size_t *keep;        /* [n_kept] samples that are imported, in file order */
    size_t n_kept;
    size_t blank_labels, filled;
    ls_strings features;
    float *lines; /* [LS_CHUNK_FEATURES, columns] as in the file */
    float *block; /* [LS_CHUNK_SAMPLES, LS_CHUNK_FEATURES] transposed */
} matrix;

/* ---- which samples ---- */

/* Unique sample names; columns are counted from 1, with the name and description. */
static ls_status check_samples(const matrix *m) {
    const ls_strings *ids = ls_gct_column_names(m->gct);
    size_t *number = NULL;
    LS_TRY(ls_alloc(ids->count, sizeof *number, "columns", &number));
    for (size_t i = 0; i < ids->count; i++)
        number[i] = i + 1;
    const ls_status st = ls_import_check_unique(m->path, ids, "samples", "value column", number);
    ls_free(number);
    return st;
}

/* Version 1.3 can hold the attributes itself. */
static ls_status own_attributes(matrix *m) {
    const ls_import *what = m->what;
    const ls_strings *ids = ls_gct_column_names(m->gct), *fields = ls_gct_fields(m->gct);
    size_t field = 0;
    LS_TRY(ls_alloc(ids->count, 1, "attributes", &m->about.known));
    memset(m->about.known, 1, ids->count);
    if (fields->count == 0 && (what->label || (what->group && strcmp(what->group, "donor") != 0)))
        return ls_hint(ls_fail(LS_ERR_USAGE, m->path, "the file tells nothing about its samples"),
                       "name a table with --attributes TABLE");
    if (what->label) {
        LS_TRY(ls_import_find_column(m->path, fields, "--label", what->label, &field));
        LS_TRY(ls_strings_copy(ls_gct_field(m->gct, field), &m->about.label));
    }
    if (what->group && strcmp(what->group, "donor") != 0) {
        LS_TRY(ls_import_find_column(m->path, fields, "--group", what->group, &field));
        return ls_strings_copy(ls_gct_field(m->gct, field), &m->about.group);
    }
    for (size_t i = 0; what->group && i < ids->count; i++)
        LS_TRY(ls_attributes_add_donor(&m->about.group, ls_strings_at(ids, i)));
    return LS_OK;
}

static ls_status unknown_samples(const matrix *m) {
    const ls_strings *ids = ls_gct_column_names(m->gct);
    ls_strings unknown = {0};
    ls_buffer b = {0};
    char count[32];
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < ids->count; i++)
        if (!m->about.known[i])
            st = ls_strings_add(&unknown, ls_strings_at(ids, i));
    ls_import_add_names(&b, &unknown);
    const bool fills = m->what->missing != LS_MISSING_ERROR; /* and drop can not be said, too */
    if (st == LS_OK)
        st = ls_hint(ls_fail(LS_ERR_DATA, m->what->attributes,
                             "no row for %s of the samples of %s: %s",
                             ls_print_count(m->about.unknown, count), m->path, b.data),
                     "%s; --attributes-id names the table's column of sample ids",
                     fills ? "add rows for them, or take them out of the matrix"
                           : "--missing drop leaves such samples out");
    ls_buffer_free(&b);
    ls_strings_free(&unknown);
    return st;
}

static ls_status choose_samples(matrix *m) {
    const ls_strings *ids = ls_gct_column_names(m->gct);
    LS_TRY(check_samples(m));
    LS_TRY(m->what->attributes ? ls_attributes_read(m->what, ids, &m->about) : own_attributes(m));
    if (m->about.unknown > 0 && m->what->missing != LS_MISSING_DROP)
        return unknown_samples(m);
    LS_TRY(ls_alloc(ids->count, sizeof *m->keep, "samples", &m->keep));
    for (size_t i = 0; i < ids->count; i++) {
        const bool blank = m->about.known[i] && m->about.label.count > 0 &&
                           ls_import_is_blank(ls_strings_at(&m->about.label, i));
        m->blank_labels += blank;
        if (!m->about.known[i] || blank)
            continue;
        if (m->about.group.count > 0 && ls_import_is_blank(ls_strings_at(&m->about.group, i)))
            return ls_fail(LS_ERR_DATA, m->what->attributes ? m->what->attributes : m->path,
                           "sample '%s' has a blank group (--group %s)", ls_strings_at(ids, i),
                           m->what->group);
        m->keep[m->n_kept++] = i;
    }
    if (m->n_kept == 0)
        return ls_fail(LS_ERR_DATA, m->path, "no sample has a label");
    return LS_OK;
}

/* ---- values ---- */

/* Looks at the kept values of a feature and fills in what is missing; returns the first sample
 * whose value can not be used, or LS_NOT_FOUND. */
static size_t mend_line(const matrix *m, float *line, size_t *filled) {
    const int missing = m->what->missing;
    double sum = 0;
    size_t present = 0;
    for (size_t i = 0; i < m->n_kept; i++) {
        const float x = line[m->keep[i]];
        if (isinf(x) || (isnan(x) && missing != LS_MISSING_ZERO && missing != LS_MISSING_MEAN))
            return m->keep[i];
        sum += isnan(x) ? 0 : (double)x;
        present += isnan(x) ? 0 : 1;
    }
    *filled = m->n_kept - present;
    if (*filled == 0)
        return LS_NOT_FOUND;
    const float fill = missing == LS_MISSING_MEAN && present ? (float)(sum / (double)present) : 0;
    for (size_t i = 0; i < m->n_kept; i++)
        if (isnan(line[m->keep[i]]))
            line[m->keep[i]] = fill;
    return LS_NOT_FOUND;
}

static ls_status unusable(const matrix *m, size_t row, size_t sample, float x) {
    ls_status st = ls_lines_fail(
        m->path, ls_gct_line(m->gct, row), "feature '%s', sample '%s': %s",
        ls_strings_at(&m->features, row), ls_strings_at(ls_gct_column_names(m->gct), sample),
        isnan(x) ? "missing value" : "the value is infinite or too large for a float32");
    if (!isnan(x))
        return st;
    if (m->about.unknown > 0) /* zero or mean would refuse the samples that drop leaves out */
        return ls_hint(st,
                       "--missing drop leaves out the samples without a row in %s, not values; "
                       "to have missing values filled in with --missing zero or mean, take "
                       "those samples out of the matrix",
                       m->what->attributes);
    return ls_hint(st, "--missing zero or mean fills the value in");
}

static ls_status mend_lines(matrix *m, size_t first, size_t rows) {
    const size_t columns = ls_gct_columns(m->gct);
    size_t bad[LS_CHUNK_FEATURES], filled[LS_CHUNK_FEATURES] = {0};
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++)
        bad[i] = mend_line(m, m->lines + i * columns, &filled[i]);
    for (size_t i = 0; i < rows; i++) {
        if (bad[i] != LS_NOT_FOUND)
            return unusable(m, first + i, bad[i], m->lines[i * columns + bad[i]]);
        m->filled += filled[i];
    }
    return LS_OK;
}

/* block[samples, rows] = the kept samples from first on, of `rows` lines. */
static void transpose(const matrix *m, size_t first, size_t samples, size_t rows) {
    const size_t columns = ls_gct_columns(m->gct);
#pragma omp parallel for schedule(static)
    for (size_t tile = 0; tile < samples; tile += TILE) {
        const size_t end = tile + TILE < samples ? tile + TILE : samples;
        for (size_t j = 0; j < rows; j++)
            for (size_t i = tile; i < end; i++)
                m->block[i * rows + j] = m->lines[j * columns + m->keep[first + i]];
    }
}

static ls_status write_lines(matrix *m, ls_dataset_writer *w, size_t first_row, size_t rows) {
    for (size_t i = 0; i < m->n_kept; i += LS_CHUNK_SAMPLES) {
        const size_t left = m->n_kept - i, n = left < LS_CHUNK_SAMPLES ? left : LS_CHUNK_SAMPLES;
        transpose(m, i, n, rows);
        LS_TRY(ls_dataset_writer_block(w, i, n, first_row, rows, m->block));
    }
    return LS_OK;
}

static ls_status write_matrix(matrix *m, ls_dataset_writer *w, ls_log *log) {
    ls_progress *progress = NULL;
    size_t rows = 0, done = 0;
    LS_TRY(ls_alloc(LS_CHUNK_FEATURES * ls_gct_columns(m->gct), sizeof(float), "lines", &m->lines));
    LS_TRY(
        ls_alloc((size_t)LS_CHUNK_SAMPLES * LS_CHUNK_FEATURES, sizeof(float), "block", &m->block));
    LS_TRY(ls_progress_create(log, "import", "features", (double)ls_gct_rows(m->gct), &progress));
    ls_status st;
    do {
        st = ls_gct_read(m->gct, LS_CHUNK_FEATURES, m->lines, &m->features, &rows);
        if (st == LS_OK)
            st = mend_lines(m, done, rows);
        if (st == LS_OK)
            st = write_lines(m, w, done, rows);
        done += rows;
        ls_progress_update(progress, (double)done, NULL);
    } while (st == LS_OK && rows > 0);
    ls_progress_finish(progress, st);
    return st;
}

/* ---- names ---- */

static ls_status check_features(const matrix *m) {
    size_t *line = NULL;
    LS_TRY(ls_alloc(m->features.count, sizeof *line, "lines", &line));
    for (size_t i = 0; i < m->features.count; i++)
        line[i] = ls_gct_line(m->gct, i);
    const ls_status st = ls_import_check_unique(m->path, &m->features, "features", "line", line);
    ls_free(line);
    return st;
}

/* The texts of the kept samples. */
static ls_status kept_only(const matrix *m, const ls_strings *all, ls_strings *out) {
    ls_strings_free(out);
    for (size_t i = 0; i < m->n_kept; i++)
        LS_TRY(ls_strings_add(out, ls_strings_at(all, m->keep[i])));
    return LS_OK;
}

static ls_status write_names(const matrix *m, ls_dataset_writer *w, ls_log *log) {
    ls_strings kept = {0};
    ls_status st = check_features(m);
    if (st == LS_OK)
        st = ls_dataset_writer_names(w, "features", &m->features);
    if (st == LS_OK)
        st = kept_only(m, ls_gct_column_names(m->gct), &kept);
    if (st == LS_OK)
        st = ls_dataset_writer_names(w, "samples", &kept);
    if (st == LS_OK && m->about.group.count > 0) {
        st = kept_only(m, &m->about.group, &kept);
        if (st == LS_OK)
            st = ls_dataset_writer_names(w, "groups", &kept);
    }
    if (st == LS_OK && m->about.label.count > 0) {
        st = kept_only(m, &m->about.label, &kept);
        if (st == LS_OK)
            st = ls_import_write_labels(w, &kept, log);
    }
    ls_strings_free(&kept);
    return st;
}

static void note_what_is_left_out(const matrix *m, ls_log *log) {
    char count[32];
    if (m->about.unknown > 0)
        ls_note(log, "%s samples without a row in %s were left out",
                ls_print_count(m->about.unknown, count), m->what->attributes);
    if (m->blank_labels > 0)
        ls_note(log, "%s samples with a blank label were left out",
                ls_print_count(m->blank_labels, count));
    if (m->filled > 0)
        ls_note(log, "%s missing values were filled in", ls_print_count(m->filled, count));
}

static ls_status run(const ls_import *what, ls_log *log) {
    matrix m = {.what = what, .path = what->inputs[0]};
    ls_dataset_writer *w = NULL;
    ls_status st = ls_gct_open(m.path, &m.gct);
    if (st == LS_OK)
        st = choose_samples(&m);
    if (st == LS_OK)
        st =
            ls_dataset_writer_create(what->out, m.n_kept, ls_gct_rows(m.gct), what->gzip_level, &w);
    if (st == LS_OK)
        st = write_matrix(&m, w, log);
    if (st == LS_OK)
        st = write_names(&m, w, log);
    if (st == LS_OK) {
        note_what_is_left_out(&m, log);
        st = ls_dataset_writer_finish(w, log);
    } else {
        ls_dataset_writer_abandon(w);
    }
    ls_gct_close(m.gct);
    ls_attributes_free(&m.about);
    ls_strings_free(&m.features);
    ls_free(m.keep);
    ls_free(m.lines);
    ls_free(m.block);
    return st;
}

const ls_import_format ls_import_gct = {
    .name = "gct",
    .inputs = "FILE",
    .min_inputs = 1,
    .max_inputs = 1,
    .takes = LS_IMPORT_LABEL | LS_IMPORT_GROUP | LS_IMPORT_MISSING | LS_IMPORT_ATTRIBUTES,
    .run = run,
};
