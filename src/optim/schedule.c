/* The table of schedules, and what is asked of the one that was chosen. */
#include <math.h>
#include <stddef.h>

#include "schedules.h"

static const ls_opt_row *const rows[] = {
    &ls_schedule_constant.row,     &ls_schedule_step.row,       &ls_schedule_exponential.row,
    &ls_schedule_inverse_time.row, &ls_schedule_polynomial.row, &ls_schedule_cosine.row,
    &ls_schedule_one_cycle.row,    &ls_schedule_plateau.row,    NULL,
};

const ls_opt_choices ls_schedule_choices = {.what = "schedule", .rows = rows};

const ls_schedule_type *ls_schedule_type_of(const ls_choice *schedule) {
    return (const ls_schedule_type *)schedule->row; /* the row is the first member */
}

double ls_schedule_factor(const ls_choice *schedule, const ls_schedule_at *at) {
    return ls_schedule_type_of(schedule)->factor(schedule->options, at);
}

bool ls_schedule_needs_epochs(const ls_choice *schedule) {
    const ls_schedule_type *type = ls_schedule_type_of(schedule);
    return type->needs_epochs != NULL && type->needs_epochs(schedule->options);
}

const char *ls_schedule_monitor(const ls_choice *schedule) {
    const ls_schedule_type *type = ls_schedule_type_of(schedule);
    return type->monitor != NULL ? type->monitor(schedule->options) : NULL;
}

void ls_schedule_observe(const ls_choice *schedule, double value, bool higher_is_better,
                         ls_schedule_state *state) {
    const ls_schedule_type *type = ls_schedule_type_of(schedule);
    if (type->observe != NULL)
        type->observe(schedule->options, value, higher_is_better, state);
}

uint64_t ls_schedule_epoch(const ls_schedule_at *at) {
    return at->update / at->epoch_steps;
}

uint64_t ls_schedule_length(const ls_schedule_at *at, int64_t epochs) {
    return at->epoch_steps * (epochs == LS_OPT_UNSET ? at->epochs : (uint64_t)epochs);
}

double ls_cosine_between(double from, double to, double share) {
    const double pi = 3.14159265358979323846;
    return to + (from - to) * (1 + cos(pi * share)) / 2;
}
