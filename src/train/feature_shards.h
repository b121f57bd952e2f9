/* The front of a model whose input columns are spread over the ranks (strategy `features`).
 *
 * The columns are cut into fixed blocks, and a rank holds whole, consecutive blocks of them: of X
 * for all rows, and of the first dense layer's weights. Forward, every rank forms the products of
 * its blocks for the rows of all ranks; they are summed over the blocks in tree order while they go
 * to the rank that goes on with these rows. Backward, the gradients of all rows come back to all
 * ranks, and each forms that of its own weights, which never travel.
 *
 * Why here: training, validation and prediction put rows through it alike. Knows nothing of what
 * lies behind the first dense layer.
 */
#ifndef LS_TRAIN_FEATURE_SHARDS_H
#define LS_TRAIN_FEATURE_SHARDS_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/comm/comm.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/math/gemm.h"
#include "lockstep/train/trained.h"

typedef struct ls_features ls_features;

/* rows[r] are the rows that rank r goes on with: consecutive ranges from 0 on, of which the last
 * one's end is the size of a batch. training: a gradient will be wanted. Collective. Errors:
 * ERR_MEMORY, agreed. */
ls_status ls_features_create(ls_comm *comm, const ls_trained *t, const ls_tree_range *rows,
                             bool training, ls_features **out) LS_MUST_CHECK;
void ls_features_destroy(ls_features *f);

/* Why the ranks of a machine share no memory, see ls_exchange_allocate; else NULL. */
const char *ls_features_messages_why(const ls_features *f);

/* x[all rows, columns of this rank], for the caller to fill before a pass; a row that is not used
 * in this pass holds any finite numbers, 0 in training. */
float *ls_features_x(ls_features *f);

/* [rows of this rank, units], the first dense layer's output, until the next call; of pass the rows
 * are not used, and position [all rows] in training only. Collective. */
const float *ls_features_forward(ls_features *f, const ls_pass *pass);

/* The gradient of y, for the caller to fill: 0 for rows that were not used. */
float *ls_features_dy(ls_features *f);

/* Forms the gradient of the weights, dw[units, columns of this rank]; `use` gets it tile by tile,
 * see math/gemm.h, and may change the weights, which are not needed any more. Collective. */
void ls_features_backward(ls_features *f, ls_tile_use *use, void *context);

/* That of y's sums and its gradient, to be measured. */
ls_exchange *ls_features_exchange(const ls_features *f);

/* *bytes = what ls_features_create would take on this rank, *sent = what it would send in a step.
 * Arguments as there. Collective. Errors: ERR_MEMORY, agreed. */
ls_status ls_features_plan(ls_comm *comm, const ls_trained *t, const ls_tree_range *rows,
                           bool training, size_t *bytes, size_t *sent) LS_MUST_CHECK;

#endif
