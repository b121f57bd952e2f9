/* XXH3-128 over a stream of bytes: fingerprints of weights, arrays and data.
 *
 * Why here: the same sum is used to compare runs and to find a damaged file. Not a
 * cryptographic hash: it finds accidents, not forgeries.
 */
#ifndef LS_BASE_HASH_H
#define LS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

typedef struct ls_hash128 {
    uint64_t high, low;
} ls_hash128;

typedef struct ls_hasher ls_hasher;

ls_status ls_hasher_create(ls_hasher **out) LS_MUST_CHECK;
void ls_hasher_reset(ls_hasher *h); /* as new */
void ls_hasher_add(ls_hasher *h, const void *bytes, size_t count);
ls_hash128 ls_hasher_result(const ls_hasher *h);
void ls_hasher_destroy(ls_hasher *h);

/* The sum of one block of bytes. */
ls_hash128 ls_hash_bytes(const void *bytes, size_t count);

/* The sum of a number and a block of bytes. */
ls_hash128 ls_hash_numbered(uint64_t number, const void *bytes, size_t count);

/* 32 lowercase hex digits; buffer holds at least 33 bytes. Returns buffer. */
char *ls_print_hash(ls_hash128 hash, char *buffer);

#endif
