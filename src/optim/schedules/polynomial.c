/* polynomial: final + (1 - final) (1 - t / T)^power, t updates of T, then final; as PyTorch's
 * PolynomialLR (whose final is 0) that steps with every batch. With power 1 it is linear. */
#include <math.h>
#include <stddef.h>

#include "schedules.h"

typedef struct polynomial_options {
    double power, final;
    int64_t epochs;
} polynomial_options;

static const ls_opt options[] = {
    {.key = "power",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(polynomial_options, power),
     .fallback = "1",
     .min = 0,
     .max = 1000,
     .flags = LS_OPT_ABOVE_MIN,
     .help = "1: a straight line; larger: fast at first"},
    {.key = "final",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(polynomial_options, final),
     .fallback = "0",
     .min = 0,
     .max = 1,
     .help = "share of the learning rate that it ends at"},
    {.key = "epochs",
     .kind = LS_OPT_INT,
     .offset = offsetof(polynomial_options, epochs),
     .fallback = "null",
     .min = 1,
     .max = 1 << 30,
     .help = "epochs until then; unset: train.epochs"},
    {.kind = LS_OPT_END},
};

static double factor(const void *opts, const ls_schedule_at *at) {
    const polynomial_options *o = opts;
    const uint64_t length = ls_schedule_length(at, o->epochs);
    if (at->update >= length)
        return o->final;
    const double left = 1 - (double)at->update / (double)length;
    return o->final + (1 - o->final) * pow(left, o->power);
}

static bool needs_epochs(const void *opts) {
    return ((const polynomial_options *)opts)->epochs == LS_OPT_UNSET;
}

const ls_schedule_type ls_schedule_polynomial = {
    .row = {"polynomial", "falls as a power of the updates that are left", options,
            sizeof(polynomial_options), "power"},
    .factor = factor,
    .needs_epochs = needs_epochs,
};
