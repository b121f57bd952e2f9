/* Writing behind: a file that HDF5 writes front to back goes to disk by a thread, in whole pieces.
 *
 * The bytes are gathered in pieces of LS_H5_PIECE_BYTES. A full piece is summed, and written by a
 * thread while the next one is filled; on a local disk past the page cache (O_DIRECT). What comes
 * out of order is written at once. Measured with a checkpoint of 691 MB: 0.4 s instead of 1.5 s,
 * of which getting new pages of the cache took half and reading the file for its sum 0.2 s.
 *
 * Why here: below HDF5, whose calls then do not wait for the disk. Private to src/format. Calls no
 * HDF5; one thread at a time calls it.
 */
#ifndef LS_FORMAT_H5_BEHIND_H
#define LS_FORMAT_H5_BEHIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lockstep/base/hash.h"
#include "lockstep/base/status.h"

#define LS_H5_PIECE_BYTES ((size_t)2 << 20)

typedef struct ls_h5_behind ls_h5_behind;

/* For the open file fd, which is path and outlives this. Piece i holds the bytes from origin + i *
 * LS_H5_PIECE_BYTES on; origin is a multiple of the page. Errors: ERR_MEMORY. */
ls_status ls_h5_behind_create(int fd, const char *path, off_t origin,
                              ls_h5_behind **out) LS_MUST_CHECK;

/* Takes over the bytes; at is not below the origin. Returns the errno of the first write that is
 * known to have failed, after which nothing more is written; 0: none. */
int ls_h5_behind_write(ls_h5_behind *b, const void *bytes, size_t size, off_t at);

/* The same once the file has all that was taken over. */
int ls_h5_behind_finish(ls_h5_behind *b);

/* The sum of a piece that was written as a whole and not again; false: the file must be read. */
bool ls_h5_behind_sum(const ls_h5_behind *b, size_t piece, ls_hash128 *sum);

/* The file has been cut off at `end`. */
void ls_h5_behind_cut(ls_h5_behind *b, off_t end);

/* Without what was not finished; safe on NULL. */
void ls_h5_behind_destroy(ls_h5_behind *b);

#endif
