/* A stable radix sort of floats with their rows. Why here: see lockstep/metrics/order.h. */
#include "lockstep/metrics/order.h"

#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* The 32 bits of a key in three digits of 11. */
enum { DIGIT_BITS = 11, DIGITS = 3, BUCKETS = 1 << DIGIT_BITS };

ls_status ls_order_create(size_t capacity, ls_order *out) {
    *out = (ls_order){.capacity = capacity};
    if (capacity >= UINT32_MAX)
        return ls_fail(LS_ERR_DATA, NULL, "more than 2^32 rows to put in order");
    ls_status st = ls_alloc(capacity, sizeof *out->item, "order of rows", &out->item);
    if (st == LS_OK)
        st = ls_alloc(capacity, sizeof *out->spare, "order of rows", &out->spare);
    if (st != LS_OK)
        ls_order_free(out);
    return st;
}

void ls_order_free(ls_order *order) {
    ls_free(order->item);
    ls_free(order->spare);
    *order = (ls_order){0};
}

/* A number that orders as x does: the sign bit of positive floats is set, negative ones are turned
 * round. Adding 0 makes -0 to 0. */
static uint32_t key_of(float x) {
    uint32_t bits;
    x += 0.0f;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | (uint32_t)1 << 31;
}

static size_t digit_of(uint64_t item, unsigned digit) {
    return (size_t)(item >> (32 + digit * DIGIT_BITS)) & (BUCKETS - 1);
}

static void sort_by_digit(size_t n, unsigned digit, const uint64_t *from, uint64_t *to) {
    size_t first[BUCKETS + 1] = {0};
    for (size_t i = 0; i < n; i++)
        first[digit_of(from[i], digit) + 1]++;
    for (size_t b = 0; b < BUCKETS; b++)
        first[b + 1] += first[b];
    for (size_t i = 0; i < n; i++)
        to[first[digit_of(from[i], digit)]++] = from[i];
}

bool ls_order_sort(ls_order *order, size_t n, const float *x) {
    order->n = n;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            return false;
        order->item[i] = (uint64_t)key_of(x[i]) << 32 | i;
    }
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        sort_by_digit(n, digit, order->item, order->spare);
        uint64_t *sorted = order->spare;
        order->spare = order->item;
        order->item = sorted;
    }
    return true;
}

void ls_order_ranks(const ls_order *order, double *rank) {
    for (size_t first = 0, end = 0; first < order->n; first = end) {
        while (end < order->n && ls_order_tied(order, first, end))
            end++;
        for (size_t i = first; i < end; i++) /* the mean of first + 1 .. end */
            rank[ls_order_row(order, i)] = (double)(first + 1 + end) / 2;
    }
}
