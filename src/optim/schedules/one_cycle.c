/* one_cycle (Smith and Topin 2019): up to the optimizer's learning rate, then down far below where
 * it began, by half cosines, over the whole training and with every update; as PyTorch's OneCycleLR
 * with cosine annealing and cycle_momentum=False. Of T updates the first pct_start T go up: from
 * 1 / div_factor at update 0 to 1 at update pct_start T - 1; the last one, T - 1, has
 * 1 / (div_factor final_div_factor). */
#include <stddef.h>

#include "schedules.h"

typedef struct one_cycle_options {
    double pct_start, div_factor, final_div_factor;
} one_cycle_options;

static const ls_opt options[] = {
    {.key = "pct_start",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(one_cycle_options, pct_start),
     .fallback = "0.3",
     .min = 0,
     .max = 1,
     .help = "share of the updates in which the learning rate rises"},
    {.key = "div_factor",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(one_cycle_options, div_factor),
     .fallback = "25",
     .min = 1,
     .max = 1e12,
     .help = "it begins at the optimizer's learning rate divided by this"},
    {.key = "final_div_factor",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(one_cycle_options, final_div_factor),
     .fallback = "10000",
     .min = 1,
     .max = 1e12,
     .help = "it ends at what it began with divided by this"},
    {.kind = LS_OPT_END},
};

static double factor(const void *opts, const ls_schedule_at *at) {
    const one_cycle_options *o = opts;
    const double begin = 1 / o->div_factor, end = begin / o->final_div_factor;
    const double total = (double)ls_schedule_length(at, LS_OPT_UNSET), t = (double)at->update;
    const double top = o->pct_start * total - 1, last = total - 1;
    if (t >= last)
        return top >= last ? 1 : end;
    return t < top ? ls_cosine_between(begin, 1, t / top)
                   : ls_cosine_between(1, end, (t - top) / (last - top));
}

static bool needs_epochs(const void *opts) {
    (void)opts;
    return true;
}

const ls_schedule_type ls_schedule_one_cycle = {
    .row = {"one_cycle", "rises to the learning rate, then falls far below its begin", options,
            sizeof(one_cycle_options), NULL},
    .factor = factor,
    .needs_epochs = needs_epochs,
};
