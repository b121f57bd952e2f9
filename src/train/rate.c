/* Learning rates of a run. Why here: see rate.h. */
#include "rate.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/optim/optimizer.h"
#include "run.h"

double ls_rate_of_step(const ls_run *run) {
    const ls_config *c = &run->t->config;
    const ls_train_state *state = &run->t->state;
    const double lr = ls_optimizer_type_of(&c->optimizer)->learning_rate(c->optimizer.options);
    const ls_schedule_at at = {.update = state->step,
                               .epoch_steps = ls_updates_of_epoch(run),
                               .epochs = (uint64_t)c->train.epochs,
                               .lr = lr,
                               .state = &state->schedule};
    return lr * ls_schedule_factor(&c->schedule, &at) * ls_warmup_factor(&c->warmup, &at);
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
