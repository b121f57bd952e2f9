/* Forward passes over chosen rows of a dataset in fixed blocks, spread over the ranks.
 *
 * Blocks of LS_BLOCK_ROWS rows in file order; rank r takes a consecutive share of them, so that
 * what a block gives does not depend on the ranks. With strategy features all ranks work on the
 * blocks of all: each has some columns of their rows.
 *
 * Why here: validation, evaluation and prediction are the same walk. Never updates anything.
 */
#ifndef LS_TRAIN_BLOCKS_H
#define LS_TRAIN_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/comm/comm.h"
#include "lockstep/data/loader.h"
#include "lockstep/train/trained.h"

#define LS_BLOCK_ROWS ((size_t)256)

typedef struct ls_blocks ls_blocks;

/* For the dataset's rows row[0..n) (ascending; copied); label[row] (or NULL) is in the model's
 * classes, ds->value holds float targets. loader must outlive it. resident: this rank's rows are
 * kept, else they are read block by block as they are used. Collective. Errors: ERR_MEMORY,
 * agreed. */
ls_status ls_blocks_create(ls_comm *comm, const ls_trained *t, const ls_dataset *ds,
                           ls_loader *loader, const size_t *row, size_t n, const int32_t *label,
                           bool resident, ls_blocks **out) LS_MUST_CHECK;
void ls_blocks_destroy(ls_blocks *b);

/* *out = this rank's rows, to be read by the loader before the first pass, together with what else
 * it reads. Rows that are not resident may be left out; where they are not, they are only checked,
 * and from then on one that has changed is an error. Not collective. Errors: ERR_MEMORY. */
ls_status ls_blocks_to_read(ls_blocks *b, ls_loader_rows *out) LS_MUST_CHECK;

/* The outputs of all layers behind the front in the last pass of this rank. */
const ls_activations *ls_blocks_activations(const ls_blocks *b);

/* How many blocks there are in all. */
size_t ls_blocks_count(const ls_blocks *b);

/* Rows of block i, and the first of them in row[0..n). */
size_t ls_blocks_rows(const ls_blocks *b, size_t i, size_t *first);

/* The targets of block i and all that follow: on every rank those of all rows. */
ls_targets ls_blocks_targets(const ls_blocks *b, size_t i);

/* of_rank[r] is the block that rank r computes in this call, or LS_NO_BLOCK; the same on all ranks.
 * *z[rows, out] = the model's outputs for that of this rank; they live until the next call. A block
 * of resident rows is computed by the rank whose share it is in. Every rank calls it as often as
 * the others. Errors: ERR_DATA, agreed with strategy features only. */
#define LS_NO_BLOCK SIZE_MAX
ls_status ls_blocks_forward(ls_blocks *b, const size_t *of_rank, const float **z) LS_MUST_CHECK;

#endif
