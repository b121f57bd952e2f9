/* Rounding to bfloat16. Why here: see bf16.h. */
#include "bf16.h"

#include <string.h>

#include "lockstep/base/simd.h"
#include "tiles.h"

enum { LINE = 16, AHEAD = 4 }; /* floats of a cache line; rows that are fetched ahead */

#define INFINITE_BITS 0x7f800000u
#define QUIET_BIT 0x0040u

static uint32_t rounded(uint32_t bits) {
    const uint32_t nearest = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (bits & 0x7fffffffu) > INFINITE_BITS ? bits >> 16 | QUIET_BIT : nearest;
}

static uint32_t rounded_at(const float *x) {
    uint32_t bits;
    memcpy(&bits, x, sizeof bits);
    return rounded(bits);
}

static void fetch(const ls_bf16_block *b, size_t row) {
    const float *next = b->from + minimum(row + AHEAD, b->rows - 1) * b->from_row;
    for (size_t i = 0; i < b->columns; i += LINE)
        __builtin_prefetch(next + i);
}

LS_SIMD static void round_row(size_t n, const float *x, ls_bf16 *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = (ls_bf16)rounded_at(x + i);
}

void ls_bf16_left(const ls_bf16_block *b) {
    for (size_t r = 0; r < b->rows; r++) {
        ls_bf16 *to = b->to + r * b->terms;
        fetch(b, r);
        round_row(b->columns, b->from + r * b->from_row, to);
        memset(to + b->columns, 0, (b->terms - b->columns) * sizeof *to);
    }
}

/* Two terms of n sums, one beside the other. b NULL: zero. */
LS_SIMD static void round_pair(size_t n, const float *a, const float *b, ls_bf16 *y) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t pair = rounded_at(a + i) | (b != NULL ? rounded_at(b + i) << 16 : 0);
        memcpy(y + 2 * i, &pair, sizeof pair);
    }
}

void ls_bf16_right(const ls_bf16_block *b) {
    for (size_t r = 0; r < b->terms; r += 2) {
        if (r < b->rows) {
            fetch(b, r);
            fetch(b, r + 1);
        }
        for (size_t c = 0; c < b->columns; c += LS_BF16_PANEL) {
            const float *from = b->from + r * b->from_row + c;
            const size_t n = minimum(LS_BF16_PANEL, b->columns - c);
            ls_bf16 *to = b->to + c * b->terms + r * LS_BF16_PANEL;
            if (r < b->rows)
                round_pair(n, from, r + 1 < b->rows ? from + b->from_row : NULL, to);
            else
                memset(to, 0, 2 * n * sizeof *to);
        }
    }
}

/* A square of pairs of terms: to[pair][sum] = from[sum][pair]. */
LS_SIMD static void turn(uint32_t from[LINE][LINE], uint32_t to[LINE][LINE]) {
    for (size_t p = 0; p < LINE; p++)
        for (size_t s = 0; s < LINE; s++)
            to[p][s] = from[s][p];
}

/* LINE terms of the pairs of LINE sums: columns c.. of rows r.., two rows a pair; zero where there
 * are none. */
static void take_pairs_down(const ls_bf16_block *b, size_t r, size_t c,
                            uint32_t pairs[LINE][LINE]) {
    const size_t n = minimum(LINE, b->columns - c);
    memset(pairs, 0, LINE * sizeof *pairs);
    for (size_t p = 0; p < LINE && r + 2 * p < b->rows; p++) {
        const float *from = b->from + (r + 2 * p) * b->from_row + c;
        ls_bf16 row[2 * LINE] = {0};
        round_pair(n, from, r + 2 * p + 1 < b->rows ? from + b->from_row : NULL, row);
        memcpy(pairs[p], row, sizeof row);
    }
}

void ls_bf16_left_transposed(const ls_bf16_block *b) {
    uint32_t pairs[LINE][LINE], turned[LINE][LINE];
    for (size_t r = 0; r < b->terms; r += 2 * LINE)
        for (size_t c = 0; c < b->columns; c += LINE) {
            const size_t bytes = minimum(2 * LINE, b->terms - r) * sizeof *b->to;
            take_pairs_down(b, r, c, pairs);
            turn(pairs, turned);
            for (size_t s = 0; s < LINE && c + s < b->columns; s++)
                memcpy(b->to + (c + s) * b->terms + r, turned[s], bytes);
        }
}

/* The pairs from term c on of LINE sums from r on, zero where there are none. */
static void take_pairs(const ls_bf16_block *b, size_t r, size_t c, uint32_t pairs[LINE][LINE]) {
    const size_t n = c < b->columns ? minimum(2 * LINE, b->columns - c) : 0;
    memset(pairs, 0, LINE * sizeof *pairs);
    for (size_t s = 0; s < LINE && r + s < b->rows; s++) {
        ls_bf16 row[2 * LINE] = {0};
        round_row(n, b->from + (r + s) * b->from_row + c, row);
        memcpy(pairs[s], row, sizeof row);
    }
}

void ls_bf16_right_transposed(const ls_bf16_block *b) {
    uint32_t pairs[LINE][LINE], turned[LINE][LINE];
    for (size_t r = 0; r < b->rows; r += LINE)
        for (size_t c = 0; c < b->terms; c += 2 * LINE) {
            ls_bf16 *to = b->to + r / LS_BF16_PANEL * LS_BF16_PANEL * b->terms +
                          r % LS_BF16_PANEL * 2 + c * LS_BF16_PANEL;
            const size_t count = minimum(LINE, (b->terms - c) / 2);
            take_pairs(b, r, c, pairs);
            turn(pairs, turned);
            for (size_t p = 0; p < count; p++)
                memcpy(to + p * 2 * LS_BF16_PANEL, turned[p], sizeof turned[p]);
        }
}

float ls_bf16_of(float x) {
    const uint32_t bits = rounded_at(&x) << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}
