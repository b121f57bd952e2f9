/* An evaluation as one JSON object. Why here: see lockstep/report/evaluation.h. */
#include <math.h>
#include <stdlib.h>

#include "json_text.h"
#include "lockstep/base/error.h"
#include "lockstep/format/json.h"
#include "lockstep/report/evaluation.h"

/* JSON has no NaN: what has no value is null. */
static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *count(double x) {
    return json_integer((json_int_t)x);
}

static json_t *name_of(const ls_evaluation *e, size_t part) {
    if (part < e->names.count)
        return ls_json_text(ls_strings_at(&e->names, part));
    return json_integer((json_int_t)part);
}

static json_t *part_to_json(const ls_evaluation *e, size_t part) {
    const ls_facts *f = &e->facts;
    const unsigned kind = f->problem.kind;
    json_t *o = json_object();
    ls_json_set(&o, kind & LS_FOR_CLASSES ? "class" : "output", name_of(e, part));
    for (const ls_part_metric *m = ls_part_metrics; m->name != NULL; m++)
        if (m->kinds & kind)
            ls_json_set(&o, m->name, number(m->value(m, f, part)));
    if (f->counts != NULL) {
        ls_json_set(&o, "support", count(f->counts[part].actual));
        ls_json_set(&o, "predicted", count(f->counts[part].predicted));
    }
    return o;
}

static json_t *parts_to_json(const ls_evaluation *e) {
    json_t *list = json_array();
    for (size_t j = 0; j < e->facts.problem.n; j++)
        ls_json_append(&list, part_to_json(e, j));
    return list;
}

static json_t *confusion_to_json(const ls_evaluation *e) {
    const size_t n = e->facts.problem.n;
    json_t *matrix = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array();
        for (size_t j = 0; j < n; j++)
            ls_json_append(&row, json_integer((json_int_t)e->confusion[i * n + j]));
        ls_json_append(&matrix, row);
    }
    return matrix;
}

static json_t *calibration_to_json(const ls_facts *f) {
    json_t *list = json_array();
    for (size_t b = 0; b < LS_BINS; b++) {
        const ls_bin bin = ls_calibration_bin(f, b);
        json_t *o = json_object();
        ls_json_set(&o, "above", json_real((double)b / (double)LS_BINS));
        ls_json_set(&o, "samples", count(bin.rows));
        ls_json_set(&o, "confidence", number(bin.confidence));
        ls_json_set(&o, "accuracy", number(bin.accuracy));
        ls_json_append(&list, o);
    }
    return list;
}

static json_t *threshold_to_json(const ls_evaluation *e) {
    const ls_best *best = &e->best;
    const double rows = ls_facts_rows(&e->facts);
    json_t *o = json_object();
    ls_json_set(&o, "criterion", json_string(best->criterion->name));
    ls_json_set(&o, "value", number(best->threshold));
    for (const ls_part_metric *m = ls_part_metrics; m->name != NULL; m++)
        if (m->of != NULL)
            ls_json_set(&o, m->name, number(m->of(&best->counts, rows)));
    ls_json_set(&o, "score", number(best->criterion->value(&best->counts, rows)));
    return o;
}

static json_t *to_json(const ls_evaluation *e) {
    const ls_facts *f = &e->facts;
    json_t *o = json_object();
    ls_json_set(&o, "split", json_string(e->split));
    ls_json_set(&o, "samples", json_integer((json_int_t)e->samples));
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++)
        if (ls_metric_applies(m, &f->problem))
            ls_json_set(&o, m->name, number(m->value(m, f)));
    ls_json_set(&o, "checkpoint", ls_json_text(e->checkpoint));
    ls_json_set(&o, "data", ls_json_text(e->data));
    if (e->best.criterion != NULL)
        ls_json_set(&o, "threshold", threshold_to_json(e));
    ls_json_set(&o, f->problem.kind & LS_FOR_CLASSES ? "per_class" : "per_output",
                parts_to_json(e));
    if (e->confusion != NULL)
        ls_json_set(&o, "confusion", confusion_to_json(e));
    if (f->problem.probabilities)
        ls_json_set(&o, "calibration", calibration_to_json(f));
    return o;
}

ls_status ls_evaluation_json(const ls_evaluation *e, ls_buffer *out) {
    json_t *o = to_json(e);
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(o);
    if (text == NULL)
        return ls_fail(LS_ERR_MEMORY, NULL, "out of memory");
    ls_buffer_add(out, text);
    ls_buffer_add(out, "\n");
    free(text);
    return out->status;
}
