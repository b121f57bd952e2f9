/* The filters of HDF5 that chunks of floats are read through without it.
 *
 * Why here: HDF5 undoes them on one thread; these functions keep nothing, so that every thread can
 * take a chunk. Private to src/format. Never reads a file.
 */
#ifndef LS_FORMAT_H5_FILTERS_H
#define LS_FORMAT_H5_FILTERS_H

#include <stdbool.h>
#include <stddef.h>

#define LS_H5_SUM_BYTES ((size_t)4)

/* Which a chunk went through, in this order. */
typedef struct ls_h5_filters {
    bool shuffled, deflated, summed;
} ls_h5_filters;

/* Undoes the filters of a chunk of `full` bytes, of which `bytes` are in buffer[0]. Returns where
 * its elements are now, or NULL: the chunk is damaged. */
const char *ls_h5_unpack(const ls_h5_filters *filters, char *const buffer[2], size_t bytes,
                         size_t full);

#endif
