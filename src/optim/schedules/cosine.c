/* cosine: final + (1 - final) (1 + cos(pi t / T)) / 2, t updates into a period of T, then from
 * the start again (warm restart) with a period `multiplier` times as long: Loshchilov and Hutter
 * 2017 (SGDR), eq. 5; as PyTorch's CosineAnnealingWarmRestarts that steps with every batch.
 * Periods are whole numbers of updates, so that a restart is at its very update. */
#include <stddef.h>

#include "schedules.h"

typedef struct cosine_options {
    int64_t epochs, multiplier;
    double final;
} cosine_options;

static const ls_opt options[] = {
    {.key = "epochs",
     .kind = LS_OPT_INT,
     .offset = offsetof(cosine_options, epochs),
     .fallback = "null",
     .min = 1,
     .max = 1 << 30,
     .help = "epochs of the first period; unset: train.epochs, without a restart"},
    {.key = "multiplier",
     .kind = LS_OPT_INT,
     .offset = offsetof(cosine_options, multiplier),
     .fallback = "1",
     .min = 1,
     .max = 16,
     .help = "a period is so many times as long as the one before"},
    {.key = "final",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(cosine_options, final),
     .fallback = "0",
     .min = 0,
     .max = 1,
     .help = "share of the learning rate that a period ends at"},
    {.kind = LS_OPT_END},
};

static double factor(const void *opts, const ls_schedule_at *at) {
    const cosine_options *o = opts;
    uint64_t period = ls_schedule_length(at, o->epochs), t = at->update;
    if (o->multiplier == 1)
        t %= period;
    for (; t >= period; period *= (uint64_t)o->multiplier)
        t -= period;
    return ls_cosine_between(1, o->final, (double)t / (double)period);
}

static bool needs_epochs(const void *opts) {
    return ((const cosine_options *)opts)->epochs == LS_OPT_UNSET;
}

const ls_schedule_type ls_schedule_cosine = {
    .row = {"cosine", "falls as half a cosine, with warm restarts", options, sizeof(cosine_options),
            "epochs"},
    .factor = factor,
    .needs_epochs = needs_epochs,
};
