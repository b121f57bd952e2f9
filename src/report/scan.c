/* One pass over all of X, in blocks of rows; threads share the rows of a block.
 *
 * Why here: see scan.h. The sums go row by row in order, so they do not depend on threads. */
#include "scan.h"

#include <math.h>

#include "lockstep/base/memory.h"
#include "lockstep/data/writer.h"

#define BLOCK_VALUES_MAX ((size_t)1 << 24) /* 64 MiB */

ls_value_facts ls_value_facts_of(const float *x, size_t count, size_t stride) {
    ls_value_facts f = {.smallest = INFINITY, .largest = -INFINITY};
    for (size_t i = 0; i < count; i++) {
        float v = x[i * stride];
        if (isfinite(v)) {
            f.finite++;
            f.zeros += v == 0;
            f.smallest = v < f.smallest ? v : f.smallest;
            f.largest = v > f.largest ? v : f.largest;
            f.sum += (double)v;
        } else if (isnan(v)) {
            f.missing++;
        } else {
            f.infinite++;
        }
    }
    if (f.finite == 0)
        f.smallest = f.largest = 0;
    return f;
}

void ls_value_facts_add(ls_value_facts *a, const ls_value_facts *b) {
    if (b->finite > 0) {
        a->smallest = a->finite && a->smallest < b->smallest ? a->smallest : b->smallest;
        a->largest = a->finite && a->largest > b->largest ? a->largest : b->largest;
    }
    a->finite += b->finite;
    a->zeros += b->zeros;
    a->missing += b->missing;
    a->infinite += b->infinite;
    a->sum += b->sum;
}

static void scan_block(const float *block, size_t rows, size_t columns, ls_value_facts *row,
                       ls_value_facts *facts) {
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++)
        row[i] = ls_value_facts_of(block + i * columns, columns, 1);
    for (size_t i = 0; i < rows; i++)
        ls_value_facts_add(facts, &row[i]);
}

static ls_status scan_blocks(ls_dataset *ds, size_t block_rows, float *block, ls_value_facts *row,
                             ls_progress *progress, ls_value_facts *facts, ls_hasher *hasher) {
    for (size_t i = 0; i < ds->n_samples; i += block_rows) {
        size_t rows = ds->n_samples - i < block_rows ? ds->n_samples - i : block_rows;
        LS_TRY(ls_dataset_read_raw(ds, i, rows, 0, ds->n_features, block));
        if (facts)
            scan_block(block, rows, ds->n_features, row, facts);
        if (hasher)
            ls_hasher_add(hasher, block, rows * ds->n_features * sizeof *block);
        ls_progress_update(progress, (double)(i + rows), NULL);
    }
    return LS_OK;
}

ls_status ls_scan_dataset(ls_dataset *ds, ls_log *log, ls_value_facts *facts, ls_hasher *hasher) {
    size_t rows = BLOCK_VALUES_MAX / ds->n_features;
    rows = rows < 1 ? 1 : rows > LS_CHUNK_SAMPLES ? LS_CHUNK_SAMPLES : rows;
    rows = rows > ds->n_samples ? ds->n_samples : rows;
    float *block = NULL;
    ls_value_facts *row = NULL;
    ls_progress *progress = NULL;
    if (facts)
        *facts = (ls_value_facts){0};
    ls_status st = ls_alloc(rows * ds->n_features, sizeof *block, "block of X", &block);
    if (st == LS_OK)
        st = ls_alloc(rows, sizeof *row, "block of X", &row);
    if (st == LS_OK)
        st = ls_progress_create(log, "reading X", "rows", (double)ds->n_samples, &progress);
    if (st == LS_OK)
        st = scan_blocks(ds, rows, block, row, progress, facts, hasher);
    ls_progress_finish(progress, st);
    ls_free(row);
    ls_free(block);
    return st;
}
