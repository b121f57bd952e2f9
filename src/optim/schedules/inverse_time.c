/* inverse_time: 1 / (1 + decay t), t updates, as stochastic approximation asks for (Robbins and
 * Monro 1951; Bottou 2012, eq. 4.1): the sum of the rates diverges, that of their squares does
 * not. */
#include <stddef.h>

#include "schedules.h"

typedef struct inverse_time_options {
    double decay;
} inverse_time_options;

static const ls_opt options[] = {
    {.key = "decay",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(inverse_time_options, decay),
     .min = 0,
     .max = 1e6,
     .help = "after t updates the learning rate is divided by 1 + t times this"},
    {.kind = LS_OPT_END},
};

static double factor(const void *opts, const ls_schedule_at *at) {
    const inverse_time_options *o = opts;
    return 1 / (1 + o->decay * (double)at->update);
}

const ls_schedule_type ls_schedule_inverse_time = {
    .row = {"inverse_time", "reduced by the inverse of the number of updates", options,
            sizeof(inverse_time_options), "decay"},
    .factor = factor,
};
