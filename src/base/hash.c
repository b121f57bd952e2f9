/* XXH3-128 by the xxHash library. Why here: see hash.h. Never a proof against forgery. */
#include "lockstep/base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

struct ls_hasher {
    XXH3_state_t *state;
};

ls_status ls_hasher_create(ls_hasher **out) {
    *out = NULL;
    ls_hasher *h;
    LS_TRY(ls_alloc(1, sizeof *h, "hash state", &h));
    h->state = XXH3_createState();
    if (h->state == NULL) {
        ls_hasher_destroy(h);
        return ls_fail(LS_ERR_MEMORY, NULL, "no memory for a hash state");
    }
    ls_hasher_reset(h);
    *out = h;
    return LS_OK;
}

void ls_hasher_reset(ls_hasher *h) {
    (void)XXH3_128bits_reset(h->state); /* fails only on NULL */
}

void ls_hasher_add(ls_hasher *h, const void *bytes, size_t count) {
    /* Fails only on NULL with a count, which is the caller's broken promise. */
    if (count > 0)
        (void)XXH3_128bits_update(h->state, bytes, count);
}

ls_hash128 ls_hasher_result(const ls_hasher *h) {
    XXH128_hash_t sum = XXH3_128bits_digest(h->state);
    return (ls_hash128){.high = sum.high64, .low = sum.low64};
}

void ls_hasher_destroy(ls_hasher *h) {
    if (h == NULL)
        return;
    (void)XXH3_freeState(h->state);
    ls_free(h);
}

ls_hash128 ls_hash_bytes(const void *bytes, size_t count) {
    XXH128_hash_t sum = XXH3_128bits(bytes, count);
    return (ls_hash128){.high = sum.high64, .low = sum.low64};
}

ls_hash128 ls_hash_numbered(uint64_t number, const void *bytes, size_t count) {
    XXH128_hash_t sum = XXH3_128bits_withSeed(bytes, count, number);
    return (ls_hash128){.high = sum.high64, .low = sum.low64};
}

char *ls_print_hash(ls_hash128 hash, char *buffer) {
    (void)snprintf(buffer, 33, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
    return buffer;
}
