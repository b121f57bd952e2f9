/* Undoing the filters of a chunk. Why here: see h5_filters.h. */
#include "h5_filters.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "lockstep/base/simd.h"

/* Adds 128 words, each two bytes with the higher one first: *a their sum, *b each times how many
 * words there are from it on to the last. */
LS_SIMD static void add_words(const uint8_t *p, uint32_t *a, uint32_t *b) {
    uint32_t sum = 0, weighted = 0;
    for (uint32_t i = 0; i < 128; i++) {
        uint16_t w;
        memcpy(&w, p + 2 * i, sizeof w);
        w = (uint16_t)(w << 8 | w >> 8);
        sum += w;
        weighted += (128 - i) * w;
    }
    *a = sum;
    *b = weighted;
}

static uint32_t fold(uint64_t sum) {
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

/* Fletcher-32 as HDF5 has it: of words with the higher byte first, the last one filled up with 0,
 * modulo 2^16 - 1. */
static uint32_t fletcher32(const uint8_t *p, size_t bytes) {
    uint64_t a = 0, b = 0;
    for (; bytes >= 256; bytes -= 256, p += 256) {
        uint32_t sum, weighted;
        add_words(p, &sum, &weighted);
        b = fold(b + 128 * a + weighted);
        a = fold(a + sum);
    }
    for (size_t i = 0; i < bytes; i += 2) {
        a += (uint32_t)(p[i] << 8 | (i + 1 < bytes ? p[i + 1] : 0));
        b += a;
    }
    return fold(b) << 16 | fold(a);
}

/* The bytes 0 of all elements come first, then the bytes 1, and so on. */
static void unshuffle(const char *from, size_t elements, char *to) {
    for (size_t i = 0; i < elements; i++)
        for (size_t k = 0; k < sizeof(float); k++)
            to[i * sizeof(float) + k] = from[k * elements + i];
}

static bool check_sum(const char *data, size_t bytes) {
    uint32_t stored;
    memcpy(&stored, data + bytes, sizeof stored);
    return fletcher32((const uint8_t *)data, bytes) == stored;
}

const char *ls_h5_unpack(const ls_h5_filters *f, char *const buffer[2], size_t bytes, size_t full) {
    int in = 0;
    if (f->summed && (bytes < LS_H5_SUM_BYTES || !check_sum(buffer[0], bytes -= LS_H5_SUM_BYTES)))
        return NULL;
    if (f->deflated) {
        uLongf length = full;
        if (uncompress((Bytef *)buffer[1], &length, (const Bytef *)buffer[0], bytes) != Z_OK)
            return NULL;
        bytes = length;
        in = 1;
    }
    if (bytes != full)
        return NULL;
    if (f->shuffled) {
        unshuffle(buffer[in], full / sizeof(float), buffer[1 - in]);
        in = 1 - in;
    }
    return buffer[in];
}
