/* Saves a run's state: at once, or from a copy by a thread while training goes on.
 *
 * Why here: a wide model's checkpoint takes seconds to reach the disk. The thread sees the copy and
 * the run directory only, and never communicates; one checkpoint is written at a time.
 */
#ifndef LS_TRAIN_SAVER_H
#define LS_TRAIN_SAVER_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"

typedef struct ls_saver ls_saver;
struct ls_run;

/* Allocates; rank 0 also the copy, unless the config says no or the memory is not there.
 * Collective. Errors: ERR_MEMORY. */
ls_status ls_saver_create(struct ls_run *run, ls_saver **out) LS_MUST_CHECK;

/* Waits for the thread and frees; what it failed at is lost. */
void ls_saver_destroy(ls_saver *s);

/* Saves the run's present state as last.h5, with `best` as best.h5 too. Returns when it is on disk,
 * or in the copy: then a failure to write it comes back from the next call. Collective. Errors:
 * ERR_IO. */
ls_status ls_saver_save(ls_saver *s, bool best) LS_MUST_CHECK;

/* Returns when everything is on disk. Collective. Errors: ERR_IO. */
ls_status ls_saver_finish(ls_saver *s) LS_MUST_CHECK;

/* How long the last checkpoint took, and the clock when it was begun or, before the first, when the
 * saver was made. Rank 0's; not collective. */
double ls_saver_seconds(const ls_saver *s);
double ls_saver_last_begin(const ls_saver *s);

/* Bytes of rank 0's copy. Not collective. */
size_t ls_saver_copy_bytes(const struct ls_run *run);

#endif
