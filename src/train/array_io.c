/* A parameter-shaped array of a file, piece by piece, with a sum a column block. */
#include "array_io.h"

#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"
#include "lockstep/train/checkpoint.h"

#define SUM_ATTRIBUTE "xxh3_128"

struct ls_array_io {
    ls_h5 *file;
    ls_h5_array *array;
    char name[2 * LS_PARAM_NAME_MAX + 32];
    int rank;
    size_t n_blocks;
    ls_hasher *hasher; /* of the block that is being moved */
    uint64_t *sum;     /* [n_blocks][2] */
};

static ls_status prepare(ls_h5 *file, const char *name, const ls_param *param, ls_array_io **out) {
    ls_array_io *a;
    LS_TRY(ls_alloc(1, sizeof *a, "checkpoint", &a));
    *out = a;
    a->file = file;
    snprintf(a->name, sizeof a->name, "%s", name);
    a->rank = param->rank;
    a->n_blocks = (ls_array_columns(param) + LS_CHECKPOINT_COLUMNS - 1) / LS_CHECKPOINT_COLUMNS;
    LS_TRY(ls_alloc(a->n_blocks * 2, sizeof *a->sum, "checkpoint", &a->sum));
    return ls_hasher_create(&a->hasher);
}

ls_status ls_array_io_create(ls_h5 *file, const char *name, const ls_param *param,
                             ls_array_io **out) {
    ls_array_io *a = NULL;
    ls_status st = prepare(file, name, param, &a);
    /* A chunk is a piece: it goes to the file as it is. */
    size_t rows = ls_array_rows(param);
    size_t chunk[2] = {rows < LS_CHECKPOINT_ROWS ? rows : LS_CHECKPOINT_ROWS,
                       LS_CHECKPOINT_COLUMNS};
    bool chunked = param->rank == 2 && a != NULL && a->n_blocks > 1;
    if (st == LS_OK)
        st = ls_h5_array_create(file, name, LS_H5_F32, param->rank, param->dim,
                                chunked ? chunk : NULL, 0, &a->array);
    if (st != LS_OK) {
        ls_array_io_abandon(a);
        return st;
    }
    *out = a;
    return LS_OK;
}

ls_status ls_array_io_open(ls_h5 *file, const char *name, const ls_param *param,
                           ls_array_io **out) {
    ls_array_io *a = NULL;
    ls_status st = prepare(file, name, param, &a);
    if (st == LS_OK)
        st = ls_h5_array_open(file, name, 0, &a->array);
    if (st == LS_OK) {
        const ls_h5_info *info = ls_h5_array_info(a->array);
        bool same = info->rank == param->rank && info->type_class == LS_H5_FLOAT;
        for (int d = 0; same && d < param->rank; d++)
            same = info->dim[d] == param->dim[d];
        if (!same)
            st = ls_fail(LS_ERR_DATA, ls_h5_path(file), "%s does not have the shape of the model",
                         name);
    }
    if (st != LS_OK) {
        ls_array_io_abandon(a);
        return st;
    }
    *out = a;
    return LS_OK;
}

void ls_array_io_abandon(ls_array_io *a) {
    if (a == NULL)
        return;
    ls_hasher_destroy(a->hasher);
    ls_free(a->sum);
    ls_h5_array_destroy(a->array);
    ls_free(a);
}

/* A block's sum goes over its rows, which its pieces bring in order. */
static void add_to_sum(ls_array_io *a, const ls_piece *piece, const float *dense) {
    size_t block = piece->column / LS_CHECKPOINT_COLUMNS;
    if (piece->row == 0)
        ls_hasher_reset(a->hasher);
    ls_hasher_add(a->hasher, dense, piece->rows * piece->columns * sizeof *dense);
    ls_hash128 h = ls_hasher_result(a->hasher);
    a->sum[2 * block] = h.high;
    a->sum[2 * block + 1] = h.low;
}

/* Where the piece is in the array: a vector has the column only. */
static void place(const ls_array_io *a, const ls_piece *piece, size_t start[2], size_t count[2]) {
    int column = a->rank == 2 ? 1 : 0;
    start[0] = piece->row;
    count[0] = piece->rows;
    start[column] = piece->column;
    count[column] = piece->columns;
}

ls_status ls_array_io_write(ls_array_io *a, const ls_piece *piece, const float *dense) {
    size_t start[2], count[2];
    place(a, piece, start, count);
    add_to_sum(a, piece, dense);
    return ls_h5_array_write(a->array, start, count, LS_H5_F32, dense);
}

ls_status ls_array_io_read(ls_array_io *a, const ls_piece *piece, float *dense) {
    size_t start[2], count[2];
    place(a, piece, start, count);
    LS_TRY(ls_h5_array_read(a->array, start, count, LS_H5_F32, dense));
    add_to_sum(a, piece, dense);
    return LS_OK;
}

ls_status ls_array_io_finish_write(ls_array_io *a) {
    ls_status st =
        ls_h5_write_attribute(a->file, a->name, SUM_ATTRIBUTE, LS_H5_U64, 2 * a->n_blocks, a->sum);
    ls_array_io_abandon(a);
    return st;
}

static ls_status compare_sums(ls_array_io *a) {
    uint64_t *stored = NULL;
    LS_TRY(ls_alloc(2 * a->n_blocks, sizeof *stored, "checkpoint", &stored));
    ls_status st =
        ls_h5_read_attribute(a->file, a->name, SUM_ATTRIBUTE, LS_H5_U64, 2 * a->n_blocks, stored);
    if (st == LS_OK && memcmp(stored, a->sum, 2 * a->n_blocks * sizeof *stored) != 0)
        st = ls_hint(ls_fail(LS_ERR_DATA, ls_h5_path(a->file),
                             "%s is damaged: its checksum differs", a->name),
                     "use another checkpoint of the run");
    ls_free(stored);
    return st;
}

ls_status ls_array_io_finish_read(ls_array_io *a) {
    ls_status st = compare_sums(a);
    ls_array_io_abandon(a);
    return st;
}
