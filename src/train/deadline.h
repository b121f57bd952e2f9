/* When training must stop by itself: --time-limit, or the end that Slurm has set.
 *
 * Why here: a batch system kills without asking; a checkpoint in time saves the work since the last
 * one. Rank 0 looks, the step's message tells the others. Never ends anything itself.
 */
#ifndef LS_TRAIN_DEADLINE_H
#define LS_TRAIN_DEADLINE_H

#include <stdbool.h>

#include "lockstep/base/log.h"

typedef struct ls_deadline {
    double at;     /* clock, seconds; 0: none */
    double looked; /* when it was asked last; 0: not yet */
    double gap_s;  /* the longest time between two questions */
    bool was_near;
} ls_deadline;

/* The earlier of began + limit_s (0: no limit) and the end of the Slurm job that this process is
 * in, if any; says which. */
ls_deadline ls_deadline_find(ls_log *log, double began, double limit_s);

/* Whether there is no more time than a checkpoint (it took checkpoint_s the last time) and the next
 * question may need. */
bool ls_deadline_is_near(ls_deadline *d, double checkpoint_s);

#endif
