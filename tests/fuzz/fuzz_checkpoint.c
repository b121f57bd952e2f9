/* Fuzzes the reader of checkpoints with its weights, as inspect and resume use it. Input: an HDF5
 * file, and a last byte that chooses the options. A seal at its beginning is made right, so that
 * the fuzzer gets behind it. Why here: see fuzz.h. */
#include <string.h>

#include "fuzz.h"
#include "lockstep/base/memory.h"
#include "lockstep/report/inspect.h"
#include "lockstep/train/checkpoint.h"

static void run(const uint8_t *data, size_t size) {
    const unsigned options = data[size - 1];
    uint8_t *file = NULL;
    fuzz_expect(ls_alloc(size, 1, "file", &file) == LS_OK, "memory");
    memcpy(file, data, size - 1);
    fuzz_mend_seal(file, size - 1);
    const char *path = fuzz_file(0, file, size - 1);
    ls_free(file);
    ls_buffer text = {0};
    ls_trained *t = NULL;
    if (options & 1) {
        ls_status st = ls_checkpoint_read(path, false, &t);
        fuzz_expect_modest(st);
        if (st == LS_OK)
            ls_trained_destroy(t);
    }
    fuzz_expect_modest(ls_inspect_checkpoint(path, (options & 2) != 0, &text));
    ls_buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return -1;
    fuzz_apart(run, data, size);
    return 0;
}
