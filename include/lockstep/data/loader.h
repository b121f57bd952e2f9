/* Brings chosen rows of a dataset into memory, as the model wants them: columns matched by
 * name, transforms applied.
 *
 * Why here: training shards, validation, evaluation and prediction all read rows this way. The
 * file is read in slabs of consecutive rows, so that whole chunks are touched once, whatever their
 * rows are for. Never holds more than one slab beside the result.
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

/* Some of the transforms' outputs: n_blocks blocks of consecutive columns, of which the first has
 * the number first_block; block i has the outputs [edge[i], edge[i + 1]). */
typedef struct ls_loader_columns {
    size_t first_block, n_blocks;
    const size_t *edge; /* [n_blocks + 1] */
} ls_loader_columns;

/* index[j] is the dataset's column that is input j of the transforms (NULL: the columns as they
 * are). columns (NULL: all) are the outputs that are wanted: of the file no column before the
 * first or behind the last of these is read, unless the transforms mix columns. All must outlive
 * the loader. Errors: ERR_MEMORY. */
ls_status ls_loader_create(ls_dataset *ds, const uint32_t *index, const ls_transforms *transforms,
                           const ls_loader_columns *columns, ls_loader **out) LS_MUST_CHECK;
void ls_loader_destroy(ls_loader *loader);

/* Rows that are wanted, and what for. */
typedef struct ls_loader_rows {
    const size_t *row; /* [n] of the dataset, ascending */
    size_t n;
    const size_t *slot; /* [n] place of each in what follows; NULL: they follow each other */
    float *out;         /* [places, outputs]; NULL: rows are checked and forgotten */
    uint64_t *sum;      /* [places] half of what a row adds to the loader's sum, from which it can
                           be told whether it is the same when it is read again; or NULL */
    size_t n_read;      /* the loader's: how many of them are done */
} ls_loader_rows;

/* Brings the rows of all lists (none is in two) to their places: in one pass, in the order of the
 * file. log (may be NULL) shows how far it is. Errors: ERR_DATA: NaN, infinity or a value that a
 * transform can not take in one of these rows and a column that is an input. */
ls_status ls_loader_read(ls_loader *loader, ls_loader_rows *lists, size_t n_lists,
                         ls_log *log) LS_MUST_CHECK;

/* The same, of few rows, whatever signals have come. */
ls_status ls_loader_read_again(ls_loader *loader, ls_loader_rows *rows) LS_MUST_CHECK;

/* Whether a row that was read again has the sum that is known of it. Errors: ERR_DATA: it has
 * another, since the file was changed. */
ls_status ls_loader_check_same(const ls_loader *loader, size_t row, uint64_t sum,
                               uint64_t known) LS_MUST_CHECK;

/* The sum (modulo 2^64 each) over all rows read so far of the two halves of XXH3-128 of the row's
 * number and its inputs before the transforms; with columns, over all rows and blocks, of their
 * number and the values that the outputs come from; with columns of transforms that mix, that of
 * the rows where the first block is number 0, else 0. Neither order nor how rows and blocks are
 * shared out between loaders matters: the loaders' sums add up to that of all. */
void ls_loader_sum(const ls_loader *loader, uint64_t sum[2]);

#endif
