/* Fuzzes the reader of datasets: all that inspect does, and blocks as training reads them. Input:
 * an HDF5 file, and a last byte that chooses the options. Why here: see fuzz.h. */
#include "fuzz.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/dataset.h"
#include "lockstep/report/inspect.h"

static ls_status read_blocks(ls_dataset *ds) {
    char hex[40];
    float *block = NULL;
    const size_t rows = ds->n_samples < 7 ? ds->n_samples : 7, columns = ds->n_features / 2 + 1;
    LS_TRY(ls_dataset_fingerprint(ds, hex));
    LS_TRY(ls_alloc(rows * columns, sizeof *block, "block", &block));
    ls_status st = ls_dataset_read_raw(ds, ds->n_samples - rows, rows, ds->n_features - columns,
                                       columns, block);
    if (st == LS_OK)
        st = ls_dataset_check(ds, NULL, 0, NULL, columns, block);
    ls_free(block);
    return st;
}

static void run(const uint8_t *data, size_t size) {
    const unsigned options = data[size - 1];
    ls_dataset *ds = NULL;
    ls_dataset_paths paths = ls_dataset_default_paths(fuzz_file(0, data, size - 1));
    paths.layout = options & 1 ? LS_FEATURES_BY_SAMPLES : LS_SAMPLES_BY_FEATURES;
    ls_status st = ls_dataset_open(&paths, &ds);
    fuzz_expect_modest(st);
    if (st != LS_OK)
        return;
    fuzz_expect_modest(read_blocks(ds));
    ls_dataset_close(ds);
    ls_buffer text = {0};
    fuzz_expect_modest(ls_inspect_dataset(&paths, (options & 2) != 0, NULL, &text));
    ls_buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return -1;
    fuzz_apart(run, data, size);
    return 0;
}
