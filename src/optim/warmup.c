/* Linear warm-up (Goyal et al. 2017), in front of any schedule: it multiplies what the schedule
 * gives, which counts its updates from the same begin. */
#include <math.h>
#include <stddef.h>

#include "lockstep/base/error.h"
#include "lockstep/optim/schedule.h"

const ls_opt ls_warmup_options[] = {
    {.kind = LS_OPT_GIVEN, .offset = offsetof(ls_warmup, given)},
    {.key = "steps",
     .kind = LS_OPT_INT,
     .offset = offsetof(ls_warmup, steps),
     .fallback = "null",
     .min = 1,
     .max = 1 << 30,
     .help = "updates until the learning rate is whole; unset: epochs says it"},
    {.key = "epochs",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_warmup, epochs),
     .fallback = "null",
     .max = 1e9,
     .flags = LS_OPT_ABOVE_MIN,
     .help = "epochs until then, not only whole ones; unset: steps says it"},
    {.key = "from",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_warmup, from),
     .fallback = "0.1",
     .max = 1,
     .help = "share of the learning rate that the first update has"},
    {.kind = LS_OPT_END},
};

ls_status ls_warmup_check(const ls_warmup *w, const char *where) {
    if (!w->given || (w->steps == LS_OPT_UNSET) != isnan(w->epochs))
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_CONFIG, where, "warmup: %s",
                           isnan(w->epochs) ? "it has no length" : "steps and epochs are given"),
                   "give either warmup.steps (updates) or warmup.epochs");
}

double ls_warmup_factor(const ls_warmup *w, const ls_schedule_at *at) {
    const double length = isnan(w->epochs) ? (double)w->steps : w->epochs * (double)at->epoch_steps;
    const double done = (double)at->update;
    return w->given && done < length ? w->from + (1 - w->from) * (done / length) : 1;
}
