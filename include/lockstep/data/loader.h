/* Brings chosen rows of a dataset into memory, as the model wants them: columns matched by
 * name, transforms applied.
 *
 * Why here: training shards, validation, evaluation and prediction all read rows this way. The
 * file is read in slabs of consecutive rows, so that whole chunks are touched once. Never holds
 * more than one slab beside the result.
 */
#ifndef LS_DATA_LOADER_H
#define LS_DATA_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/data/dataset.h"
#include "lockstep/data/transform.h"

typedef struct ls_loader ls_loader;

/* index[j] is the dataset's column that is input j of the transforms (NULL: the columns as they
 * are); ds, index and transforms must outlive the loader. Errors: ERR_MEMORY. */
ls_status ls_loader_create(ls_dataset *ds, const uint32_t *index, const ls_transforms *transforms,
                           ls_loader **out) LS_MUST_CHECK;
void ls_loader_destroy(ls_loader *loader);

/* out[slot[i], :] (slot NULL: out[i, :]) = row row[i] of the dataset, transformed; row[0..n)
 * ascends. progress (may be NULL) counts rows. Errors: ERR_DATA: NaN, infinity or a value that a
 * transform can not take in one of these rows and a column that is an input. */
ls_status ls_loader_read(ls_loader *loader, const size_t *row, size_t n, const size_t *slot,
                         float *out, ls_progress *progress) LS_MUST_CHECK;

/* The sum (modulo 2^64 each) over all rows read so far of the two halves of XXH3-128 of the row's
 * number and its inputs before the transforms. Neither order nor how rows are shared out between
 * loaders matters: the loaders' sums add up to that of all rows. */
void ls_loader_sum(const ls_loader *loader, uint64_t sum[2]);

#endif
