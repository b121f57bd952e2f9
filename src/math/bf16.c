/* Rounding to bfloat16. Why here: see bf16.h. */
#include "bf16.h"

#include <string.h>

#include "lockstep/base/simd.h"
#include "tiles.h"

enum { LINE = 16, AHEAD = 2 }; /* floats of a cache line; rows that are fetched ahead */

#define INFINITE_BITS 0x7f800000u
#define QUIET_BIT 0x0040u

static uint32_t rounded(uint32_t bits) {
    const uint32_t nearest = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (bits & 0x7fffffffu) > INFINITE_BITS ? bits >> 16 | QUIET_BIT : nearest;
}

LS_SIMD static void round_row(size_t n, const float *x, const float *next, ls_bf16 *y) {
    for (size_t i = 0; i < n; i += LINE)
        __builtin_prefetch(next + i);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        y[i] = (ls_bf16)rounded(bits);
    }
}

void ls_bf16_round(const ls_bf16_block *b) {
    for (size_t r = 0; r < b->rows; r++) {
        round_row(b->columns, b->from + r * b->from_row,
                  b->from + minimum(r + AHEAD, b->rows - 1) * b->from_row, b->to + r * b->to_row);
        memset(b->to + r * b->to_row + b->columns, 0,
               (b->all_columns - b->columns) * sizeof *b->to);
    }
    for (size_t r = b->rows; r < b->all_rows; r++)
        memset(b->to + r * b->to_row, 0, b->all_columns * sizeof *b->to);
}

float ls_bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = rounded(bits) << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}
