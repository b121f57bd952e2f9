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

_Static_assert(LS_CHECKPOINT_ROWS % LS_STRIP == 0, "a piece begins with a strip");

/* A piece in memory: so many strips, each with `floats` of it in one stretch. All strips but the
 * last one of the array have as many outputs, and only that one may be short. */
typedef struct stretches {
    size_t strip; /* floats of a whole strip of the array */
    size_t first; /* strip of the array */
    size_t count, floats, last_floats;
} stretches;

static stretches stretches_of(const ls_param *param, const ls_piece *piece) {
    const ls_strips *s = &param->strips;
    const size_t last = piece->row + piece->rows - 1;
    return (stretches){s->width * s->in, piece->row / s->width,
                       last / s->width - piece->row / s->width + 1, s->width * piece->columns,
                       ls_strips_width(s, last) * piece->columns};
}

static size_t floats_at(const stretches *s, size_t i) {
    return i + 1 == s->count ? s->last_floats : s->floats;
}

/* Where stretch i begins in the array. */
static size_t begin_of(const ls_param *param, const ls_piece *piece, const stretches *s, size_t i) {
    return ls_strips_at(&param->strips, (s->first + i) * param->strips.width, piece->column);
}

size_t ls_piece_before(const ls_param *param, const ls_piece *piece, size_t flat) {
    const stretches s = stretches_of(param, piece);
    const size_t strip = flat / s.strip;
    if (strip < s.first)
        return 0;
    if (strip >= s.first + s.count)
        return piece->rows * piece->columns;
    const size_t i = strip - s.first, begin = begin_of(param, piece, &s, i);
    return i * s.floats + (flat < begin ? 0 : at_most(flat - begin, floats_at(&s, i)));
}

void ls_piece_copy(const ls_param *param, const ls_piece *piece, size_t first, size_t end,
                   float *array, size_t origin, float *dense, bool to_dense) {
    const stretches s = stretches_of(param, piece);
    while (first < end) {
        const size_t i = first / s.floats, at = first - i * s.floats;
        const size_t n = at_most(floats_at(&s, i) - at, end - first);
        float *from = array + (begin_of(param, piece, &s, i) + at - origin);
        memcpy(to_dense ? dense : from, to_dense ? from : dense, n * sizeof *dense);
        dense += n;
        first += n;
    }
}

void ls_piece_turn(const ls_param *param, const ls_piece *piece, float *dense, float *rows,
                   size_t stride, bool to_rows) {
    enum { LINE = 16 }; /* so many columns of a strip stay in the first cache */
    const ls_strips s = {piece->rows, piece->columns, param->strips.width};
    for (size_t first = 0; first < s.in; first += LINE)
        for (size_t r = 0; r < s.out; r++) {
            const size_t apart = ls_strips_width(&s, r), n = at_most(s.in - first, LINE);
            float *from = dense + ls_strips_at(&s, r, first), *row = rows + r * stride + first;
            for (size_t c = 0; c < n; c++)
                if (to_rows)
                    row[c] = from[c * apart];
                else
                    from[c * apart] = row[c];
        }
}
