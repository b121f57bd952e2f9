/* An assessment: what a model's predictions are worth on the rows of blocks.
 *
 * Every rank passes its blocks forward. Sums go over blocks in a tree; predicted classes of all
 * rows come to all ranks, which count them; where metrics need all predictions they come one column
 * at a time, in file order, and every rank measures its share of the columns. So no number depends
 * on the ranks, and the room is 4 bytes a row beside a rank's own predictions.
 *
 * Why here: validation and evaluation judge alike. Never updates a model, never writes a file.
 */
#ifndef LS_TRAIN_ASSESS_H
#define LS_TRAIN_ASSESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blocks.h"
#include "lockstep/comm/comm.h"
#include "lockstep/metrics/metrics.h"
#include "lockstep/train/trained.h"

typedef struct ls_assessment ls_assessment;

/* Of the blocks of the dataset's rows row[0..n), which must outlive it. columns: metrics that need
 * all predictions are wanted. Collective. Errors: ERR_MEMORY, ERR_DATA, agreed. */
ls_status ls_assessment_create(ls_comm *comm, const ls_trained *t, const ls_dataset *ds,
                               const size_t *row, size_t n, ls_blocks *blocks, bool columns,
                               ls_assessment **out) LS_MUST_CHECK;
void ls_assessment_destroy(ls_assessment *a);

/* Who wants to see what the layers make of each block of this rank: called after its pass. */
typedef void ls_block_look(void *context, const ls_activations *activations, size_t rows);
void ls_assessment_look(ls_assessment *a, ls_block_look *look, void *context);

/* *facts of the model as it is, the same on all ranks; they live until the next call. Allocates
 * nothing. Collective. Errors: ERR_DATA, agreed. */
ls_status ls_assess(ls_comm *comm, ls_assessment *a, const ls_facts **facts) LS_MUST_CHECK;

/* The predicted classes of all rows [n]; of classes, after ls_assess. */
const int32_t *ls_assessment_classes(const ls_assessment *a);

/* Column j of the predictions of all rows, *p[n] until the next call, and of the targets, in the
 * room that is returned. Needs: created with columns, assessed. Collective. */
ls_status ls_assessment_column(ls_comm *comm, ls_assessment *a, size_t j, const float **p,
                               ls_column_room **room) LS_MUST_CHECK;

#endif
