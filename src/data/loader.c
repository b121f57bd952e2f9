/* Reads rows slab by slab, transforms them and puts them where they belong. */
#include "lockstep/data/loader.h"

#include <string.h>

#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/stop.h"
#include "lockstep/data/writer.h"

/* A slab never crosses a border of chunks in a file that lockstep wrote. */
#define SLAB_ROWS ((size_t)LS_CHUNK_SAMPLES)

struct ls_loader {
    ls_dataset *ds;
    const uint32_t *index;
    const ls_transforms *transforms;
    size_t inputs, outputs;
    float *slab;  /* [SLAB_ROWS, features of the file] as read; raw without an index */
    float *raw;   /* [SLAB_ROWS, inputs] only the rows that are wanted, one behind the other */
    float *ready; /* [SLAB_ROWS, outputs]; raw where no column is dropped */
    uint64_t sum[2];

    /* With columns, raw is not used, outputs are these columns, slab holds the file's columns
     * [file_first, file_first + file_count). */
    const ls_loader_columns *columns;
    uint32_t *file_column; /* [outputs] which of the file's columns they come from */
    size_t file_first, file_count;
};

static ls_status prepare_rows(ls_loader *l) {
    LS_TRY(ls_alloc(SLAB_ROWS * l->inputs, sizeof(float), "rows", &l->raw));
    if (l->index != NULL)
        LS_TRY(ls_alloc(SLAB_ROWS * l->ds->n_features, sizeof(float), "rows", &l->slab));
    if (l->outputs != l->inputs)
        LS_TRY(ls_alloc(SLAB_ROWS * l->outputs, sizeof(float), "rows", &l->ready));
    return LS_OK;
}

/* Finds the file's columns that are wanted, and the least range that holds them all. */
static ls_status prepare_columns(ls_loader *l) {
    const size_t first = l->columns->edge[0];
    size_t low = SIZE_MAX, high = 0;
    l->outputs = l->columns->edge[l->columns->n_blocks] - first;
    LS_TRY(ls_alloc(l->outputs, sizeof *l->file_column, "columns", &l->file_column));
    for (size_t j = 0; j < l->outputs; j++) {
        const size_t input = ls_transforms_source(l->transforms, first + j);
        const size_t column = l->index != NULL ? l->index[input] : input;
        l->file_column[j] = (uint32_t)column;
        low = column < low ? column : low;
        high = column + 1 > high ? column + 1 : high;
    }
    l->file_first = low;
    l->file_count = high - low;
    LS_TRY(ls_alloc(SLAB_ROWS * l->outputs, sizeof(float), "rows", &l->ready));
    return ls_alloc(SLAB_ROWS * l->file_count, sizeof(float), "rows", &l->slab);
}

ls_status ls_loader_create(ls_dataset *ds, const uint32_t *index, const ls_transforms *transforms,
                           const ls_loader_columns *columns, ls_loader **out) {
    ls_loader *l;
    LS_TRY(ls_alloc(1, sizeof *l, "loader", &l));
    *l = (ls_loader){.ds = ds,
                     .index = index,
                     .transforms = transforms,
                     .columns = columns,
                     .inputs = ls_transforms_inputs(transforms),
                     .outputs = ls_transforms_outputs(transforms)};
    ls_status st = columns != NULL ? prepare_columns(l) : prepare_rows(l);
    if (st != LS_OK) {
        ls_loader_destroy(l);
        return st;
    }
    *out = l;
    return LS_OK;
}

void ls_loader_destroy(ls_loader *l) {
    if (l == NULL)
        return;
    ls_free(l->slab);
    ls_free(l->raw);
    ls_free(l->ready);
    ls_free(l->file_column);
    ls_free(l);
}

void ls_loader_sum(const ls_loader *l, uint64_t sum[2]) {
    memcpy(sum, l->sum, sizeof l->sum);
}

/* raw[i] = row row[i] of the file, as the transforms want its columns. */
static ls_status read_raw(ls_loader *l, const size_t *row, size_t n) {
    size_t width = l->index != NULL ? l->ds->n_features : l->inputs;
    float *slab = l->index != NULL ? l->slab : l->raw;
    LS_TRY(ls_dataset_read_raw(l->ds, row[0], row[n - 1] + 1 - row[0], 0, width, slab));
    for (size_t i = 0; i < n; i++) {
        const float *from = slab + (row[i] - row[0]) * width;
        float *to = l->raw + i * l->inputs;
        for (size_t j = 0; l->index != NULL && j < l->inputs; j++)
            to[j] = from[l->index[j]];
        if (l->index == NULL && to != from)
            memmove(to, from, width * sizeof *to);
    }
    return LS_OK;
}

static void add_to_sum(ls_loader *l, const size_t *row, size_t n) {
    uint64_t high = 0, low = 0;
#pragma omp parallel for schedule(static) reduction(+ : high, low)
    for (size_t i = 0; i < n; i++) {
        ls_hash128 h = ls_hash_numbered(row[i], l->raw + i * l->inputs, l->inputs * sizeof *l->raw);
        high += h.high;
        low += h.low;
    }
    l->sum[0] += high;
    l->sum[1] += low;
}

/* ready[i] = the wanted columns of row row[i] of the file. */
static ls_status read_columns(ls_loader *l, const size_t *row, size_t n) {
    LS_TRY(ls_dataset_read_raw(l->ds, row[0], row[n - 1] + 1 - row[0], l->file_first, l->file_count,
                               l->slab));
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        const float *from = l->slab + (row[i] - row[0]) * l->file_count;
        float *to = l->ready + i * l->outputs;
        for (size_t j = 0; j < l->outputs; j++)
            to[j] = from[l->file_column[j] - l->file_first];
    }
    return ls_dataset_check(l->ds, row, n, l->file_column, l->outputs, l->ready);
}

/* Every block has a number of its own: those of a row follow each other from 2^24 times the row's
 * on. */
static void add_columns_to_sum(ls_loader *l, const size_t *row, size_t n) {
    const ls_loader_columns *c = l->columns;
    uint64_t high = 0, low = 0;
#pragma omp parallel for schedule(static) reduction(+ : high, low)
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < c->n_blocks; b++) {
            ls_hash128 h = ls_hash_numbered(((uint64_t)row[i] << 24) + c->first_block + b,
                                            l->ready + i * l->outputs + c->edge[b] - c->edge[0],
                                            (c->edge[b + 1] - c->edge[b]) * sizeof *l->ready);
            high += h.high;
            low += h.low;
        }
    l->sum[0] += high;
    l->sum[1] += low;
}

static ls_status read_wanted_columns(ls_loader *l, const size_t *row, size_t n) {
    LS_TRY(read_columns(l, row, n));
    add_columns_to_sum(l, row, n);
    return ls_transforms_apply_columns(l->transforms, l->ds, l->index, row, n, l->columns->edge[0],
                                       l->outputs, l->ready);
}

static ls_status read_all_columns(ls_loader *l, const size_t *row, size_t n) {
    LS_TRY(read_raw(l, row, n));
    LS_TRY(ls_dataset_check(l->ds, row, n, l->index, l->inputs, l->raw));
    add_to_sum(l, row, n);
    return ls_transforms_apply(l->transforms, l->ds, l->index, row, n, l->raw,
                               l->ready != NULL ? l->ready : l->raw);
}

/* Brings the rows row[0..n) of one slab to their places. What else the slab holds has been asked
 * for by nobody and may be anything. */
static ls_status read_slab(ls_loader *l, const size_t *row, size_t n, const size_t *slot,
                           float *out) {
    const float *ready = l->ready != NULL ? l->ready : l->raw;
    LS_TRY(l->columns != NULL ? read_wanted_columns(l, row, n) : read_all_columns(l, row, n));
    for (size_t i = 0; i < n; i++) {
        size_t to = slot != NULL ? slot[i] : i;
        memcpy(out + to * l->outputs, ready + i * l->outputs, l->outputs * sizeof *out);
    }
    return LS_OK;
}

ls_status ls_loader_read(ls_loader *l, const size_t *row, size_t n, const size_t *slot, float *out,
                         ls_progress *progress) {
    for (size_t i = 0; i < n;) {
        if (ls_stop_is_asked())
            return LS_STOPPED;
        size_t border = (row[i] / SLAB_ROWS + 1) * SLAB_ROWS, k = i + 1;
        while (k < n && row[k] < border)
            k++;
        float *at = slot != NULL ? out : out + i * l->outputs;
        LS_TRY(read_slab(l, row + i, k - i, slot != NULL ? slot + i : NULL, at));
        ls_progress_update(progress, (double)k, NULL);
        i = k;
    }
    return LS_OK;
}
