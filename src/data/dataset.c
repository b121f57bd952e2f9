/* A dataset file: opening it with all its checks, and reading blocks of X.
 *
 * Why here: see dataset.h. Never changes the file, never holds all of X.
 */
#include "lockstep/data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dataset_internal.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/import.h"
#include "lockstep/data/split.h"
#include "lockstep/math/vector.h"

ls_dataset_paths ls_dataset_default_paths(const char *file) {
    return (ls_dataset_paths){.file = file,
                              .x = "/X",
                              .y = "/y",
                              .classes = "/classes",
                              .features = "/features",
                              .samples = "/samples",
                              .groups = "/groups",
                              .split = "/split",
                              .weights = "/weights",
                              .layout = LS_SAMPLES_BY_FEATURES};
}

/* Sparse matrices (AnnData, 10x) and data frames are groups of arrays. */
static bool is_group(const ls_dataset *ds, const char *name) {
    ls_strings members = {0};
    bool listed = ls_h5_list(ds->file, name, &members) == LS_OK;
    ls_strings_free(&members);
    return listed;
}

static ls_status open_x(ls_dataset *ds, const ls_dataset_paths *paths) {
    if (!ls_h5_has(ds->file, paths->x))
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "no array %s", paths->x),
                       "the matrix of samples by features is expected there; data.x in the config "
                       "names another array");
    if (is_group(ds, paths->x))
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s is a group, not an array", paths->x),
                       "a dense matrix of samples by features is needed: store a sparse one as a "
                       "dense array (AnnData: adata.X.toarray()), or name another with data.x");
    ls_h5_info info;
    LS_TRY(ls_h5_describe(ds->file, paths->x, &info));
    if (info.type_class != LS_H5_INTEGER && info.type_class != LS_H5_FLOAT)
        return ls_fail(LS_ERR_DATA, ds->path, "%s holds %s, not numbers", paths->x, info.type_name);
    if (info.rank != 2)
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s has %d dimension%s, not 2", paths->x,
                               info.rank, info.rank == 1 ? "" : "s"),
                       "store one row a sample: images and the like are flattened to "
                       "[samples, features]");
    ds->layout = paths->layout;
    bool turned = paths->layout == LS_FEATURES_BY_SAMPLES;
    ds->n_samples = info.dim[turned ? 1 : 0];
    ds->n_features = info.dim[turned ? 0 : 1];
    if (ds->n_samples == 0 || ds->n_features == 0)
        return ls_fail(LS_ERR_DATA, ds->path, "%s is empty: %zu samples, %zu features", paths->x,
                       ds->n_samples, ds->n_features);
    if (ds->n_samples >= UINT32_MAX || ds->n_features >= UINT32_MAX)
        return ls_fail(LS_ERR_DATA, ds->path, "%s is too large: %zu samples, %zu features",
                       paths->x, ds->n_samples, ds->n_features);
    return ls_h5_array_open(ds->file, paths->x, 0, &ds->x);
}

/* Codes of the groups, in order of first appearance; a name stands in `groups` once. */
static ls_status code_groups(const ls_strings *name, ls_strings *groups, uint32_t *code) {
    ls_string_index *index = NULL;
    LS_TRY(ls_string_index_create(name, NULL, &index));
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < name->count; i++) {
        size_t first = ls_string_index_find(index, ls_strings_at(name, i));
        if (first == i) {
            code[i] = (uint32_t)groups->count;
            st = ls_strings_add(groups, ls_strings_at(name, i));
        } else {
            code[i] = code[first];
        }
    }
    ls_string_index_destroy(index);
    return st;
}

static ls_status read_groups(ls_dataset *ds, const char *array) {
    ls_strings name = {0};
    ls_status st = ls_dataset_read_names(ds, array, ds->n_samples, "samples", &name);
    if (st == LS_OK)
        st = ls_alloc(ds->n_samples, sizeof *ds->group, "groups", &ds->group);
    if (st == LS_OK)
        st = code_groups(&name, &ds->groups, ds->group);
    ls_strings_free(&name);
    return st;
}

static ls_status read_split(ls_dataset *ds, const char *array) {
    int64_t *code = NULL;
    ls_status st = ls_dataset_read_codes(ds, array, ds->n_samples, &code);
    if (st == LS_OK)
        st = ls_alloc(ds->n_samples, sizeof *ds->split, "split", &ds->split);
    for (size_t i = 0; st == LS_OK && i < ds->n_samples; i++) {
        if ((code[i] < 0 || code[i] >= LS_SPLIT_PARTS) && code[i] != LS_SPLIT_NONE)
            st = ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s: row %zu: %lld is no part of a split",
                                 array, i, (long long)code[i]),
                         "0 is train, 1 val, 2 test, 255 not used");
        else
            ds->split[i] = (uint8_t)code[i];
    }
    ls_free(code);
    return st;
}

static ls_status read_names(ls_dataset *ds, const char *array, size_t count, const char *what,
                            ls_strings *out) {
    if (!ls_h5_has(ds->file, array))
        return LS_OK;
    LS_TRY(ls_dataset_read_names(ds, array, count, what, out));
    return ls_dataset_check_unique(ds, array, out);
}

static ls_status open_all(ls_dataset *ds, const ls_dataset_paths *paths) {
    LS_TRY(ls_strdup(paths->file, &ds->path));
    LS_TRY(ls_strdup(paths->x, &ds->x_name));
    ls_status st = ls_h5_open(paths->file, &ds->file);
    if (st != LS_OK)
        return ls_hint_import(st, paths->file);
    LS_TRY(open_x(ds, paths));
    LS_TRY(ls_dataset_read_targets(ds, paths));
    LS_TRY(read_names(ds, paths->features, ds->n_features, "features", &ds->features));
    LS_TRY(read_names(ds, paths->samples, ds->n_samples, "samples", &ds->samples));
    if (ls_h5_has(ds->file, paths->groups))
        LS_TRY(read_groups(ds, paths->groups));
    if (ls_h5_has(ds->file, paths->split))
        LS_TRY(read_split(ds, paths->split));
    if (paths->weights[0] != '\0' && ls_h5_has(ds->file, paths->weights))
        LS_TRY(ls_dataset_read_weights(ds, paths->weights));
    return LS_OK;
}

ls_status ls_dataset_open(const ls_dataset_paths *paths, ls_dataset **out) {
    ls_dataset *ds = NULL;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *ds, "dataset", &ds));
    ls_status st = open_all(ds, paths);
    if (st != LS_OK) {
        ls_dataset_close(ds);
        return st;
    }
    *out = ds;
    return LS_OK;
}

void ls_dataset_close(ls_dataset *ds) {
    if (!ds)
        return;
    ls_h5_array_destroy(ds->x);
    ls_h5_destroy(ds->file);
    ls_free(ds->path);
    ls_free(ds->x_name);
    ls_free(ds->label);
    ls_free(ds->value);
    ls_free(ds->group);
    ls_free(ds->split);
    ls_free(ds->weight);
    ls_free(ds->turned);
    ls_strings_free(&ds->classes);
    ls_strings_free(&ds->targets);
    ls_strings_free(&ds->features);
    ls_strings_free(&ds->samples);
    ls_strings_free(&ds->groups);
    ls_free(ds);
}

/* Reads X[columns, rows] of a file with a feature a row, and turns it. */
static ls_status read_turned(ls_dataset *ds, size_t first_row, size_t rows, size_t first_column,
                             size_t columns, float *out) {
    enum { TILE = 32 }; /* both sides of a tile stay in the first-level cache */
    LS_TRY(ls_grow(&ds->turned, &ds->turned_capacity, rows * columns, sizeof *ds->turned,
                   "block of X"));
    LS_TRY(ls_h5_array_read(ds->x, (size_t[]){first_column, first_row}, (size_t[]){columns, rows},
                            LS_H5_F32, ds->turned));
    for (size_t i0 = 0; i0 < rows; i0 += TILE)
        for (size_t j0 = 0; j0 < columns; j0 += TILE)
            for (size_t i = i0; i < rows && i < i0 + TILE; i++)
                for (size_t j = j0; j < columns && j < j0 + TILE; j++)
                    out[i * columns + j] = ds->turned[j * rows + i];
    return LS_OK;
}

void ls_dataset_place(const ls_dataset *ds, size_t row, size_t column, char *buffer, size_t size) {
    char sample[LS_DATASET_PLACE_MAX / 4] = "", feature[LS_DATASET_PLACE_MAX / 4] = "";
    if (ds->samples.count)
        snprintf(sample, sizeof sample, " (%s)", ls_strings_at(&ds->samples, row));
    if (column == LS_NOT_FOUND) {
        snprintf(buffer, size, "%s: row %zu%s", ds->x_name, row, sample);
        return;
    }
    if (ds->features.count)
        snprintf(feature, sizeof feature, " (%s)", ls_strings_at(&ds->features, column));
    snprintf(buffer, size, "%s: row %zu%s, column %zu%s", ds->x_name, row, sample, column, feature);
}

static ls_status fail_not_finite(const ls_dataset *ds, size_t row, size_t column, float x) {
    char place[LS_DATASET_PLACE_MAX];
    ls_dataset_place(ds, row, column, place, sizeof place);
    if (isnan(x))
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s: missing value (NaN)", place),
                       "lockstep trains on complete matrices: fill or drop missing values first "
                       "(`lockstep inspect` counts them)");
    return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s: infinite value", place),
                   "values must lie within float32, about 3.4e38 (`lockstep inspect` counts "
                   "infinite ones)");
}

static bool is_inside(const ls_dataset *ds, size_t first_row, size_t rows, size_t first_column,
                      size_t columns) {
    return rows <= ds->n_samples && first_row <= ds->n_samples - rows &&
           columns <= ds->n_features && first_column <= ds->n_features - columns;
}

bool ls_dataset_read_rows(ls_dataset *ds, size_t first_row, size_t rows, size_t first_column,
                          size_t columns, float *const *row) {
    return ds->layout != LS_FEATURES_BY_SAMPLES &&
           is_inside(ds, first_row, rows, first_column, columns) &&
           ls_h5_array_read_rows(ds->x, (size_t[]){first_row, first_column},
                                 (size_t[]){rows, columns}, row);
}

ls_status ls_dataset_read_raw(ls_dataset *ds, size_t first_row, size_t rows, size_t first_column,
                              size_t columns, float *out) {
    if (!is_inside(ds, first_row, rows, first_column, columns))
        return ls_fail(LS_ERR_RUNTIME, ds->path,
                       "block of %zu x %zu at row %zu, column %zu is outside %s", rows, columns,
                       first_row, first_column, ds->x_name);
    if (rows == 0 || columns == 0)
        return LS_OK;
    if (ds->layout == LS_FEATURES_BY_SAMPLES)
        return read_turned(ds, first_row, rows, first_column, columns, out);
    return ls_h5_array_read(ds->x, (size_t[]){first_row, first_column}, (size_t[]){rows, columns},
                            LS_H5_F32, out);
}

ls_status ls_dataset_take_parts(ls_dataset *ds) {
    return ls_h5_array_take_parts(ds->x);
}

ls_status ls_dataset_check(const ls_dataset *ds, const size_t *row, size_t rows,
                           const uint32_t *column, size_t columns, const float *x) {
    if (!ls_any_not_finite(rows * columns, x))
        return LS_OK;
    size_t i = 0;
    while (isfinite(x[i]))
        i++;
    size_t j = i % columns;
    return fail_not_finite(ds, row[i / columns], column ? column[j] : j, x[i]);
}
