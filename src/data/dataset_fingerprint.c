/* The fingerprint of a dataset.
 *
 * Why here: a resumed run must notice that its file was replaced, without reading all of X.
 * Never proves that two files are equal: most of X is not looked at; nor that X can be used: its
 * rows need not be rows of the run.
 */
#include <string.h>

#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/dataset.h"

enum { BLOCK_ROWS = 64, BLOCK_COLUMNS = 512 };

static void add_strings(ls_hasher *h, const ls_strings *list) {
    uint64_t count = list->count;
    ls_hasher_add(h, &count, sizeof count);
    for (size_t i = 0; i < list->count; i++) {
        const char *s = ls_strings_at(list, i);
        ls_hasher_add(h, s, strlen(s) + 1);
    }
}

/* Three blocks along the diagonal of X: its first, middle and last rows and columns. */
static ls_status add_blocks(ls_hasher *h, ls_dataset *ds) {
    size_t rows = ds->n_samples < BLOCK_ROWS ? ds->n_samples : BLOCK_ROWS;
    size_t columns = ds->n_features < BLOCK_COLUMNS ? ds->n_features : BLOCK_COLUMNS;
    float *block = NULL;
    LS_TRY(ls_alloc(rows * columns, sizeof *block, "block of X", &block));
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < 3; i++) {
        st = ls_dataset_read_raw(ds, (ds->n_samples - rows) * i / 2, rows,
                                 (ds->n_features - columns) * i / 2, columns, block);
        if (st == LS_OK)
            ls_hasher_add(h, block, rows * columns * sizeof *block);
    }
    ls_free(block);
    return st;
}

ls_status ls_dataset_fingerprint(ls_dataset *ds, char *hex) {
    ls_hasher *h = NULL;
    LS_TRY(ls_hasher_create(&h));
    uint64_t shape[4] = {ds->n_samples, ds->n_features, (uint64_t)ds->target, ds->n_outputs};
    ls_hasher_add(h, shape, sizeof shape);
    add_strings(h, &ds->features);
    add_strings(h, &ds->samples);
    add_strings(h, &ds->classes);
    if (ds->label)
        ls_hasher_add(h, ds->label, ds->n_samples * sizeof *ds->label);
    if (ds->value)
        ls_hasher_add(h, ds->value, ds->n_samples * ds->n_outputs * sizeof *ds->value);
    if (ds->weight)
        ls_hasher_add(h, ds->weight, ds->n_samples * sizeof *ds->weight);
    ls_status st = add_blocks(h, ds);
    if (st == LS_OK)
        ls_print_hash(ls_hasher_result(h), hex);
    ls_hasher_destroy(h);
    return st;
}
