/* Whether the ranks' weights are still the same.
 *
 * Why here: all ranks hold what lockstep gives as one result, and what is wrong on one of them
 * would otherwise be noticed by nobody: a bit that memory, a processor or the network has turned.
 * Steps compare now and then, along with their message (step.c); loop.c compares before a
 * checkpoint is written and at the end of every epoch. Never compares weights that are spread over
 * the ranks.
 */
#ifndef LS_TRAIN_SAME_WEIGHTS_H
#define LS_TRAIN_SAME_WEIGHTS_H

#include "run.h"

/* Whether the step that comes compares: parallel.check_every. */
bool ls_same_weights_due(const ls_run *run);

/* Of the weights that all ranks have alike, as a whole number that a double holds. The weights must
 * be settled. */
double ls_same_weights_sum(const ls_run *run);

/* The error of a rank whose sum is not that of rank 0. */
ls_status ls_same_weights_fail(const ls_run *run, int rank) LS_MUST_CHECK;

/* Compares, between steps. Collective. Errors: ERR_RUNTIME, the same on all ranks. */
ls_status ls_same_weights_check(const ls_run *run) LS_MUST_CHECK;

#endif
