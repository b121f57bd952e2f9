/* What a dataset file holds, as lines and as JSON; its hash.
 *
 * Why here: see inspect.h. Gathers the facts once and renders them in one of two ways. Never
 * prints.
 */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "json_text.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"
#include "lockstep/format/json.h"
#include "lockstep/report/inspect.h"
#include "scan.h"

typedef struct dataset_facts {
    ls_dataset *ds;
    uint64_t file_bytes;
    ls_value_facts values;
    size_t *class_rows;      /* [classes] */
    ls_value_facts *outputs; /* [n_outputs] */
} dataset_facts;

static void facts_free(dataset_facts *f) {
    ls_free(f->class_rows);
    ls_free(f->outputs);
    ls_dataset_close(f->ds);
}

static ls_status facts_gather(const ls_dataset_paths *paths, ls_log *log, dataset_facts *f) {
    struct stat file;
    LS_TRY(ls_dataset_open(paths, &f->ds));
    f->file_bytes = stat(paths->file, &file) == 0 ? (uint64_t)file.st_size : 0;
    LS_TRY(ls_alloc(f->ds->classes.count, sizeof *f->class_rows, "class counts", &f->class_rows));
    LS_TRY(ls_alloc(f->ds->n_outputs, sizeof *f->outputs, "target columns", &f->outputs));
    for (size_t i = 0; f->ds->label && i < f->ds->n_samples; i++)
        f->class_rows[f->ds->label[i]]++;
    for (size_t j = 0; j < f->ds->n_outputs; j++)
        f->outputs[j] = ls_value_facts_of(f->ds->value + j, f->ds->n_samples, f->ds->n_outputs);
    return ls_scan_dataset(f->ds, log, &f->values, NULL);
}

static double mean_of(const ls_value_facts *v) {
    return v->finite ? v->sum / (double)v->finite : 0;
}

/* ---- as lines ---- */

static void text_names(ls_buffer *out, const char *what, const ls_strings *names) {
    if (names->count == 0)
        return;
    ls_buffer_addf(out, "%-10s", what);
    for (size_t i = 0; i < names->count && i < 3; i++)
        ls_buffer_addf(out, "%s%s", i ? ", " : "", ls_strings_at(names, i));
    ls_buffer_add(out, names->count > 3 ? ", ...\n" : "\n");
}

static void text_matrix(ls_buffer *out, const dataset_facts *f) {
    const ls_h5_info *info = ls_h5_array_info(f->ds->x);
    char samples[32], features[32];
    ls_buffer_addf(out, "%-10s%s samples x %s features, %s, ", "matrix",
                   ls_print_count(f->ds->n_samples, samples),
                   ls_print_count(f->ds->n_features, features), info->type_name);
    if (f->ds->layout == LS_FEATURES_BY_SAMPLES)
        ls_buffer_add(out, "stored features by samples, ");
    if (info->chunked)
        ls_buffer_addf(out, "chunks of %zu x %zu", info->chunk[0], info->chunk[1]);
    else
        ls_buffer_add(out, "contiguous");
    ls_buffer_add(out, info->compressed ? ", compressed\n" : ", not compressed\n");
}

static void text_values(ls_buffer *out, const dataset_facts *f) {
    const ls_value_facts *v = &f->values;
    double all = (double)f->ds->n_samples * (double)f->ds->n_features;
    char missing[32], infinite[32];
    ls_buffer_addf(
        out, "%-10s%.6g to %.6g, mean %.6g, zeros %.1f %%, missing (NaN) %s, infinite %s\n",
        "values", (double)v->smallest, (double)v->largest, mean_of(v), 100 * (double)v->zeros / all,
        ls_print_count(v->missing, missing), ls_print_count(v->infinite, infinite));
}

static void text_classes(ls_buffer *out, const dataset_facts *f) {
    const ls_strings *classes = &f->ds->classes;
    char count[32];
    ls_buffer_addf(out, "%-10s%zu%s\n", "classes", classes->count,
                   f->ds->named_classes ? "" : " (numbered)");
    for (size_t c = 0; c < classes->count; c++) {
        const char *name = ls_strings_at(classes, c);
        ls_buffer_addf(out, "  %-44s %9s  %5.1f %%\n", *name ? name : "(no label)",
                       ls_print_count(f->class_rows[c], count),
                       100 * (double)f->class_rows[c] / (double)f->ds->n_samples);
    }
}

static void text_outputs(ls_buffer *out, const dataset_facts *f) {
    ls_buffer_addf(out, "%-10s%zu\n", "targets", f->ds->n_outputs);
    for (size_t j = 0; j < f->ds->n_outputs; j++) {
        const ls_value_facts *v = &f->outputs[j];
        if (f->ds->targets.count)
            ls_buffer_addf(out, "  %-44s", ls_strings_at(&f->ds->targets, j));
        else
            ls_buffer_addf(out, "  column %-37zu", j);
        ls_buffer_addf(out, " %.6g to %.6g, mean %.6g\n", (double)v->smallest, (double)v->largest,
                       mean_of(v));
    }
}

static void text_split(ls_buffer *out, const dataset_facts *f) {
    char count[32];
    ls_buffer_addf(out, "%-10s", "split");
    for (int p = 0; p < LS_SPLIT_PARTS; p++)
        ls_buffer_addf(out, "%s%s %s", p ? ", " : "", ls_split_name(p),
                       ls_print_count(ls_split_count(f->ds->split, f->ds->n_samples, p), count));
    ls_buffer_add(out, "\n");
}

static void text_weights(ls_buffer *out, const ls_dataset *ds) {
    const ls_value_facts v = ls_value_facts_of(ds->weight, ds->n_samples, 1);
    ls_buffer_addf(out, "%-10s%.6g to %.6g, mean %.6g\n", "weights", (double)v.smallest,
                   (double)v.largest, mean_of(&v));
}

static void text_dataset(ls_buffer *out, const dataset_facts *f) {
    char text[32];
    ls_buffer_addf(out, "%s: dataset, %s\n", f->ds->path,
                   ls_print_bytes((double)f->file_bytes, text));
    text_matrix(out, f);
    text_values(out, f);
    text_names(out, "features", &f->ds->features);
    text_names(out, "samples", &f->ds->samples);
    if (f->ds->group)
        ls_buffer_addf(out, "%-10s%s\n", "groups", ls_print_count(f->ds->groups.count, text));
    if (f->ds->split)
        text_split(out, f);
    if (f->ds->weight)
        text_weights(out, f->ds);
    if (f->ds->target == LS_TARGET_CLASSES)
        text_classes(out, f);
    else if (f->ds->target == LS_TARGET_VALUES)
        text_outputs(out, f);
    else
        ls_buffer_addf(out, "%-10snone\n", "targets");
}

/* ---- as JSON ---- */

static json_t *json_count(size_t n) {
    return json_integer((json_int_t)n);
}

/* Numbers that do not exist are null. */
static void json_set_range(json_t **object, const ls_value_facts *v) {
    ls_json_set(object, "min", v->finite ? json_real((double)v->smallest) : json_null());
    ls_json_set(object, "max", v->finite ? json_real((double)v->largest) : json_null());
    ls_json_set(object, "mean", v->finite ? json_real(mean_of(v)) : json_null());
}

static json_t *json_values(const ls_value_facts *v) {
    json_t *values = json_object();
    json_set_range(&values, v);
    ls_json_set(&values, "zeros", json_count(v->zeros));
    ls_json_set(&values, "missing", json_count(v->missing));
    ls_json_set(&values, "infinite", json_count(v->infinite));
    return values;
}

static json_t *json_classes(const dataset_facts *f) {
    json_t *classes = json_array();
    for (size_t c = 0; c < f->ds->classes.count; c++) {
        json_t *row = json_object();
        ls_json_set(&row, "name", ls_json_text(ls_strings_at(&f->ds->classes, c)));
        ls_json_set(&row, "samples", json_count(f->class_rows[c]));
        ls_json_append(&classes, row);
    }
    return classes;
}

static json_t *json_outputs(const dataset_facts *f) {
    json_t *outputs = json_array();
    for (size_t j = 0; j < f->ds->n_outputs; j++) {
        json_t *row = json_object();
        ls_json_set(&row, "name",
                    f->ds->targets.count ? ls_json_text(ls_strings_at(&f->ds->targets, j))
                                         : json_null());
        json_set_range(&row, &f->outputs[j]);
        ls_json_append(&outputs, row);
    }
    return outputs;
}

static json_t *json_split(const ls_dataset *ds) {
    json_t *split = json_object();
    for (int p = 0; p < LS_SPLIT_PARTS; p++)
        ls_json_set(&split, ls_split_name(p),
                    json_count(ls_split_count(ds->split, ds->n_samples, p)));
    return split;
}

static json_t *json_weights(const ls_dataset *ds) {
    const ls_value_facts v = ls_value_facts_of(ds->weight, ds->n_samples, 1);
    json_t *weights = json_object();
    json_set_range(&weights, &v);
    return weights;
}

static void json_set_matrix(json_t **root, const dataset_facts *f) {
    const ls_h5_info *info = ls_h5_array_info(f->ds->x);
    ls_json_set(root, "samples", json_count(f->ds->n_samples));
    ls_json_set(root, "features", json_count(f->ds->n_features));
    ls_json_set(root, "type", json_string(info->type_name));
    ls_json_set(root, "layout",
                json_string(f->ds->layout == LS_FEATURES_BY_SAMPLES ? "features_by_samples"
                                                                    : "samples_by_features"));
    ls_json_set(root, "chunk",
                info->chunked
                    ? json_pack("[I,I]", (json_int_t)info->chunk[0], (json_int_t)info->chunk[1])
                    : json_null());
    ls_json_set(root, "compressed", json_boolean(info->compressed));
    ls_json_set(root, "values", json_values(&f->values));
}

static ls_status json_dataset(ls_buffer *out, const dataset_facts *f) {
    static const char *const target[] = {"none", "classes", "values"};
    const ls_dataset *ds = f->ds;
    json_t *root = json_object();
    ls_json_set(&root, "kind", json_string("dataset"));
    ls_json_set(&root, "file", ls_json_text(ds->path));
    ls_json_set(&root, "file_bytes", json_count(f->file_bytes));
    json_set_matrix(&root, f);
    ls_json_set(&root, "feature_names", json_boolean(ds->features.count > 0));
    ls_json_set(&root, "sample_ids", json_boolean(ds->samples.count > 0));
    ls_json_set(&root, "groups", ds->group ? json_count(ds->groups.count) : json_null());
    ls_json_set(&root, "split", ds->split ? json_split(ds) : json_null());
    ls_json_set(&root, "weights", ds->weight ? json_weights(ds) : json_null());
    ls_json_set(&root, "target", json_string(target[ds->target]));
    if (ds->target == LS_TARGET_CLASSES)
        ls_json_set(&root, "classes", json_classes(f));
    if (ds->target == LS_TARGET_VALUES)
        ls_json_set(&root, "outputs", json_outputs(f));
    char *text = json_dumps(root, JSON_INDENT(2));
    if (text) {
        ls_buffer_add(out, text);
        ls_buffer_add(out, "\n");
    }
    free(text);
    json_decref(root);
    return text ? LS_OK : ls_fail(LS_ERR_MEMORY, ds->path, "no memory for its description");
}

ls_status ls_inspect_dataset(const ls_dataset_paths *paths, bool json, ls_log *log,
                             ls_buffer *out) {
    dataset_facts f = {0};
    ls_status st = facts_gather(paths, log, &f);
    if (st == LS_OK && json)
        st = json_dataset(out, &f);
    else if (st == LS_OK)
        text_dataset(out, &f);
    facts_free(&f);
    return st == LS_OK ? out->status : st;
}

ls_status ls_inspect_dataset_hash(const ls_dataset_paths *paths, ls_log *log, char *hex) {
    ls_dataset *ds = NULL;
    ls_hasher *h = NULL;
    ls_status st = ls_dataset_open(paths, &ds);
    if (st == LS_OK)
        st = ls_hasher_create(&h);
    if (st == LS_OK)
        st = ls_scan_dataset(ds, log, NULL, h);
    if (st == LS_OK && ds->label)
        ls_hasher_add(h, ds->label, ds->n_samples * sizeof *ds->label);
    if (st == LS_OK && ds->value)
        ls_hasher_add(h, ds->value, ds->n_samples * ds->n_outputs * sizeof *ds->value);
    if (st == LS_OK && ds->weight)
        ls_hasher_add(h, ds->weight, ds->n_samples * sizeof *ds->weight);
    if (st == LS_OK)
        ls_print_hash(ls_hasher_result(h), hex);
    ls_hasher_destroy(h);
    ls_dataset_close(ds);
    return st;
}
