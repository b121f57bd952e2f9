/* The small parts of a checkpoint: everything but weights and optimiser state. */
#ifndef LS_TRAIN_CHECKPOINT_PARTS_H
#define LS_TRAIN_CHECKPOINT_PARTS_H

#include "lockstep/format/h5.h"
#include "lockstep/train/trained.h"

ls_status ls_checkpoint_write_parts(ls_h5 *file, const ls_trained *t) LS_MUST_CHECK;

/* That it is a checkpoint in a version that is known, and not one that has lost its seal. */
ls_status ls_checkpoint_check_format(ls_h5 *file, bool unsealed) LS_MUST_CHECK;

/* Fills *t (config, names, transforms, split, state) and plans its model, as rank `rank` of `ranks`
 * holds it. */
ls_status ls_checkpoint_read_parts(ls_h5 *file, size_t ranks, size_t rank,
                                   ls_trained *t) LS_MUST_CHECK;

#endif
