/* Fuzzes the import of GCT with its table of attributes. Input: a byte that chooses the options,
 * the matrix, and, separated, the table. Why here: see fuzz.h. */
#include "fuzz.h"
#include "lockstep/data/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return -1;
    const unsigned options = data[0];
    fuzz_part rest = {data + 1, size - 1};
    const fuzz_part matrix = fuzz_cut(&rest);
    const char *inputs[] = {fuzz_file(0, matrix.data, matrix.size)};
    ls_import what = {.inputs = inputs, .n_inputs = 1, .out = fuzz_output()};
    what.missing = (int)(options & 3);
    if (options & 4)
        what.attributes = fuzz_file(1, rest.data, rest.size);
    if (options & 8)
        what.label = "tissue";
    if (options & 16)
        what.group = options & 32 ? "donor" : "plate";
    if (what.attributes != NULL && options & 64)
        what.attributes_id = "1";
    fuzz_expect_modest(ls_import_run("gct", &what, NULL));
    return 0;
}
