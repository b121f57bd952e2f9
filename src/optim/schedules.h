/* The rows of all schedules, and what several of them ask. */
#ifndef LS_OPTIM_SCHEDULES_H
#define LS_OPTIM_SCHEDULES_H

#include "lockstep/optim/schedule.h"

extern const ls_schedule_type ls_schedule_constant;
extern const ls_schedule_type ls_schedule_step;
extern const ls_schedule_type ls_schedule_exponential;
extern const ls_schedule_type ls_schedule_inverse_time;
extern const ls_schedule_type ls_schedule_polynomial;
extern const ls_schedule_type ls_schedule_cosine;
extern const ls_schedule_type ls_schedule_one_cycle;
extern const ls_schedule_type ls_schedule_plateau;

/* Epochs that are done. */
uint64_t ls_schedule_epoch(const ls_schedule_at *at);

/* The updates of so many epochs; LS_OPT_UNSET: of the whole training. */
uint64_t ls_schedule_length(const ls_schedule_at *at, int64_t epochs);

/* Half a period of the cosine, from `from` at share 0 to `to` at share 1. */
double ls_cosine_between(double from, double to, double share);

#endif
