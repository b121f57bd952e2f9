/* exponential: factor^epoch, by epoch, as PyTorch's ExponentialLR. */
#include <math.h>
#include <stddef.h>

#include "schedules.h"

typedef struct exponential_options {
    double factor;
} exponential_options;

static const ls_opt options[] = {
    {.key = "factor",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(exponential_options, factor),
     .min = 0,
     .max = 1,
     .help = "what every epoch multiplies the learning rate by"},
    {.kind = LS_OPT_END},
};

static double factor(const void *opts, const ls_schedule_at *at) {
    const exponential_options *o = opts;
    return pow(o->factor, (double)ls_schedule_epoch(at));
}

const ls_schedule_type ls_schedule_exponential = {
    .row = {"exponential", "reduced after every epoch by the same factor", options,
            sizeof(exponential_options), "factor"},
    .factor = factor,
};
