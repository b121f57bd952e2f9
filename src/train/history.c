/* What a run tells of its epochs: metrics.jsonl for tools, a table for eyes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/optim/optimizer.h"
#include "run.h"

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *to_json(const ls_run *run, const ls_epoch_record *r) {
    const ls_trained *t = run->t;
    const ls_choice *optimizer = &t->config.optimizer;
    json_t *o = json_object();
    json_object_set_new(o, "epoch", json_integer((json_int_t)t->state.epoch));
    json_object_set_new(o, "step", json_integer((json_int_t)t->state.step));
    json_object_set_new(o, "train_loss", number(r->train_loss));
    if (t->target == LS_TARGET_CLASSES)
        json_object_set_new(o, "train_accuracy", number(r->train_accuracy));
    if (r->val_score != NULL)
        ls_metrics_to_json(t, r->val_score, run->spread, "val_", o);
    json_object_set_new(o, "lr",
                        number(ls_optimizer_type_of(optimizer)->learning_rate(optimizer->options)));
    json_object_set_new(o, "best", json_boolean(r->best));
    json_object_set_new(o, "seconds", number(r->seconds));
    json_object_set_new(o, "samples_per_s", number(r->rows_per_s));
    json_object_set_new(o, "steps_s", number(r->steps_s));
    json_object_set_new(o, "wait_s", number(r->wait_s));
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

/* The epoch of a line, or a number beyond all where it can not be read. */
static uint64_t epoch_of(const char *line, size_t length) {
    json_t *o = json_loadb(line, length, 0, NULL);
    json_t *epoch = json_object_get(o, "epoch");
    uint64_t n = json_is_integer(epoch) ? (uint64_t)json_integer_value(epoch) : UINT64_MAX;
    json_decref(o);
    return n;
}

ls_status ls_history_cut(const ls_run *run) {
    char *text = NULL;
    ls_buffer kept = {0};
    if (!ls_path_exists(run->dir.metrics))
        return LS_OK;
    LS_TRY(ls_read_file(run->dir.metrics, &text, NULL));
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        if (epoch_of(line, n) <= run->t->state.epoch) {
            ls_buffer_addn(&kept, line, n);
            ls_buffer_add(&kept, "\n");
        }
        line += n + (line[n] == '\n');
    }
    ls_status st = kept.status;
    if (st == LS_OK)
        st = ls_write_file(run->dir.metrics, kept.data != NULL ? kept.data : "", kept.length);
    ls_buffer_free(&kept);
    ls_free(text);
    return st;
}

void ls_history_header(const ls_run *run) {
    ls_buffer b = {0};
    ls_buffer_addf(&b, "%5s  %10s", "epoch", "train_loss");
    if (run->t->target == LS_TARGET_CLASSES)
        ls_buffer_addf(&b, "  %9s", "train_acc");
    for (const ls_metric *m = ls_metrics; run->val != NULL && m->name != NULL; m++)
        if (ls_metric_applies(m, run->t))
            ls_buffer_addf(&b, "  val_%-8s", m->name);
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
    for (const ls_metric *m = ls_metrics; r->val_score != NULL && m->name != NULL; m++)
        if (ls_metric_applies(m, run->t))
            ls_buffer_addf(&b, "  %-12.5g", m->value(run->t, r->val_score, run->spread));
    ls_buffer_addf(&b, "  %9s  %8s%s", ls_print_count((uint64_t)r->rows_per_s, rate),
                   ls_print_duration(r->seconds, time), r->best ? "  *" : "");
    if (b.status == LS_OK)
        ls_note(run->log, "%s", b.data);
    ls_buffer_free(&b);
}
