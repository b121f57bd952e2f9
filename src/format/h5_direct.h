/* Reading a matrix of floats past HDF5, on all threads.
 *
 * HDF5 finds where a chunk lies, by its index; the bytes are then read, checked and unpacked here,
 * a chunk a thread. Measured with a matrix of 3,000 x 56,200 on two threads: a loader that reads so
 * is 2.8 times as fast as one by H5Dread, which works on one thread.
 *
 * Why here: training begins with reading all of X. Private to src/format. Only for what is plain:
 * float32, two dimensions, one block or chunks with no other filters than shuffle, deflate and
 * Fletcher-32. Never the judge of a file: what is not as it should be is left to HDF5, whose
 * failures have their words.
 */
#ifndef LS_FORMAT_H5_DIRECT_H
#define LS_FORMAT_H5_DIRECT_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "h5_filters.h"
#include "h5_private.h"
#include "lockstep/base/status.h"
#include "lockstep/format/h5.h"

/* Where a chunk is in the file, and in the array. */
typedef struct ls_h5_chunk {
    uint64_t at, bytes;
    size_t row, column;
} ls_h5_chunk;

typedef struct ls_h5_direct {
    bool usable;
    ls_h5_filters filters;
    uint64_t at; /* of an array that is one block; 0: chunks */
    ls_h5_chunk *chunk;
    size_t capacity;
    char *buffer; /* [threads][2][most bytes of a chunk] */
    size_t n_buffers;
    uint64_t *known; /* [chunks] where they are, 0: not known yet; NULL: only read as a whole */
} ls_h5_direct;

/* Whether the open array `id` of the open file `file` is one for this. */
void ls_h5_direct_prepare(hid_t file, hid_t id, const ls_h5_info *info, ls_h5_direct *out);
void ls_h5_direct_free(ls_h5_direct *direct);

/* From now on of a chunk without other filters than a sum only the rows that are wanted are read,
 * so that the sum is not looked at. Errors: ERR_MEMORY. */
ls_status ls_h5_direct_take_parts(ls_h5_direct *direct, const ls_h5_info *info) LS_MUST_CHECK;

/* out[count[0], count[1]] = the block of the array that begins at start. False: it was not read,
 * for whatever reason; out may hold anything then. */
bool ls_h5_direct_read(ls_h5_direct *direct, hid_t id, const ls_h5_info *info, ls_h5_disk *disk,
                       const size_t *start, const size_t *count, float *out);

/* The same with row r of the block in row[r][count[1]]; NULL: it is not wanted. */
bool ls_h5_direct_read_rows(ls_h5_direct *d, hid_t id, const ls_h5_info *info, ls_h5_disk *disk,
                            const size_t *start, const size_t *count, float *const *row);

#endif
