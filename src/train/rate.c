/* Learning rates of a run. Why here: see rate.h. */
#include "rate.h"

#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/optim/optimizer.h"
#include "lockstep/optim/schedule.h"
#include "run.h"

double ls_rate_of_step(const ls_run *run) {
    const ls_config *c = &run->t->config;
    const ls_config_warmup *w = &c->warmup;
    const ls_train_state *state = &run->t->state;
    const size_t epoch_steps = ls_sampler_steps(run->sampler);
    const double lr = ls_optimizer_type_of(&c->optimizer)->learning_rate(c->optimizer.options);
    const ls_schedule_at at = {.update = state->step,
                               .epoch_steps = epoch_steps,
                               .epochs = (uint64_t)c->train.epochs,
                               .lr = lr,
                               .state = &state->schedule};
    const double scheduled = lr * ls_schedule_factor(&c->schedule, &at);
    if (!w->given)
        return scheduled;
    const double length = isnan(w->epochs) ? (double)w->steps : w->epochs * (double)epoch_steps;
    return scheduled * ls_warmup_factor(length, w->from, state->step);
}

bool ls_rate_changes(const ls_config *c) {
    return c->warmup.given || strcmp(c->schedule.row->name, "constant") != 0;
}

ls_status ls_rate_check_epochs(const ls_config *stored, const ls_config *config, const char *path) {
    if (stored->train.epochs == config->train.epochs ||
        !ls_schedule_needs_epochs(&stored->schedule))
        return LS_OK;
    return ls_hint(
        ls_fail(LS_ERR_CONFIG, path, "train.epochs differs from the run that is resumed"),
        "its schedule (%s) depends on them: set train.epochs to %lld again, or start anew "
        "with --overwrite or another --run-dir",
        stored->schedule.row->name, (long long)stored->train.epochs);
}
