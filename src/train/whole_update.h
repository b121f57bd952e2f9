/* Updates that wait for the whole gradient. Why here: see updates.h. */
#ifndef LS_TRAIN_WHOLE_UPDATE_H
#define LS_TRAIN_WHOLE_UPDATE_H

#include "updates.h"

/* Blocks that the squares of the spread layer's floats are added up in, over all ranks: its strips
 * of outputs in each block of columns, whatever the number of ranks. */
size_t ls_whole_spread_blocks(const ls_run *run);

/* The blocks of the shared floats that a rank owns. */
ls_tree_range ls_whole_own_blocks(const ls_run *run, int rank);

/* Updates all weights from the gradients that are stored, and gives those that all ranks have alike
 * to all. Collective. Errors: those of communication, agreed. */
ls_status ls_whole_update(ls_run *run, const ls_update_step *begun) LS_MUST_CHECK;

#endif
