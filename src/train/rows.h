/* Where the rows of a step come from: this rank's shard in memory, or the file, as a stream.
 *
 * Why here: the choice between them, and all that is different after it, is in one place; a step
 * asks for rows and does not know. Never changes the order of rows, so never a result.
 */
#ifndef LS_TRAIN_ROWS_H
#define LS_TRAIN_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/data/dataset.h"
#include "lockstep/data/loader.h"
#include "lockstep/data/stream.h"

struct ls_run;

typedef struct ls_rows {
    bool streamed;    /* the same on all ranks */
    double limit;     /* bytes that this rank's rows may take where that was looked at */
    ls_status status; /* of the last step's rows, this rank's alone */
    double wait_s;    /* for rows that were not read yet, of this epoch's steps */

    /* With streamed: */
    ls_dataset *ds; /* the file once more: a thread reads it */
    ls_loader *loader;
    size_t *row;   /* [slots] of the dataset */
    uint64_t *sum; /* [slots] what each row was when the run began */
    ls_stream *stream;
} ls_rows;

/* Decides about run->rows_from.streamed, as data.memory says. Collective. Errors: ERR_MEMORY;
 * ERR_CONFIG: they do not fit where they must. */
ls_status ls_rows_choose(struct ls_run *run) LS_MUST_CHECK;

/* Bytes that this rank's training rows take in memory. */
double ls_rows_bytes(const struct ls_run *run);

/* Reads this rank's rows in one pass: for training row[0..n) of the dataset in ascending order,
 * which belong to slot[i], and those of run->val. Into the shard and the blocks, or for a stream
 * once, to check them all and to know them again. Not collective. Errors: those of
 * ls_loader_read. */
ls_status ls_rows_load(struct ls_run *run, const size_t *row, const size_t *slot,
                       size_t n) LS_MUST_CHECK;

/* Begins to read for the step that comes next. Not collective. */
ls_status ls_rows_start(struct ls_run *run) LS_MUST_CHECK;

/* out[i, :] = the row of slot[i] for the step that comes next; where that fails out is as it was,
 * and rows_from.status tells: the other ranks count on this one until the step's end. */
void ls_rows_gather(struct ls_run *run, const size_t *slot, size_t n, float *out);

/* Appends to a plan where the rows will be. */
void ls_rows_plan(const struct ls_run *run, ls_buffer *out);

void ls_rows_free(ls_rows *rows);

#endif
