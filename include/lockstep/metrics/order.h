/* Rows in the order of their values, with ties told.
 *
 * Why here: ROC curves and rank correlations begin with a sort. A radix sort of keys that order as
 * the floats do: linear in the rows, stable, and the same on every machine.
 */
#ifndef LS_METRICS_ORDER_H
#define LS_METRICS_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

typedef struct ls_order {
    size_t capacity; /* rows */
    size_t n;        /* rows of the last sort */
    uint64_t *item;  /* [n] key << 32 | row, ascending */
    uint64_t *spare; /* [capacity] */
} ls_order;

/* Room for so many rows: 16 bytes each. Errors: ERR_MEMORY, ERR_DATA: more than 2^32 - 1. */
ls_status ls_order_create(size_t capacity, ls_order *out) LS_MUST_CHECK;
void ls_order_free(ls_order *order);

/* Sorts rows 0 .. n - 1 by x, ascending; equal values keep the order of rows, and -0 equals 0.
 * false: a value is NAN, so there is no order. */
bool ls_order_sort(ls_order *order, size_t n, const float *x) LS_MUST_CHECK;

/* The row at a place of the order. */
static inline size_t ls_order_row(const ls_order *order, size_t place) {
    return (size_t)(order->item[place] & UINT32_MAX);
}

/* Whether the values at two places are equal. */
static inline bool ls_order_tied(const ls_order *order, size_t a, size_t b) {
    return order->item[a] >> 32 == order->item[b] >> 32;
}

/* rank[n] of the values of the last sort, from 1; tied ones have their mean rank. */
void ls_order_ranks(const ls_order *order, double *rank);

#endif
