/* What the fuzz targets share: inputs as files, and runs that may crash inside HDF5.
 *
 * A target defines LLVMFuzzerTestOneInput, calls a reader with what the fuzzer made up, and calls
 * fuzz_expect on what must hold. Why here: libFuzzer gives bytes, the readers want files. Never
 * part of a test that CTest runs: see run.sh.
 */
#ifndef LS_TESTS_FUZZ_FUZZ_H
#define LS_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input's parts, in order; the last takes what is left, one that is not there is empty. */
typedef struct fuzz_part {
    const uint8_t *data;
    size_t size;
} fuzz_part;

/* What stands between the parts of an input. */
#define FUZZ_SEPARATOR "\n@@@@\n"

/* Cuts the first part off *rest. */
fuzz_part fuzz_cut(fuzz_part *rest);

/* The path of a file with these bytes, until the next call with the same slot (0 to 3). */
const char *fuzz_file(unsigned slot, const uint8_t *data, size_t size);

/* Makes the seal right of a file that begins like a sealed checkpoint. */
void fuzz_mend_seal(uint8_t *file, size_t size);

/* A path in a folder of this process for what the reader writes. */
const char *fuzz_output(void);

/* Ends the program, and is a finding, where it does not hold. */
void fuzz_expect(bool holds, const char *what);

/* The same for a reader's status: no small file may make it run out of memory. */
void fuzz_expect_modest(ls_status st);

/* Runs `run` in a process of its own, for libraries that are known to crash: what ends inside
 * HDF5 is counted and printed ("in HDF5: ...") and the fuzzer goes on; all else is a finding. The
 * coverage comes back. FUZZ_APART=0 in the environment runs it in this process. */
void fuzz_apart(void (*run)(const uint8_t *data, size_t size), const uint8_t *data, size_t size);

#endif
