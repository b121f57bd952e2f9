/* The metrics that a run watches: what the best epoch is told by, and what a schedule goes by. */
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/split.h"
#include "run.h"

/* What is known of the training rows, too. */
static bool is_in_training(const ls_metric *m) {
    return strcmp(m->name, "loss") == 0 || strcmp(m->name, "accuracy") == 0;
}

/* All that can be monitored, for the part that it is of. */
static ls_status list_monitors(const ls_problem *problem, ls_strings *names) {
    char name[64];
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++) {
        if (!ls_metric_applies(m, problem))
            continue;
        snprintf(name, sizeof name, "val_%s", m->name);
        LS_TRY(ls_strings_add(names, name));
        snprintf(name, sizeof name, "train_%s", m->name);
        if (is_in_training(m))
            LS_TRY(ls_strings_add(names, name));
    }
    return LS_OK;
}

/* section: what monitors. */
static ls_status fail_monitor(const ls_run *run, const char *section, const char *monitor) {
    ls_strings names = {0};
    const char **name = NULL;
    ls_status st = list_monitors(&run->problem, &names);
    if (st == LS_OK)
        st = ls_alloc(names.count, sizeof *name, "names", &name);
    for (size_t i = 0; st == LS_OK && i < names.count; i++)
        name[i] = ls_strings_at(&names, i);
    if (st == LS_OK)
        st = ls_hint_nearest(ls_fail(LS_ERR_CONFIG, NULL,
                                     "%s.monitor: '%s' is no metric of this run", section, monitor),
                             monitor, name, names.count, "its metrics");
    ls_free(name);
    ls_strings_free(&names);
    return st;
}

/* "val_loss" and the like: a metric of the part that it names. */
static ls_status find_monitor(const ls_run *run, const char *section, const char *monitor,
                              const ls_metric **out) {
    bool val = strncmp(monitor, "val_", 4) == 0, train = strncmp(monitor, "train_", 6) == 0;
    const char *name = val ? monitor + 4 : train ? monitor + 6 : monitor;
    *out = val || train ? ls_metric_find(&run->problem, name) : NULL;
    if (*out == NULL || (train && !is_in_training(*out)))
        return fail_monitor(run, section, monitor);
    return LS_OK;
}

/* Something depends on the metric. */
static ls_status check_rows(const ls_run *run, const char *section, const char *monitor) {
    if (strncmp(monitor, "val_", 4) != 0 || run->n_rows[LS_SPLIT_VAL] > 0)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_DATA, run->ds->path,
                           "the validation part is empty, but %s watches %s", section, monitor),
                   "give data.split a val share, or watch train_loss");
}

ls_status ls_run_find_monitors(ls_run *run) {
    static const char stopping[] = "train.early_stopping", schedule[] = "schedule.plateau";
    const ls_config *c = &run->t->config;
    const char *monitor = c->train.early_stopping.monitor;
    const char *watched = ls_schedule_monitor(&c->schedule);
    run->problem = ls_problem_of(run->t, run->ds);
    LS_TRY(find_monitor(run, stopping, monitor, &run->monitor));
    LS_TRY(find_monitor(run, stopping, ls_trained_monitor(run->t), &run->monitor));
    if (c->train.early_stopping.given)
        LS_TRY(check_rows(run, stopping, monitor));
    if (watched == NULL)
        return LS_OK;
    LS_TRY(find_monitor(run, schedule, watched, &run->watched));
    return check_rows(run, schedule, watched);
}
