/* Writes a dataset file of the contract, block by block.
 * Why here: see lockstep/data/writer.h. Never holds X in memory, never checks its values. */
#include "lockstep/data/writer.h"

#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/h5.h"

struct ls_dataset_writer {
    ls_pending_file pending;
    ls_h5 *file;
    ls_h5_array *x;
    size_t n_samples, n_features;
    size_t n_classes, n_outputs, n_groups; /* 0: there are none */
    ls_buffer class_rows;                  /* "liver 120, lung 80, ..." */
};

static size_t at_most(size_t n, size_t limit) {
    return n < limit ? n : limit;
}

static ls_status create_file(ls_dataset_writer *w, const char *path, int gzip_level) {
    const size_t dim[2] = {w->n_samples, w->n_features};
    const size_t chunk[2] = {at_most(w->n_samples, LS_CHUNK_SAMPLES),
                             at_most(w->n_features, LS_CHUNK_FEATURES)};
    LS_TRY(ls_pending_begin(&w->pending, path));
    LS_TRY(ls_h5_create_pending(&w->pending, &w->file));
    return ls_h5_array_create(w->file, "/X", LS_H5_F32, 2, dim, chunk, gzip_level, &w->x);
}

ls_status ls_dataset_writer_create(const char *path, size_t n_samples, size_t n_features,
                                   int gzip_level, ls_dataset_writer **out) {
    ls_dataset_writer *w = NULL;
    *out = NULL;
    if (n_samples == 0 || n_features == 0)
        return ls_fail(LS_ERR_DATA, path, "there are no %s to write",
                       n_samples == 0 ? "samples" : "features");
    LS_TRY(ls_alloc(1, sizeof *w, "dataset writer", &w));
    w->n_samples = n_samples;
    w->n_features = n_features;
    const ls_status st = create_file(w, path, gzip_level);
    if (st != LS_OK) {
        ls_dataset_writer_abandon(w);
        return st;
    }
    *out = w;
    return LS_OK;
}

ls_status ls_dataset_writer_block(ls_dataset_writer *w, size_t first_row, size_t rows,
                                  size_t first_column, size_t columns, const float *in) {
    const size_t start[2] = {first_row, first_column}, count[2] = {rows, columns};
    return ls_h5_array_write(w->x, start, count, LS_H5_F32, in);
}

/* How many rows the first classes have. */
static ls_status count_classes(ls_dataset_writer *w, const int32_t *label,
                               const ls_strings *classes) {
    enum { SHOWN = 6 };
    size_t rows[SHOWN] = {0};
    char count[32];
    for (size_t i = 0; i < w->n_samples; i++)
        if (label[i] >= 0 && label[i] < SHOWN)
            rows[label[i]]++;
    for (size_t c = 0; c < classes->count && c < SHOWN; c++)
        ls_buffer_addf(&w->class_rows, "%s%s %s", c ? ", " : "", ls_strings_at(classes, c),
                       ls_print_count(rows[c], count));
    if (classes->count > SHOWN)
        ls_buffer_add(&w->class_rows, ", ...");
    return w->class_rows.status;
}

ls_status ls_dataset_writer_labels(ls_dataset_writer *w, const int32_t *label,
                                   const ls_strings *classes) {
    w->n_classes = classes->count;
    LS_TRY(count_classes(w, label, classes));
    LS_TRY(ls_h5_write(w->file, "/y", LS_H5_I32, 1, &w->n_samples, label));
    return ls_h5_write_strings(w->file, "/classes", classes);
}

ls_status ls_dataset_writer_values(ls_dataset_writer *w, const float *value, size_t n_outputs,
                                   const ls_strings *names) {
    const size_t dim[2] = {w->n_samples, n_outputs};
    w->n_outputs = n_outputs;
    LS_TRY(ls_h5_write(w->file, "/y", LS_H5_F32, n_outputs == 1 ? 1 : 2, dim, value));
    return names ? ls_h5_write_strings(w->file, "/targets", names) : LS_OK;
}

static ls_status count_distinct(const ls_strings *names, size_t *out) {
    ls_string_index *index = NULL;
    LS_TRY(ls_string_index_create(names, NULL, &index));
    *out = 0;
    for (size_t i = 0; i < names->count; i++)
        *out += ls_string_index_find(index, ls_strings_at(names, i)) == i;
    ls_string_index_destroy(index);
    return LS_OK;
}

ls_status ls_dataset_writer_names(ls_dataset_writer *w, const char *what, const ls_strings *names) {
    char array[32];
    const size_t expected = strcmp(what, "features") == 0 ? w->n_features : w->n_samples;
    if (names->count != expected)
        return ls_fail(LS_ERR_RUNTIME, ls_h5_path(w->file), "/%s: %zu names for %zu", what,
                       names->count, expected);
    if (strcmp(what, "groups") == 0)
        LS_TRY(count_distinct(names, &w->n_groups));
    snprintf(array, sizeof array, "/%s", what);
    return ls_h5_write_strings(w->file, array, names);
}

ls_status ls_dataset_writer_split(ls_dataset_writer *w, const uint8_t *split) {
    return ls_h5_write(w->file, "/split", LS_H5_U8, 1, &w->n_samples, split);
}

/* ", 53 classes"; nothing for none. */
static void add_count(ls_buffer *b, size_t n, const char *one, const char *many) {
    char text[32];
    if (n > 0)
        ls_buffer_addf(b, ", %s %s", ls_print_count(n, text), n == 1 ? one : many);
}

static void note_contents(const ls_dataset_writer *w, const char *path, ls_log *log) {
    char samples[32], features[32];
    ls_buffer b = {0};
    ls_buffer_addf(&b, "wrote %s: %s samples x %s features", path,
                   ls_print_count(w->n_samples, samples), ls_print_count(w->n_features, features));
    add_count(&b, w->n_classes, "class", "classes");
    add_count(&b, w->n_outputs, "target", "targets");
    add_count(&b, w->n_groups, "group", "groups");
    if (b.status == LS_OK)
        ls_note(log, "%s", b.data);
    if (w->class_rows.length > 0)
        ls_note(log, "rows of each class: %s", w->class_rows.data);
    ls_buffer_free(&b);
}

ls_status ls_dataset_writer_finish(ls_dataset_writer *w, ls_log *log) {
    char *path = NULL;
    ls_h5_array_destroy(w->x);
    w->x = NULL;
    ls_status st = ls_strdup(w->pending.path, &path);
    const ls_status closed = ls_h5_close(w->file);
    w->file = NULL;
    st = st == LS_OK ? closed : st;
    if (st == LS_OK)
        st = ls_pending_commit(&w->pending);
    if (st == LS_OK)
        note_contents(w, path, log);
    ls_free(path);
    ls_dataset_writer_abandon(w); /* after a commit there is nothing left to remove */
    return st;
}

void ls_dataset_writer_abandon(ls_dataset_writer *w) {
    if (!w)
        return;
    ls_h5_array_destroy(w->x);
    ls_h5_destroy(w->file);
    ls_pending_abandon(&w->pending);
    ls_buffer_free(&w->class_rows);
    ls_free(w);
}
