/* plateau: reduced when a metric no longer improves, decided after every epoch, as PyTorch's
 * ReduceLROnPlateau with threshold_mode="abs" and eps=0: a value is an improvement if it is better
 * than the best one by more than min_delta; the reduction comes when more than `patience` epochs in
 * a row are none, of which those of the cooldown after a reduction do not count. After n reductions
 * the factor is factor^n, and the learning rate not below min_lr. */
#include <math.h>
#include <stddef.h>

#include "schedules.h"

typedef struct plateau_options {
    char *monitor;
    double factor, min_delta, min_lr;
    int64_t patience, cooldown;
} plateau_options;

static const ls_opt options[] = {
    {.key = "monitor",
     .kind = LS_OPT_STRING,
     .offset = offsetof(plateau_options, monitor),
     .fallback = "val_loss",
     .help = "metric that is watched: val_loss, val_accuracy, train_loss, ..."},
    {.key = "factor",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(plateau_options, factor),
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "what a reduction multiplies the learning rate by"},
    {.key = "patience",
     .kind = LS_OPT_INT,
     .offset = offsetof(plateau_options, patience),
     .fallback = "10",
     .min = 0,
     .max = 1 << 30,
     .help = "epochs without improvement that are let pass; the next one brings the reduction"},
    {.key = "min_delta",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(plateau_options, min_delta),
     .fallback = "1.0e-4",
     .min = 0,
     .max = 1e30,
     .help = "an improvement is a change by more than this, in units of the metric"},
    {.key = "cooldown",
     .kind = LS_OPT_INT,
     .offset = offsetof(plateau_options, cooldown),
     .fallback = "0",
     .min = 0,
     .max = 1 << 30,
     .help = "epochs after a reduction that do not count as without improvement"},
    {.key = "min_lr",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(plateau_options, min_lr),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "the learning rate is not reduced below this"},
    {.kind = LS_OPT_END},
};

static double factor(const void *opts, const ls_schedule_at *at) {
    const plateau_options *o = opts;
    const double reduced = pow(o->factor, (double)at->state->reductions);
    const double least = o->min_lr < at->lr ? o->min_lr / at->lr : 1;
    return at->lr > 0 && reduced < least ? least : reduced;
}

static const char *monitor(const void *opts) {
    return ((const plateau_options *)opts)->monitor;
}

static bool improves(const plateau_options *o, double value, bool higher_is_better,
                     const ls_schedule_state *s) {
    if (s->values == 0)
        return !isnan(value);
    return higher_is_better ? value > s->reference + o->min_delta
                            : value < s->reference - o->min_delta;
}

static void observe(const void *opts, double value, bool higher_is_better, ls_schedule_state *s) {
    const plateau_options *o = opts;
    if (improves(o, value, higher_is_better, s)) {
        s->reference = value;
        s->waited = 0;
    } else {
        s->waited++;
    }
    s->values += isnan(value) ? 0 : 1;
    if (s->cooldown > 0) {
        s->cooldown--;
        s->waited = 0;
    }
    if (s->waited > (uint64_t)o->patience) {
        s->reductions++;
        s->cooldown = (uint64_t)o->cooldown;
        s->waited = 0;
    }
}

const ls_schedule_type ls_schedule_plateau = {
    .row = {"plateau", "reduced when a metric no longer improves", options, sizeof(plateau_options),
            NULL},
    .factor = factor,
    .monitor = monitor,
    .observe = observe,
};
