/* Elementwise kernels and row-wise reductions, spread over threads.
 *
 * Every element is computed from the elements of its own place (or its own row, in a fixed
 * order) by correctly rounded operations and the functions of functions.h, so its bits do not
 * depend on chunks, threads or neighbours.
 *
 * Why here: layers, losses and optimisers are made of these. Never calls BLAS.
 */
#ifndef LS_MATH_VECTOR_H
#define LS_MATH_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/simd.h"

/* Floats that a thread works on at a time. */
#define LS_VECTOR_CHUNK ((size_t)4096)

/* Calls kernel(context, first, count) for consecutive chunks of [0, n), over all threads. */
typedef void ls_chunk_kernel(void *context, size_t first, size_t count);
void ls_for_chunks(size_t n, size_t chunk, ls_chunk_kernel *kernel, void *context);

/* y = 1 / (1 + exp(-x)). */
void ls_sigmoid(size_t n, const float *x, float *y);

/* y = exp(x). */
void ls_exp(size_t n, const float *x, float *y);

/* y[r, :] = exp(x[r, :]) / sum exp(x[r, :]), stable; dx = y (dy - sum(dy y)). [rows, columns] */
void ls_softmax(size_t rows, size_t columns, const float *x, float *y);
void ls_softmax_backward(size_t rows, size_t columns, const float *y, const float *dy, float *dx);

/* c = a + b. */
void ls_add(size_t n, const float *a, const float *b, float *c);

/* y = x * mask[i] * scale, mask of zeros and ones. */
void ls_mask(size_t n, const uint8_t *mask, float scale, const float *x, float *y);

/* out[i, :] = in[row[i], :] for rows of `columns` floats. */
void ls_gather_rows(size_t rows, size_t columns, const float *in, const size_t *row, float *out);

/* 0 when all of x is finite, else 1. */
int ls_any_not_finite(size_t n, const float *x);

#endif
