/* Sequential access to a parameter-shaped array, in pieces of rows, with a sum a column block. */
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
    size_t rows, columns, at; /* as a matrix; floats done */
    size_t n_blocks;
    ls_hasher **hasher; /* [n_blocks] */
    uint64_t *sum;      /* [n_blocks][2] */
};

/* Everything but a matrix is one row. */
static ls_status prepare(ls_h5 *file, const char *name, const ls_param *param, ls_array_io **out) {
    ls_array_io *a;
    LS_TRY(ls_alloc(1, sizeof *a, "checkpoint", &a));
    *out = a;
    a->file = file;
    snprintf(a->name, sizeof a->name, "%s", name);
    a->rank = param->rank;
    a->rows = param->rank == 2 ? param->dim[0] : 1;
    a->columns = a->rows > 0 ? param->count / a->rows : 0;
    a->n_blocks = (a->columns + LS_CHECKPOINT_COLUMNS - 1) / LS_CHECKPOINT_COLUMNS;
    LS_TRY(ls_alloc(a->n_blocks, sizeof *a->hasher, "checkpoint", &a->hasher));
    LS_TRY(ls_alloc(a->n_blocks * 2, sizeof *a->sum, "checkpoint", &a->sum));
    for (size_t b = 0; b < a->n_blocks; b++)
        LS_TRY(ls_hasher_create(&a->hasher[b]));
    return LS_OK;
}

ls_status ls_array_io_create(ls_h5 *file, const char *name, const ls_param *param,
                             ls_array_io **out) {
    ls_array_io *a = NULL;
    ls_status st = prepare(file, name, param, &a);
    /* Chunks of whole column blocks: a sharded layer's owner writes whole chunks. */
    size_t chunk[2] = {param->dim[0], LS_CHECKPOINT_COLUMNS};
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
    for (size_t b = 0; a->hasher != NULL && b < a->n_blocks; b++)
        ls_hasher_destroy(a->hasher[b]);
    ls_free(a->hasher);
    ls_free(a->sum);
    ls_h5_array_destroy(a->array);
    ls_free(a);
}

/* Adds floats that begin at `first` of the array to the sums of their blocks. */
static void add_to_sums(ls_array_io *a, size_t first, const float *data, size_t n) {
    if (a->n_blocks == 1) {
        ls_hasher_add(a->hasher[0], data, n * sizeof *data);
        return;
    }
    while (n > 0) {
        size_t column = first % a->columns, block = column / LS_CHECKPOINT_COLUMNS;
        size_t end = (block + 1) * LS_CHECKPOINT_COLUMNS;
        size_t rest = (end < a->columns ? end : a->columns) - column, part = rest < n ? rest : n;
        ls_hasher_add(a->hasher[block], data, part * sizeof *data);
        data += part;
        first += part;
        n -= part;
    }
}

/* The largest rectangle that begins at the next float: whole rows, or a part of one row. Gives
 * its place and returns its floats. */
static size_t next_piece(const ls_array_io *a, size_t n, size_t start[2], size_t count[2]) {
    size_t column = a->at % a->columns;
    start[0] = a->at / a->columns;
    start[1] = column;
    if (column == 0 && n >= a->columns) {
        count[0] = n / a->columns;
        count[1] = a->columns;
    } else {
        size_t rest = a->columns - column;
        count[0] = 1;
        count[1] = n < rest ? n : rest;
    }
    return count[0] * count[1];
}

ls_status ls_array_io_write(ls_array_io *a, const float *in, size_t n) {
    while (n > 0) {
        size_t start[2], count[2], part = next_piece(a, n, start, count);
        int skip = a->rank == 2 ? 0 : 1; /* a vector has the column only */
        LS_TRY(ls_h5_array_write(a->array, start + skip, count + skip, LS_H5_F32, in));
        add_to_sums(a, a->at, in, part);
        a->at += part;
        in += part;
        n -= part;
    }
    return LS_OK;
}

ls_status ls_array_io_read(ls_array_io *a, float *out, size_t n) {
    while (n > 0) {
        size_t start[2], count[2], part = next_piece(a, n, start, count);
        int skip = a->rank == 2 ? 0 : 1;
        LS_TRY(ls_h5_array_read(a->array, start + skip, count + skip, LS_H5_F32, out));
        add_to_sums(a, a->at, out, part);
        a->at += part;
        out += part;
        n -= part;
    }
    return LS_OK;
}

static void finish_sums(ls_array_io *a) {
    for (size_t b = 0; b < a->n_blocks; b++) {
        ls_hash128 h = ls_hasher_result(a->hasher[b]);
        a->sum[2 * b] = h.high;
        a->sum[2 * b + 1] = h.low;
    }
}

ls_status ls_array_io_finish_write(ls_array_io *a) {
    finish_sums(a);
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
    finish_sums(a);
    ls_status st = compare_sums(a);
    ls_array_io_abandon(a);
    return st;
}
