/* IDX, the format of MNIST and its kin: a header with type and dimensions, then the elements,
 * big-endian, in row-major order.
 *
 * Why here: images come in it. Never knows which file holds images and which labels.
 */
#ifndef LS_FORMAT_IDX_H
#define LS_FORMAT_IDX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

#define LS_IDX_RANK_MAX 8

typedef struct ls_idx ls_idx;

typedef struct ls_idx_info {
    bool is_integer; /* else float or double */
    size_t element_bytes;
    int rank;
    size_t dim[LS_IDX_RANK_MAX];
} ls_idx_info;

/* Opens a file, plain or gzip. Errors: ERR_DATA: not an IDX file, or one that can not hold what its
 * header promises. */
ls_status ls_idx_open(const char *path, ls_idx **out) LS_MUST_CHECK;
const ls_idx_info *ls_idx_about(const ls_idx *f);

/* out[elements] = the next elements. Errors: ERR_DATA: the file ends before what its header
 * promises. */
ls_status ls_idx_read(ls_idx *f, size_t elements, float *out) LS_MUST_CHECK;

/* The same for whole numbers, exactly: float32 would merge those above 2^24. Needs: the file's
 * elements are whole numbers. */
ls_status ls_idx_read_integers(ls_idx *f, size_t elements, int32_t *out) LS_MUST_CHECK;

/* ERR_DATA when something follows the elements that were read. */
ls_status ls_idx_check_end(ls_idx *f) LS_MUST_CHECK;

void ls_idx_close(ls_idx *f); /* safe on NULL */

#endif
