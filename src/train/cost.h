/* What a step of a run takes: floating-point operations, bytes and weights.
 *
 * Why here: what a dry run predicts and what benchmarks set their times beside are the same
 * figures. Never takes a time.
 */
#ifndef LS_TRAIN_COST_H
#define LS_TRAIN_COST_H

#include "lockstep/train/measure.h"
#include "run.h"

/* All but `sent` of a run that is prepared and whose exchange is planned. Not collective. */
void ls_step_cost(const ls_run *run, ls_step_facts *out);

/* A sum and a gathering as in a step, but for nobody: no weight changes. Collective. */
void ls_step_exchange(ls_exchange *ex);

#endif
