/* What a checkpoint holds, as lines and as JSON; the hash of its weights.
 *
 * Why here: see inspect.h. Never prints.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_text.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/json.h"
#include "lockstep/report/inspect.h"
#include "lockstep/train/checkpoint.h"

static ls_status load(const char *run_or_file, char **path, ls_trained **t) {
    LS_TRY(ls_checkpoint_find(run_or_file, path));
    ls_status st = ls_checkpoint_read(*path, true, t);
    if (st != LS_OK) {
        ls_free(*path);
        *path = NULL;
    }
    return st;
}

/* "[512, 784]" */
static const char *shape_text(const ls_param *p, char *text, size_t size) {
    int n = snprintf(text, size, "[");
    for (int d = 0; d < p->rank; d++)
        n += snprintf(text + n, size - (size_t)n, "%s%zu", d > 0 ? ", " : "", p->dim[d]);
    snprintf(text + n, size - (size_t)n, "]");
    return text;
}

/* ---- as lines ---- */

static void text_progress(const ls_trained *t, ls_buffer *out) {
    char time[32];
    const ls_train_state *s = &t->state;
    ls_buffer_addf(out, "%-11s%llu epochs", "progress", (unsigned long long)s->epoch);
    if (s->epoch_step > 0)
        ls_buffer_addf(out, " and %llu steps", (unsigned long long)s->epoch_step);
    ls_buffer_addf(out, " of %lld, %llu updates, %s\n", (long long)t->config.train.epochs,
                   (unsigned long long)s->step, ls_print_duration(s->seconds, time));
    if (s->best_epoch > 0)
        ls_buffer_addf(out, "%-11s%s %.6g in epoch %llu\n", "best", ls_trained_monitor(t),
                       s->best_value, (unsigned long long)s->best_epoch);
}

static void text_data(const ls_trained *t, ls_buffer *out) {
    char a[32], b[32];
    ls_buffer_addf(out, "%-11s%s\n", "data", t->config.data.file);
    ls_buffer_addf(out, "%-11s%s features", "inputs",
                   ls_print_count(ls_transforms_inputs(t->transforms), a));
    for (size_t i = 0; i < t->config.data.transform.count; i++)
        ls_buffer_addf(out, "%s %s", i == 0 ? ":" : ",",
                       t->config.data.transform.items[i].row->name);
    ls_buffer_addf(out, " -> %s\n", ls_print_count(ls_transforms_outputs(t->transforms), b));
    if (t->target == LS_TARGET_CLASSES)
        ls_buffer_addf(out, "%-11s%s classes (%s, ...)\n", "outputs",
                       ls_print_count(t->classes.count, a), ls_strings_at(&t->classes, 0));
    else
        ls_buffer_addf(out, "%-11s%s targets\n", "outputs", ls_print_count(t->n_targets, a));
}

static void text_model(const ls_trained *t, ls_buffer *out) {
    const ls_model *m = t->model;
    char a[32], b[32], shape[128];
    for (size_t i = 0; i < m->n_layers; i++)
        ls_buffer_addf(out, "%-11s%-24s %8s -> %s\n", i == 0 ? "layers" : "", m->layers[i].name,
                       ls_print_count(m->layers[i].in_size, a),
                       ls_print_count(m->layers[i].out_size, b));
    for (size_t p = 0; p < m->n_params; p++)
        ls_buffer_addf(out, "%-11s%-32s %-18s %s\n", p == 0 ? "parameters" : "", m->params[p].name,
                       shape_text(&m->params[p], shape, sizeof shape),
                       ls_print_count(m->params[p].count, a));
    ls_buffer_addf(out, "%-11s%s parameters\n", "together", ls_print_count(m->n_weights, a));
}

static void to_text(const char *path, const ls_trained *t, const char *hash, ls_buffer *out) {
    ls_buffer_addf(out, "%-11s%s (format version %d)\n", "checkpoint", path, LS_CHECKPOINT_VERSION);
    ls_buffer_addf(out, "%-11s%s, loss %s, optimizer %s\n", "run", t->config.name,
                   t->config.loss.row->name, t->config.optimizer.row->name);
    text_progress(t, out);
    text_data(t, out);
    text_model(t, out);
    ls_buffer_addf(out, "%-11s%s\n", "hash", hash);
}

/* ---- as JSON ---- */

static json_t *json_shape(const ls_param *p) {
    json_t *shape = json_array();
    for (int d = 0; d < p->rank; d++)
        ls_json_append(&shape, json_integer((json_int_t)p->dim[d]));
    return shape;
}

static json_t *json_model(const ls_model *m) {
    json_t *layers = json_array(), *params = json_array();
    for (size_t i = 0; i < m->n_layers; i++)
        ls_json_append(&layers, json_pack("{s:s, s:s, s:I, s:I}", "name", m->layers[i].name, "type",
                                          m->layers[i].type->row.name, "inputs",
                                          (json_int_t)m->layers[i].in_size, "outputs",
                                          (json_int_t)m->layers[i].out_size));
    for (size_t p = 0; p < m->n_params; p++)
        ls_json_append(&params, json_pack("{s:s, s:o, s:I}", "name", m->params[p].name, "shape",
                                          json_shape(&m->params[p]), "count",
                                          (json_int_t)m->params[p].count));
    return json_pack("{s:o, s:o, s:I}", "layers", layers, "arrays", params, "count",
                     (json_int_t)m->n_weights);
}

static json_t *json_names(const ls_strings *names) {
    json_t *list = json_array();
    for (size_t i = 0; i < names->count; i++)
        ls_json_append(&list, ls_json_text(ls_strings_at(names, i)));
    return list;
}

static json_t *to_json(const char *path, const ls_trained *t, const char *hash) {
    const ls_train_state *s = &t->state;
    json_t *o = json_object();
    ls_json_set(&o, "checkpoint", ls_json_text(path));
    ls_json_set(&o, "format_version", json_integer(LS_CHECKPOINT_VERSION));
    ls_json_set(&o, "name", ls_json_text(t->config.name));
    ls_json_set(&o, "epoch", json_integer((json_int_t)s->epoch));
    ls_json_set(&o, "epoch_step", json_integer((json_int_t)s->epoch_step));
    ls_json_set(&o, "step", json_integer((json_int_t)s->step));
    ls_json_set(&o, "epochs", json_integer(t->config.train.epochs));
    ls_json_set(&o, "best_epoch", json_integer((json_int_t)s->best_epoch));
    ls_json_set(&o, "best_value", isfinite(s->best_value) ? json_real(s->best_value) : json_null());
    ls_json_set(&o, "monitor", json_string(ls_trained_monitor(t)));
    ls_json_set(&o, "data", ls_json_text(t->config.data.file));
    ls_json_set(&o, "features", json_integer((json_int_t)ls_transforms_inputs(t->transforms)));
    ls_json_set(&o, "inputs", json_integer((json_int_t)ls_transforms_outputs(t->transforms)));
    ls_json_set(&o, "classes", json_names(&t->classes));
    ls_json_set(&o, "targets", json_names(&t->targets));
    ls_json_set(&o, "parameters", json_model(t->model));
    ls_json_set(&o, "hash", json_string(hash));
    return o;
}

static ls_status add_json(json_t *o, ls_buffer *out) {
    char *text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    if (text == NULL)
        return ls_fail(LS_ERR_MEMORY, NULL, "out of memory");
    ls_buffer_add(out, text);
    ls_buffer_add(out, "\n");
    free(text);
    return LS_OK;
}

ls_status ls_inspect_checkpoint(const char *run_or_file, bool json, ls_buffer *out) {
    char *path = NULL, hex[40];
    ls_trained *t = NULL;
    LS_TRY(load(run_or_file, &path, &t));
    ls_status st = ls_model_hash(t->model, hex);
    if (st == LS_OK && json)
        st = add_json(to_json(path, t, hex), out);
    else if (st == LS_OK)
        to_text(path, t, hex, out);
    ls_trained_destroy(t);
    ls_free(path);
    return st == LS_OK ? out->status : st;
}

ls_status ls_inspect_checkpoint_hash(const char *run_or_file, char *hex) {
    char *path = NULL;
    ls_trained *t = NULL;
    LS_TRY(load(run_or_file, &path, &t));
    ls_status st = ls_model_hash(t->model, hex);
    ls_trained_destroy(t);
    ls_free(path);
    return st;
}
