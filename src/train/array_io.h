/* One parameter-shaped array of a checkpoint, written or read piece by piece, with a sum a block of
 * columns.
 *
 * Why here: weights and optimiser state of any size pass through a bounded buffer, whoever owns
 * which part.
 */
#ifndef LS_TRAIN_ARRAY_IO_H
#define LS_TRAIN_ARRAY_IO_H

#include "lockstep/base/status.h"
#include "lockstep/format/h5.h"
#include "piece.h"

typedef struct ls_array_io ls_array_io;

/* Creates the array name with param's shape. Errors: ERR_IO. */
ls_status ls_array_io_create(ls_h5 *file, const char *name, const ls_param *param,
                             ls_array_io **out) LS_MUST_CHECK;
/* Opens it; its shape must be param's. Errors: ERR_DATA. */
ls_status ls_array_io_open(ls_h5 *file, const char *name, const ls_param *param,
                           ls_array_io **out) LS_MUST_CHECK;

/* The next piece, in the order of ls_piece_next; dense [piece.rows, piece.columns]. */
ls_status ls_array_io_write(ls_array_io *a, const ls_piece *piece,
                            const float *dense) LS_MUST_CHECK;
ls_status ls_array_io_read(ls_array_io *a, const ls_piece *piece, float *dense) LS_MUST_CHECK;

/* After the last piece: stores the sums, or compares them with the stored ones. Frees in every
 * case. Errors: ERR_IO; ERR_DATA naming the array. */
ls_status ls_array_io_finish_write(ls_array_io *a) LS_MUST_CHECK;
ls_status ls_array_io_finish_read(ls_array_io *a) LS_MUST_CHECK;

void ls_array_io_abandon(ls_array_io *a);

#endif
