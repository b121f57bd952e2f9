/* step: factor^floor(epoch / every), by epoch, as PyTorch's StepLR. */
#include <math.h>
#include <stddef.h>

#include "schedules.h"

typedef struct step_options {
    int64_t every;
    double factor;
} step_options;

static const ls_opt options[] = {
    {.key = "every",
     .kind = LS_OPT_INT,
     .offset = offsetof(step_options, every),
     .min = 1,
     .max = 1 << 30,
     .help = "epochs between reductions"},
    {.key = "factor",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(step_options, factor),
     .fallback = "0.1",
     .min = 0,
     .max = 1,
     .help = "what a reduction multiplies the learning rate by"},
    {.kind = LS_OPT_END},
};

static double factor(const void *opts, const ls_schedule_at *at) {
    const step_options *o = opts;
    const uint64_t reductions = ls_schedule_epoch(at) / (uint64_t)o->every;
    return pow(o->factor, (double)reductions);
}

const ls_schedule_type ls_schedule_step = {
    .row = {"step", "reduced after every so many epochs", options, sizeof(step_options), "every"},
    .factor = factor,
};
