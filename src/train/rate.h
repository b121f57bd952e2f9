/* The learning rate of a step: what schedule and warm-up make of the optimizer's.
 *
 * Why here: they know of updates and epochs as numbers only; a run knows how many there are. Never
 * updates a weight.
 */
#ifndef LS_TRAIN_RATE_H
#define LS_TRAIN_RATE_H

#include <stdbool.h>

#include "lockstep/base/status.h"
#include "lockstep/train/config.h"

struct ls_run;

/* The learning rate of the update that comes after state.step ones. The same on all ranks. */
double ls_rate_of_step(const struct ls_run *run);

/* Whether it is not the same in all of them. */
bool ls_rate_changes(const ls_config *config);

/* Of a run that is resumed: errors ERR_CONFIG where the stored config's schedule depends on
 * train.epochs and the new config, of the file at path, has another number. */
ls_status ls_rate_check_epochs(const ls_config *stored, const ls_config *config,
                               const char *path) LS_MUST_CHECK;

#endif
