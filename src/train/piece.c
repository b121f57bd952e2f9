/* Walking an array in pieces. Why here: see piece.h. */
#include "piece.h"

#include <string.h>

#include "lockstep/train/checkpoint.h"

static size_t at_most(size_t n, size_t limit) {
    return n < limit ? n : limit;
}

size_t ls_array_rows(const ls_param *param) {
    return param->rank == 2 ? param->dim[0] : 1;
}

size_t ls_array_columns(const ls_param *param) {
    size_t rows = ls_array_rows(param);
    return rows > 0 ? param->count / rows : 0;
}

bool ls_piece_next(const ls_param *param, ls_piece *piece) {
    size_t rows = ls_array_rows(param), columns = ls_array_columns(param);
    size_t row = piece->row + piece->rows, column = piece->column;
    if (row >= rows) {
        row = 0;
        column += piece->columns;
    }
    if (rows == 0 || column >= columns)
        return false;
    *piece = (ls_piece){row, at_most(rows - row, LS_CHECKPOINT_ROWS), column,
                        at_most(columns - column, LS_CHECKPOINT_COLUMNS)};
    return true;
}

size_t ls_piece_before(const ls_param *param, const ls_piece *piece, size_t flat) {
    size_t columns = ls_array_columns(param);
    if (columns == 0)
        return 0;
    size_t row = flat / columns, column = flat % columns;
    if (row < piece->row)
        return 0;
    if (row >= piece->row + piece->rows)
        return piece->rows * piece->columns;
    size_t left = column < piece->column ? 0 : at_most(column - piece->column, piece->columns);
    return (row - piece->row) * piece->columns + left;
}

void ls_piece_copy(const ls_param *param, const ls_piece *piece, size_t first, size_t end,
                   float *array, size_t origin, float *dense, bool to_dense) {
    size_t stride = ls_array_columns(param);
    while (first < end) {
        size_t row = first / piece->columns, column = first % piece->columns;
        size_t n = at_most(piece->columns - column, end - first);
        float *at = array + ((piece->row + row) * stride + piece->column + column - origin);
        memcpy(to_dense ? dense : at, to_dense ? at : dense, n * sizeof *dense);
        dense += n;
        first += n;
    }
}
