/* A piece of a parameter's array: the rectangle that is written and read at once.
 *
 * A matrix is cut into blocks of LS_CHECKPOINT_COLUMNS columns, a block into pieces of
 * LS_CHECKPOINT_ROWS rows; any other array is one row. The pieces follow each other block by block.
 *
 * Why here: writer, reader and the ranks that send their part walk the same pieces. Sees no file
 * and no rank.
 */
#ifndef LS_TRAIN_PIECE_H
#define LS_TRAIN_PIECE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/nn/model.h"

typedef struct ls_piece {
    size_t row, rows, column, columns;
} ls_piece;

/* The array as a matrix. */
size_t ls_array_rows(const ls_param *param);
size_t ls_array_columns(const ls_param *param);

/* The piece that follows; of {0} the first. False after the last. */
bool ls_piece_next(const ls_param *param, ls_piece *piece);

/* How many of the piece's floats lie before float `flat` of the array, both counted as they lie in
 * memory: the floats [a, b) of the array are the piece's [before(a), before(b)). */
size_t ls_piece_before(const ls_param *param, const ls_piece *piece, size_t flat);

/* Copies floats [first, end) of the piece, counted as they lie in memory, to or from
 * dense[0..end - first); array[0] is the array's float `origin`. */
void ls_piece_copy(const ls_param *param, const ls_piece *piece, size_t first, size_t end,
                   float *array, size_t origin, float *dense, bool to_dense);

/* Copies a whole piece between dense[], where it is as in memory, and rows[rows][stride], as files
 * have it. */
void ls_piece_turn(const ls_param *param, const ls_piece *piece, float *dense, float *rows,
                   size_t stride, bool to_rows);

#endif
