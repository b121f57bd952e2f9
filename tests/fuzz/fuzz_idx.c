/* Fuzzes the import of IDX. Input: a byte (odd: with labels), the images, and, separated, the
 * labels. Why here: see fuzz.h. */
#include "fuzz.h"
#include "lockstep/data/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return -1;
    fuzz_part rest = {data + 1, size - 1};
    const fuzz_part images = fuzz_cut(&rest);
    const char *inputs[] = {fuzz_file(0, images.data, images.size),
                            fuzz_file(1, rest.data, rest.size)};
    const ls_import what = {.inputs = inputs, .n_inputs = 1 + (data[0] & 1u), .out = fuzz_output()};
    fuzz_expect_modest(ls_import_run("idx", &what, NULL));
    return 0;
}
