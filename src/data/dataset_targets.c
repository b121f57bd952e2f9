/* What a dataset file says of its rows: labels or values, classes, names, weights.
 *
 * Why here: files come from many tools, and each way of storing labels has its own checks.
 * Never reads X.
 */
#include <math.h>
#include <stdio.h>

#include "dataset_internal.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* turned: the length would fit the matrix's other side. */
static const char *length_hint(const ls_dataset *ds, bool turned) {
    if (!turned)
        return "every array is as long as the matrix has rows (samples) or columns (features)";
    return ds->layout == LS_SAMPLES_BY_FEATURES
               ? "the matrix looks turned: `layout: features_by_samples` under data reads one "
                 "feature a row"
               : "the matrix looks turned: `layout: samples_by_features` under data reads one "
                 "sample a row";
}

/* One whole number a sample: many tools make a column of a vector. */
static bool is_column(const ls_h5_info *info) {
    return info->rank == 1 ||
           (info->rank == 2 && info->dim[1] == 1 && info->type_class == LS_H5_INTEGER);
}

static ls_status check_length(const ls_dataset *ds, const char *array, const ls_h5_info *info,
                              size_t count, const char *what) {
    if (!is_column(info))
        return ls_fail(LS_ERR_DATA, ds->path, "%s has %d dimensions, not 1", array, info->rank);
    size_t other = count == ds->n_samples ? ds->n_features : ds->n_samples;
    if (info->dim[0] != count)
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s has %zu entries, but there are %zu %s",
                               array, info->dim[0], count, what),
                       "%s", length_hint(ds, info->dim[0] == other));
    return LS_OK;
}

ls_status ls_dataset_read_codes(const ls_dataset *ds, const char *array, size_t count,
                                int64_t **out) {
    ls_h5_info info;
    *out = NULL;
    LS_TRY(ls_h5_describe(ds->file, array, &info));
    if (info.type_class != LS_H5_INTEGER)
        return ls_fail(LS_ERR_DATA, ds->path, "%s holds %s, not whole numbers", array,
                       info.type_name);
    LS_TRY(check_length(ds, array, &info, count, "samples"));
    LS_TRY(ls_alloc(count, sizeof **out, array, out));
    ls_status st = ls_h5_read(ds->file, array, LS_H5_I64, count, *out);
    if (st != LS_OK) {
        ls_free(*out);
        *out = NULL;
    }
    return st;
}

/* Integers as text: donors and samples are often numbered. */
static ls_status read_numbers_as_text(const ls_dataset *ds, const char *array, size_t count,
                                      ls_strings *out) {
    int64_t *number = NULL;
    char text[32];
    LS_TRY(ls_alloc(count, sizeof *number, array, &number));
    ls_status st = ls_h5_read(ds->file, array, LS_H5_I64, count, number);
    for (size_t i = 0; st == LS_OK && i < count; i++) {
        snprintf(text, sizeof text, "%lld", (long long)number[i]);
        st = ls_strings_add(out, text);
    }
    ls_free(number);
    return st;
}

ls_status ls_dataset_read_names(const ls_dataset *ds, const char *array, size_t count,
                                const char *what, ls_strings *out) {
    ls_h5_info info;
    LS_TRY(ls_h5_describe(ds->file, array, &info));
    if (info.type_class != LS_H5_STRING && info.type_class != LS_H5_INTEGER)
        return ls_fail(LS_ERR_DATA, ds->path, "%s holds %s, not strings", array, info.type_name);
    LS_TRY(check_length(ds, array, &info, count, what));
    if (info.type_class == LS_H5_INTEGER)
        return read_numbers_as_text(ds, array, count, out);
    return ls_h5_read_strings(ds->file, array, out);
}

ls_status ls_dataset_check_unique(const ls_dataset *ds, const char *array,
                                  const ls_strings *names) {
    size_t repeat = LS_NOT_FOUND;
    ls_string_index *index = NULL;
    LS_TRY(ls_string_index_create(names, &repeat, &index));
    ls_status st = LS_OK;
    if (repeat != LS_NOT_FOUND) {
        const char *name = ls_strings_at(names, repeat);
        st = ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s: '%s' stands at both %zu and %zu", array,
                             name, ls_string_index_find(index, name), repeat),
                     "names must be unique: drop or rename the repeated ones");
    }
    ls_string_index_destroy(index);
    return st;
}

static ls_status read_classes(ls_dataset *ds, const char *array) {
    ls_h5_info info;
    LS_TRY(ls_h5_describe(ds->file, array, &info));
    if (info.rank != 1 || info.dim[0] == 0)
        return ls_fail(LS_ERR_DATA, ds->path, "%s is not a list of class names", array);
    LS_TRY(ls_dataset_read_names(ds, array, info.dim[0], "classes", &ds->classes));
    ds->named_classes = true;
    return ls_dataset_check_unique(ds, array, &ds->classes);
}

static ls_status fail_code(const ls_dataset *ds, const char *array, size_t row, int64_t code) {
    ls_status st;
    if (ds->named_classes)
        st = ls_fail(LS_ERR_DATA, ds->path,
                     "%s: row %zu: label %lld is outside the %zu classes (0 to %zu)", array, row,
                     (long long)code, ds->classes.count, ds->classes.count - 1);
    else
        st = ls_fail(LS_ERR_DATA, ds->path, "%s: row %zu: label %lld is outside 0 to %d", array,
                     row, (long long)code, LS_DATASET_CODES_MAX - 1);
    return ls_hint(st, "labels count from 0; a row without one takes a class with a blank name; "
                       "numbers to be predicted as such are stored as floats");
}

static ls_status read_label_codes(ls_dataset *ds, const char *array) {
    int64_t *code = NULL, largest = 0;
    char text[32];
    ls_status st = ls_dataset_read_codes(ds, array, ds->n_samples, &code);
    if (st == LS_OK)
        st = ls_alloc(ds->n_samples, sizeof *ds->label, "labels", &ds->label);
    int64_t bound = ds->named_classes ? (int64_t)ds->classes.count : LS_DATASET_CODES_MAX;
    for (size_t i = 0; st == LS_OK && i < ds->n_samples; i++) {
        if (code[i] < 0 || code[i] >= bound)
            st = fail_code(ds, array, i, code[i]);
        else
            ds->label[i] = (int32_t)code[i];
        largest = code[i] > largest ? code[i] : largest;
    }
    for (int64_t c = 0; st == LS_OK && !ds->named_classes && c <= largest; c++) {
        snprintf(text, sizeof text, "%lld", (long long)c);
        st = ls_strings_add(&ds->classes, text);
    }
    ls_free(code);
    return st;
}

static ls_status code_labels(ls_dataset *ds, const char *array, const ls_strings *name) {
    ls_string_index *index = NULL;
    LS_TRY(ls_string_index_create(&ds->classes, NULL, &index));
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < name->count; i++) {
        size_t c = ls_string_index_find(index, ls_strings_at(name, i));
        if (c == LS_NOT_FOUND)
            st = ls_fail(LS_ERR_DATA, ds->path, "%s: row %zu: '%s' is not one of the classes",
                         array, i, ls_strings_at(name, i));
        else
            ds->label[i] = (int32_t)c;
    }
    ls_string_index_destroy(index);
    return st;
}

/* The classes that occur, sorted; the blank one, of rows without a label, last. */
static ls_status sort_label_names(const ls_strings *name, ls_strings *classes) {
    ls_strings given = {0};
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < name->count; i++)
        if (*ls_strings_at(name, i))
            st = ls_strings_add(&given, ls_strings_at(name, i));
    if (st == LS_OK)
        st = ls_strings_sort_classes(&given, classes);
    if (st == LS_OK && given.count < name->count)
        st = ls_strings_add(classes, "");
    ls_strings_free(&given);
    return st;
}

static ls_status read_label_names(ls_dataset *ds, const char *array) {
    ls_strings name = {0};
    ls_status st = ls_dataset_read_names(ds, array, ds->n_samples, "samples", &name);
    if (st == LS_OK && !ds->named_classes)
        st = sort_label_names(&name, &ds->classes);
    if (st == LS_OK)
        st = ls_alloc(ds->n_samples, sizeof *ds->label, "labels", &ds->label);
    if (st == LS_OK)
        st = code_labels(ds, array, &name);
    ds->named_classes = true;
    ls_strings_free(&name);
    return st;
}

static ls_status read_values(ls_dataset *ds, const char *array, const ls_h5_info *info) {
    if (info->dim[0] != ds->n_samples)
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s has %zu rows, but there are %zu samples",
                               array, info->dim[0], ds->n_samples),
                       "%s", length_hint(ds, info->dim[0] == ds->n_features));
    ds->n_outputs = info->rank == 2 ? info->dim[1] : 1;
    if (ds->n_outputs == 0)
        return ls_fail(LS_ERR_DATA, ds->path, "%s has no columns", array);
    if (ds->n_outputs > SIZE_MAX / sizeof(float) / ds->n_samples)
        return ls_fail(LS_ERR_DATA, ds->path, "%s is too large", array);
    size_t count = ds->n_samples * ds->n_outputs;
    LS_TRY(ls_alloc(count, sizeof *ds->value, "target values", &ds->value));
    LS_TRY(ls_h5_read(ds->file, array, LS_H5_F32, count, ds->value));
    for (size_t i = 0; i < count; i++)
        if (!isfinite(ds->value[i]))
            return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s: row %zu, column %zu: %s value",
                                   array, i / ds->n_outputs, i % ds->n_outputs,
                                   isnan(ds->value[i]) ? "missing" : "infinite"),
                           "drop the rows without a target value first");
    if (!ls_h5_has(ds->file, "/targets"))
        return LS_OK;
    return ls_dataset_read_names(ds, "/targets", ds->n_outputs, "target columns", &ds->targets);
}

ls_status ls_dataset_read_targets(ls_dataset *ds, const ls_dataset_paths *paths) {
    ls_h5_info info;
    ds->target = LS_TARGET_NONE;
    if (!ls_h5_has(ds->file, paths->y))
        return LS_OK;
    LS_TRY(ls_h5_describe(ds->file, paths->y, &info));
    if (info.rank < 1 || info.rank > 2)
        return ls_fail(LS_ERR_DATA, ds->path, "%s has %d dimensions, not 1 or 2", paths->y,
                       info.rank);
    bool is_number = info.type_class == LS_H5_INTEGER || info.type_class == LS_H5_FLOAT;
    if (info.type_class == LS_H5_FLOAT || (is_number && !is_column(&info))) {
        ds->target = LS_TARGET_VALUES;
        return read_values(ds, paths->y, &info);
    }
    ds->target = LS_TARGET_CLASSES;
    if (info.type_class == LS_H5_OTHER || !is_column(&info))
        return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s holds %s in %d dimension%s", paths->y,
                               info.type_name, info.rank, info.rank == 1 ? "" : "s"),
                       "labels are one whole number or one string a sample, values are floats");
    if (ls_h5_has(ds->file, paths->classes))
        LS_TRY(read_classes(ds, paths->classes));
    return info.type_class == LS_H5_INTEGER ? read_label_codes(ds, paths->y)
                                            : read_label_names(ds, paths->y);
}

static ls_status check_weights(const ls_dataset *ds, const char *array) {
    bool any = false;
    for (size_t i = 0; i < ds->n_samples; i++) {
        const float w = ds->weight[i];
        any = any || w > 0;
        if (!isfinite(w) || w < 0)
            return ls_hint(
                ls_fail(LS_ERR_DATA, ds->path, "%s: row %zu: %g is no weight", array, i, (double)w),
                "a weight is a number from 0 on, as float32; data.weights: \"\" uses none");
    }
    if (any)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_DATA, ds->path, "%s: all weights are 0", array),
                   "a row of weight 0 is not trained on; data.weights: \"\" uses none");
}

ls_status ls_dataset_read_weights(ls_dataset *ds, const char *array) {
    ls_h5_info info;
    LS_TRY(ls_h5_describe(ds->file, array, &info));
    if (info.type_class != LS_H5_INTEGER && info.type_class != LS_H5_FLOAT)
        return ls_fail(LS_ERR_DATA, ds->path, "%s holds %s, not numbers", array, info.type_name);
    LS_TRY(check_length(ds, array, &info, ds->n_samples, "samples"));
    LS_TRY(ls_alloc(ds->n_samples, sizeof *ds->weight, "weights", &ds->weight));
    LS_TRY(ls_h5_read(ds->file, array, LS_H5_F32, ds->n_samples, ds->weight));
    return check_weights(ds, array);
}
