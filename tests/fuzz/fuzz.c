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

/* As checkpoint.h describes it. */
void fuzz_mend_seal(uint8_t *file, size_t size) {
    static const char label[] = LS_CHECKPOINT_FORMAT "\n";
    enum { SEAL = 4096, PIECE = 2 << 20 };
    char hex[33];
    ls_hasher *h = NULL;
    if (size <= SEAL || memcmp(file, label, sizeof label - 1) != 0)
        return;
    fuzz_expect(ls_hasher_create(&h) == LS_OK, "no memory");
    for (size_t at = SEAL; at < size; at += PIECE) {
        const size_t n = size - at < PIECE ? size - at : PIECE;
        ls_hasher_add(h, ls_print_hash(ls_hash_bytes(file + at, n), hex), 32);
    }
    ls_print_hash(ls_hasher_result(h), hex);
    ls_hasher_destroy(h);
    memset(file, 0, SEAL);
    snprintf(
        (char *)file, SEAL,
        "%sxxh3_128 of the xxh3_128, in hex, of every %d bytes that follow these %d bytes: %s\n",
        label, PIECE, SEAL, hex);
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
