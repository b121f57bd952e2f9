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

/* label, a line with the sum, zeros. The sum is that of the sums of pieces, which a writer has as
 * it goes, or with whole that of all bytes, as older files have it. */
static void render(const char *label, bool whole, ls_hash128 sum, char block[LS_H5_SEAL_BYTES]) {
    char hex[33], what[80] = "what follows";
    if (!whole)
        snprintf(what, sizeof what, "the xxh3_128, in hex, of every %zu bytes that follow",
                 LS_H5_PIECE_BYTES);
    memset(block, 0, LS_H5_SEAL_BYTES);
    snprintf(block, LS_H5_SEAL_BYTES, "%s\nxxh3_128 of %s these %d bytes: %s\n", label, what,
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

/* Adds piece i, of which *got bytes are there; buffer[LS_H5_PIECE_BYTES]. */
static ls_status add_piece(const ls_h5 *file, size_t i, bool whole, char *buffer, ls_hasher *h,
                           size_t *got) {
    const ls_h5_behind *behind = file->disk.behind;
    ls_hash128 sum;
    char hex[33];
    *got = LS_H5_PIECE_BYTES;
    if (whole || behind == NULL || !ls_h5_behind_sum(behind, i, &sum)) {
        const off_t at = LS_H5_SEAL_BYTES + (off_t)(i * LS_H5_PIECE_BYTES);
        LS_TRY(ls_h5_read_at(file, at, buffer, LS_H5_PIECE_BYTES, got));
        if (!whole)
            sum = ls_hash_bytes(buffer, *got);
    }
    if (whole)
        ls_hasher_add(h, buffer, *got);
    else if (*got > 0)
        ls_hasher_add(h, ls_print_hash(sum, hex), 32);
    return LS_OK;
}

static ls_status sum_rest(const ls_h5 *file, bool whole, ls_hash128 *sum) {
    char *buffer = NULL;
    ls_hasher *h = NULL;
    size_t got = LS_H5_PIECE_BYTES;
    ls_status st = ls_alloc(LS_H5_PIECE_BYTES, 1, "buffer", &buffer);
    if (st == LS_OK)
        st = ls_hasher_create(&h);
    for (size_t i = 0; st == LS_OK && got == LS_H5_PIECE_BYTES; i++)
        st = add_piece(file, i, whole, buffer, h, &got);
    if (st == LS_OK)
        *sum = ls_hasher_result(h);
    ls_hasher_destroy(h);
    ls_free(buffer);
    return st;
}

ls_status ls_h5_write_seal(ls_h5 *file) {
    char block[LS_H5_SEAL_BYTES];
    ls_hash128 sum;
    LS_TRY(ls_h5_check_disk(file));
    LS_TRY(sum_rest(file, false, &sum));
    render(file->label, false, sum, block);
    const ssize_t n = pwrite(file->disk.fd, block, sizeof block, 0);
    if (n != (ssize_t)sizeof block)
        file->disk.error = n < 0 ? errno : ENOSPC;
    return ls_h5_check_disk(file);
}

/* Whether the block is what a file with these bytes begins with. */
static ls_status fits(const ls_h5 *file, const char *label, bool whole, const char *block,
                      bool *yes) {
    char right[LS_H5_SEAL_BYTES];
    ls_hash128 sum;
    LS_TRY(sum_rest(file, whole, &sum));
    render(label, whole, sum, right);
    *yes = memcmp(block, right, sizeof right) == 0;
    return LS_OK;
}

ls_status ls_h5_check_seal(const ls_h5 *file, const char *label, bool *sealed) {
    char block[LS_H5_SEAL_BYTES];
    size_t got = 0;
    bool fit = false;
    LS_TRY(ls_h5_read_at(file, 0, block, sizeof block, &got));
    *sealed = got == sizeof block && strncmp(block, label, strlen(label)) == 0;
    if (!*sealed)
        return LS_OK;
    const bool whole = memmem(block, sizeof block, "of what", 7) != NULL;
    LS_TRY(fits(file, label, whole, block, &fit));
    if (!fit)
        return ls_hint(
            ls_fail(LS_ERR_DATA, file->path,
                    "the file is damaged: its bytes do not make the checksum at its beginning"),
            "use another file of the same folder, or a copy");
    return LS_OK;
}
