/* Schedules: what the learning rate is multiplied by, update by update.
 *
 * A factor follows from where training stands alone, so that a run that is resumed goes on with
 * the rates of one that was never stopped. Updates are counted from 0: the first one has the
 * factor of update 0. Some schedules change with every update, some with every epoch, as each is
 * usually written; its file says which. One (plateau) looks at what a metric has done, too: what
 * it knows of that is a few numbers, which belong to the state of training.
 *
 * Why here: adding a schedule is one file in src/optim/schedules and one row in
 * src/optim/schedule.c. Never sees a rank, a file, or how a metric is computed.
 */
#ifndef LS_OPTIM_SCHEDULE_H
#define LS_OPTIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "lockstep/opt/options.h"

/* What a schedule that watches a metric knows of it; all 0 before the first value. */
typedef struct ls_schedule_state {
    uint64_t values;     /* that it has seen */
    uint64_t reductions; /* of the learning rate so far */
    uint64_t waited;     /* epochs since the last improvement */
    uint64_t cooldown;   /* epochs that are not counted, still to come */
    double reference;    /* the value that improvement is counted from */
} ls_schedule_state;

/* Where training stands. */
typedef struct ls_schedule_at {
    uint64_t update;      /* from 0 */
    uint64_t epoch_steps; /* updates an epoch, at least 1 */
    uint64_t epochs;      /* of the whole training */
    double lr;            /* the optimizer's, which is multiplied */
    const ls_schedule_state *state;
} ls_schedule_at;

typedef struct ls_schedule_type {
    ls_opt_row row;
    double (*factor)(const void *options, const ls_schedule_at *at);
    /* Whether the factor depends on at->epochs. NULL: it does not. */
    bool (*needs_epochs)(const void *options);
    /* Of a schedule that watches a metric: its name (val_loss), and what a new value of it, told
     * after every epoch, makes of the state; NAN: it has none. Else both NULL. */
    const char *(*monitor)(const void *options);
    void (*observe)(const void *options, double value, bool higher_is_better,
                    ls_schedule_state *state);
} ls_schedule_type;

/* constant, step, exponential, inverse_time, polynomial, cosine, one_cycle, plateau. */
extern const ls_opt_choices ls_schedule_choices;

const ls_schedule_type *ls_schedule_type_of(const ls_choice *schedule);

/* What the learning rate is multiplied by. */
double ls_schedule_factor(const ls_choice *schedule, const ls_schedule_at *at);

/* Whether at->epochs decides it. */
bool ls_schedule_needs_epochs(const ls_choice *schedule);

/* The metric that it watches, or NULL. */
const char *ls_schedule_monitor(const ls_choice *schedule);

/* The value of that metric at an epoch's end. */
void ls_schedule_observe(const ls_choice *schedule, double value, bool higher_is_better,
                         ls_schedule_state *state);

/* How the learning rate rises at the begin. */
typedef struct ls_warmup {
    bool given;
    int64_t steps; /* LS_OPT_UNSET: epochs says it */
    double epochs; /* NAN: steps says it */
    double from;
} ls_warmup;

extern const ls_opt ls_warmup_options[];

/* Errors: ERR_CONFIG: it has no length, or two; where names the config. */
ls_status ls_warmup_check(const ls_warmup *warmup, const char *where) LS_MUST_CHECK;

/* What multiplies the schedule's factor: from `from` at update 0 in a straight line to 1 at the
 * update where the warm-up ends, which need not be a whole number, as PyTorch's LinearLR. */
double ls_warmup_factor(const ls_warmup *warmup, const ls_schedule_at *at);

#endif
