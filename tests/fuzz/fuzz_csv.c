/* Fuzzes the import of CSV and TSV. Input: two bytes that choose the options, then the file.
 * Why here: see fuzz.h. */
#include "fuzz.h"
#include "lockstep/data/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const targets[] = {"2", "3"}, *const columns[] = {"4", "5"};
    if (size < 2)
        return -1;
    const unsigned options = data[0], more = data[1];
    const char *inputs[] = {fuzz_file(0, data + 2, size - 2)};
    ls_import what = {.inputs = inputs, .n_inputs = 1, .out = fuzz_output()};
    if (options & 1)
        what.label = options & 2 ? "1" : "label";
    else if (options & 2)
        what.targets = targets, what.n_targets = 1 + (more & 1);
    if (options & 4)
        what.id = "id";
    if (options & 8)
        what.group = "3";
    what.no_header = (options & 16) != 0;
    what.missing = (int)(options >> 5 & 3);
    if (options & 128)
        what.delimiter = ';';
    if (more & 2)
        what.features = columns, what.n_features = 2;
    else if (more & 4)
        what.drops = columns, what.n_drops = 1;
    fuzz_expect_modest(ls_import_run(more & 8 ? "tsv" : "csv", &what, NULL));
    return 0;
}
