/* Inputs as files, and what must hold. Why here: see fuzz.h. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/hash.h"
#include "lockstep/train/checkpoint.h"

enum { SLOTS = 4 };

void fuzz_expect(bool holds, const char *what) {
    if (holds)
        return;
    fprintf(stderr, "finding: %s\n", what);
    abort();
}

void fuzz_expect_modest(ls_status st) {
    if (st == LS_OK)
        return;
    fuzz_expect(ls_error_last()->status == st && ls_error_last()->message[0] != '\0',
                "a failure without a message");
    fuzz_expect(st != LS_ERR_MEMORY, ls_error_last()->message);
}

fuzz_part fuzz_cut(fuzz_part *rest) {
    const size_t length = strlen(FUZZ_SEPARATOR);
    fuzz_part first = *rest;
    const uint8_t *at = memmem(rest->data, rest->size, FUZZ_SEPARATOR, length);
    if (at == NULL) {
        *rest = (fuzz_part){rest->data + rest->size, 0};
        return first;
    }
    first.size = (size_t)(at - first.data);
    *rest = (fuzz_part){at + length, rest->size - first.size - length};
    return first;
}

const char *fuzz_file(unsigned slot, const uint8_t *data, size_t size) {
    static int fd[SLOTS];
    static char path[SLOTS][32];
    if (path[slot][0] == '\0') {
        fd[slot] = memfd_create("input", 0);
        fuzz_expect(fd[slot] >= 0, "no file in memory");
        snprintf(path[slot], sizeof path[slot], "/proc/self/fd/%d", fd[slot]);
    }
    fuzz_expect(ftruncate(fd[slot], 0) == 0 && pwrite(fd[slot], data, size, 0) == (ssize_t)size,
                "the file in memory can not be written");
    return path[slot];
}

/* As h5_seal.c writes it; how many bytes it has stands in it. */
void fuzz_mend_seal(uint8_t *file, size_t size) {
    static const char words[] = LS_CHECKPOINT_FORMAT "\nxxh3_128 of what follows these ";
    char hex[40];
    const size_t length = sizeof words - 1;
    if (size < length + 8 || memcmp(file, words, length) != 0)
        return;
    size_t seal = 0;
    for (size_t i = length; i < length + 6 && file[i] >= '0' && file[i] <= '9'; i++)
        seal = 10 * seal + (size_t)(file[i] - '0');
    if (seal < 512 || seal >= size)
        return;
    ls_print_hash(ls_hash_bytes(file + seal, size - seal), hex);
    memset(file, 0, seal);
    snprintf((char *)file, seal, "%s%zu bytes: %s\n", words, seal, hex);
}

static char folder[256], output[300];

static void remove_output(void) {
    unlink(output);
    rmdir(folder);
}

const char *fuzz_output(void) {
    if (output[0] != '\0')
        return output;
    const char *where = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/lockstep-fuzz-XXXXXX", where != NULL ? where : "/tmp");
    fuzz_expect(mkdtemp(folder) != NULL, "no temporary folder");
    snprintf(output, sizeof output, "%s/out.h5", folder);
    atexit(remove_output);
    return output;
}
