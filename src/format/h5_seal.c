/* The seal of an HDF5 file: a block of text before HDF5's own part, with a sum of all that follows.
 *
 * Why here: a file that was cut short or in which a bit has turned is known before HDF5 reads a
 * byte of it. HDF5 calls such a block the user block, and every tool for HDF5 reads on behind it.
 * Never a proof against forgery.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "h5_private.h"
#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"

#define PIECE_BYTES ((size_t)1 << 20)

/* label, a line with the sum, zeros. */
static void render(const char *label, ls_hash128 sum, char block[LS_H5_SEAL_BYTES]) {
    char hex[33];
    memset(block, 0, LS_H5_SEAL_BYTES);
    snprintf(block, LS_H5_SEAL_BYTES, "%s\nxxh3_128 of what follows these %d bytes: %s\n", label,
             LS_H5_SEAL_BYTES, ls_print_hash(sum, hex));
}

ls_status ls_h5_read_at(const ls_h5 *file, off_t offset, char *buffer, size_t size, size_t *got) {
    for (*got = 0; *got < size;) {
        const ssize_t n = pread(file->disk.fd, buffer + *got, size - *got, offset + (off_t)*got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ls_fail_errno(file->writable ? LS_ERR_IO : LS_ERR_DATA, file->path, "read");
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return LS_OK;
}

static ls_status sum_rest(const ls_h5 *file, ls_hash128 *sum) {
    char *piece = NULL;
    ls_hasher *h = NULL;
    size_t got = 0;
    off_t at = LS_H5_SEAL_BYTES;
    ls_status st = ls_alloc(PIECE_BYTES, 1, "buffer", &piece);
    if (st == LS_OK)
        st = ls_hasher_create(&h);
    while (st == LS_OK) {
        st = ls_h5_read_at(file, at, piece, PIECE_BYTES, &got);
        if (st != LS_OK || got == 0)
            break;
        ls_hasher_add(h, piece, got);
        at += (off_t)got;
    }
    if (st == LS_OK)
        *sum = ls_hasher_result(h);
    ls_hasher_destroy(h);
    ls_free(piece);
    return st;
}

ls_status ls_h5_write_seal(ls_h5 *file) {
    char block[LS_H5_SEAL_BYTES];
    ls_hash128 sum;
    LS_TRY(ls_h5_check_disk(file));
    LS_TRY(sum_rest(file, &sum));
    render(file->label, sum, block);
    const ssize_t n = pwrite(file->disk.fd, block, sizeof block, 0);
    if (n != (ssize_t)sizeof block)
        file->disk.error = n < 0 ? errno : ENOSPC;
    return ls_h5_check_disk(file);
}

ls_status ls_h5_check_seal(const ls_h5 *file, const char *label, bool *sealed) {
    char block[LS_H5_SEAL_BYTES], right[LS_H5_SEAL_BYTES];
    ls_hash128 sum;
    size_t got = 0;
    LS_TRY(ls_h5_read_at(file, 0, block, sizeof block, &got));
    *sealed = got == sizeof block && strncmp(block, label, strlen(label)) == 0;
    if (!*sealed)
        return LS_OK;
    LS_TRY(sum_rest(file, &sum));
    render(label, sum, right);
    if (memcmp(block, right, sizeof block) != 0)
        return ls_hint(
            ls_fail(LS_ERR_DATA, file->path,
                    "the file is damaged: its bytes do not make the checksum at its beginning"),
            "use another file of the same folder, or a copy");
    return LS_OK;
}
