/* Reads rows slab by slab, transforms them and puts them where they belong. */
#include "lockstep/data/loader.h"

#include <string.h>

#include "lockstep/base/memory.h"
#include "lockstep/data/match.h"
#include "lockstep/data/writer.h"

/* A slab never crosses a border of chunks in a file that lockstep wrote. */
#define SLAB_ROWS ((size_t)LS_CHUNK_SAMPLES)

struct ls_loader {
    ls_dataset *ds;
    const uint32_t *index;
    const ls_transforms *transforms;
    size_t inputs, outputs;
    float *raw;    /* [SLAB_ROWS, inputs] */
    float *mapped; /* [SLAB_ROWS, features of the file]; NULL without an index */
    float *ready;  /* [SLAB_ROWS, outputs]; raw where no column is dropped */
};

ls_status ls_loader_create(ls_dataset *ds, const uint32_t *index, const ls_transforms *transforms,
                           ls_loader **out) {
    ls_loader *l;
    LS_TRY(ls_alloc(1, sizeof *l, "loader", &l));
    *l = (ls_loader){.ds = ds,
                     .index = index,
                     .transforms = transforms,
                     .inputs = ls_transforms_inputs(transforms),
                     .outputs = ls_transforms_outputs(transforms)};
    ls_status st = ls_alloc(SLAB_ROWS * l->inputs, sizeof(float), "rows", &l->raw);
    if (st == LS_OK && index != NULL)
        st = ls_alloc(SLAB_ROWS * ds->n_features, sizeof(float), "rows", &l->mapped);
    if (st == LS_OK && l->outputs != l->inputs)
        st = ls_alloc(SLAB_ROWS * l->outputs, sizeof(float), "rows", &l->ready);
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
    ls_free(l->raw);
    ls_free(l->mapped);
    ls_free(l->ready);
    ls_free(l);
}

/* Reads file rows [first, first + rows) and copies out those of row[0..n). */
static ls_status read_slab(ls_loader *l, size_t first, size_t rows, const size_t *row, size_t n,
                           const size_t *slot, float *out) {
    float *ready = l->ready != NULL ? l->ready : l->raw;
    if (l->index == NULL)
        LS_TRY(ls_dataset_read(l->ds, first, rows, 0, l->inputs, l->raw));
    else
        LS_TRY(ls_dataset_read_mapped(l->ds, first, rows, l->index, l->inputs, l->raw, l->mapped));
    LS_TRY(ls_transforms_apply(l->transforms, l->ds, l->index, first, rows, l->raw, ready));
    for (size_t i = 0; i < n; i++) {
        size_t to = slot != NULL ? slot[i] : i;
        memcpy(out + to * l->outputs, ready + (row[i] - first) * l->outputs,
               l->outputs * sizeof *out);
    }
    return LS_OK;
}

ls_status ls_loader_read(ls_loader *l, const size_t *row, size_t n, const size_t *slot, float *out,
                         ls_progress *progress) {
    for (size_t i = 0; i < n;) {
        size_t border = (row[i] / SLAB_ROWS + 1) * SLAB_ROWS, k = i + 1;
        while (k < n && row[k] < border)
            k++;
        size_t rows = row[k - 1] + 1 - row[i];
        float *at = slot != NULL ? out : out + i * l->outputs;
        LS_TRY(read_slab(l, row[i], rows, row + i, k - i, slot != NULL ? slot + i : NULL, at));
        ls_progress_update(progress, (double)k, NULL);
        i = k;
    }
    return LS_OK;
}
