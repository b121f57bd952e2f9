/* What a run tells of its epochs: metrics.jsonl for tools, a table for eyes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/json.h"
#include "run.h"

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

/* Whether a metric of the validation rows is told of every epoch, with these traits or as what
 * decides. */
static bool is_told(const ls_run *run, const ls_metric *m, unsigned traits) {
    const bool decides =
        m == run->monitor && strncmp(ls_trained_monitor(run->t), "val_", strlen("val_")) == 0;
    return ls_metric_applies(m, &run->problem) && (decides || (m->traits & traits) == traits);
}

static void add_validation(const ls_run *run, const ls_epoch_record *r, json_t **o) {
    for (const ls_metric *m = ls_metrics; r->val != NULL && m->name != NULL; m++) {
        char name[64];
        if (!is_told(run, m, LS_METRIC_EPOCHS))
            continue;
        snprintf(name, sizeof name, "val_%s", m->name);
        ls_json_set(o, name, number(m->value(m, r->val)));
    }
}

static json_t *to_json(const ls_run *run, const ls_epoch_record *r) {
    const ls_trained *t = run->t;
    json_t *o = json_object();
    ls_json_set(&o, "epoch", json_integer((json_int_t)t->state.epoch));
    ls_json_set(&o, "step", json_integer((json_int_t)t->state.step));
    ls_json_set(&o, "train_loss", number(r->train_loss));
    if (t->target == LS_TARGET_CLASSES)
        ls_json_set(&o, "train_accuracy", number(r->train_accuracy));
    add_validation(run, r, &o);
    ls_json_set(&o, "lr", number(r->lr));
    ls_diagnosis_to_json(run, &o);
    ls_json_set(&o, "best", json_boolean(r->best));
    ls_json_set(&o, "seconds", number(r->seconds));
    ls_json_set(&o, "samples_per_s", number(r->rows_per_s));
    ls_json_set(&o, "steps_s", number(r->steps_s));
    ls_json_set(&o, "wait_s", number(r->wait_s));
    if (run->rows_from.streamed)
        ls_json_set(&o, "read_wait_s", number(r->read_wait_s));
    return o;
}

ls_status ls_history_append(const ls_run *run, const ls_epoch_record *record) {
    json_t *o = to_json(run, record);
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(o);
    if (text == NULL)
        return ls_fail(LS_ERR_MEMORY, run->dir.metrics, "out of memory");
    FILE *f = fopen(run->dir.metrics, "a");
    bool failed = f == NULL || fprintf(f, "%s\n", text) < 0;
    failed = (f != NULL && fclose(f) != 0) || failed;
    free(text);
    return failed ? ls_fail_errno(LS_ERR_IO, run->dir.metrics, "write") : LS_OK;
}

/* Whether a line is of an epoch up to the one given; one that can not be read is not. */
static ls_status is_up_to(const char *line, size_t length, uint64_t last, bool *out) {
    json_error_t error = {0};
    json_t *o = json_loadb(line, length, 0, &error);
    if (o == NULL && json_error_code(&error) == json_error_out_of_memory)
        return ls_fail(LS_ERR_MEMORY, NULL, "out of memory");
    json_t *epoch = json_object_get(o, "epoch");
    *out = json_is_integer(epoch) && (uint64_t)json_integer_value(epoch) <= last;
    json_decref(o);
    return LS_OK;
}

static ls_status keep_lines(const char *text, uint64_t last, ls_buffer *kept) {
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        bool keep = false;
        LS_TRY(is_up_to(line, n, last, &keep));
        if (keep) {
            ls_buffer_addn(kept, line, n);
            ls_buffer_add(kept, "\n");
        }
        line += n + (line[n] == '\n');
    }
    return kept->status;
}

ls_status ls_history_cut(const ls_run *run) {
    char *text = NULL;
    ls_buffer kept = {0};
    if (!ls_path_exists(run->dir.metrics))
        return LS_OK;
    LS_TRY(ls_read_file(run->dir.metrics, &text, NULL));
    ls_status st = ls_fail_in(keep_lines(text, run->t->state.epoch, &kept), run->dir.metrics);
    if (st == LS_OK)
        st = ls_write_file(run->dir.metrics, kept.data != NULL ? kept.data : "", kept.length);
    ls_buffer_free(&kept);
    ls_free(text);
    return st;
}

/* Of "val_" and the name, at least 12. */
static int column_width(const ls_metric *m) {
    const size_t name = strlen(m->name);
    return (int)strlen("val_") + (name > 8 ? (int)name : 8);
}

static void print_value(ls_buffer *b, int width, double value) {
    if (isnan(value))
        ls_buffer_addf(b, "  %-*s", width, "-");
    else
        ls_buffer_addf(b, "  %-*.5g", width, value);
}

void ls_history_header(const ls_run *run) {
    ls_buffer b = {0};
    ls_buffer_addf(&b, "%5s  %10s", "epoch", "train_loss");
    if (run->t->target == LS_TARGET_CLASSES)
        ls_buffer_addf(&b, "  %9s", "train_acc");
    for (const ls_metric *m = ls_metrics; run->val != NULL && m->name != NULL; m++)
        if (is_told(run, m, LS_METRIC_SCREEN))
            ls_buffer_addf(&b, "  val_%-8s", m->name);
    if (ls_rate_changes(&run->t->config))
        ls_buffer_addf(&b, "  %9s", "lr");
    ls_buffer_addf(&b, "  %9s  %8s", "samples/s", "time");
    if (b.status == LS_OK)
        ls_note(run->log, "%s", b.data);
    ls_buffer_free(&b);
}

void ls_history_print(const ls_run *run, const ls_epoch_record *r) {
    ls_buffer b = {0};
    char rate[32], time[32];
    ls_buffer_addf(&b, "%5llu  %10.5g", (unsigned long long)run->t->state.epoch, r->train_loss);
    if (run->t->target == LS_TARGET_CLASSES)
        ls_buffer_addf(&b, "  %9.4f", r->train_accuracy);
    for (const ls_metric *m = ls_metrics; r->val != NULL && m->name != NULL; m++)
        if (is_told(run, m, LS_METRIC_SCREEN))
            print_value(&b, column_width(m), m->value(m, r->val));
    if (ls_rate_changes(&run->t->config))
        ls_buffer_addf(&b, "  %9.3g", r->lr);
    ls_buffer_addf(&b, "  %9s  %8s%s", ls_print_count((uint64_t)r->rows_per_s, rate),
                   ls_print_duration(r->seconds, time), r->best ? "  *" : "");
    if (b.status == LS_OK)
        ls_note(run->log, "%s", b.data);
    ls_buffer_free(&b);
}
