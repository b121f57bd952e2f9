/* Elementwise kernels and row-wise reductions. The loops that the compiler turns into vector
 * code stand in functions of their own, compiled for several instruction sets. */
#include "lockstep/math/vector.h"

#include <math.h>
#include <string.h>

#include "lockstep/math/functions.h"

void ls_for_chunks(size_t n, size_t chunk, ls_chunk_kernel *kernel, void *context) {
    size_t chunks = (n + chunk - 1) / chunk;
#pragma omp parallel for schedule(static) if (chunks > 1)
    for (size_t c = 0; c < chunks; c++) {
        size_t first = c * chunk, rest = n - first;
        kernel(context, first, rest < chunk ? rest : chunk);
    }
}

/* The arrays of an elementwise kernel: c from a and b. */
typedef struct arrays {
    const float *a, *b;
    float *c;
    const uint8_t *mask;
    float scale;
    size_t columns;
    const size_t *row;
} arrays;

LS_SIMD static void minus_size_loop(size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = -fabsf(x[i]);
}

/* e: exp(-|x|). */
LS_SIMD static void logistic_loop(size_t n, const float *x, const float *e, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] >= 0.0f ? 1.0f : e[i]) / (1.0f + e[i]);
}

LS_SIMD static void mask_loop(size_t n, const uint8_t *mask, float scale, const float *x,
                              float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = mask[i] ? x[i] * scale : 0.0f;
}

LS_SIMD static void add_loop(size_t n, const float *a, const float *b, float *c) {
    for (size_t i = 0; i < n; i++)
        c[i] = a[i] + b[i];
}

static void add_chunk(void *context, size_t first, size_t n) {
    arrays *v = context;
    add_loop(n, v->a + first, v->b + first, v->c + first);
}

static void sigmoid_chunk(void *context, size_t first, size_t n) {
    arrays *v = context;
    float e[LS_VECTOR_CHUNK] = {0}; /* c may be a */
    minus_size_loop(n, v->a + first, e);
    ls_exp_of(n, e, e); /* of a negative number only: it can not overflow */
    logistic_loop(n, v->a + first, e, v->c + first);
}

static void exp_chunk(void *context, size_t first, size_t n) {
    arrays *v = context;
    ls_exp_of(n, v->a + first, v->c + first);
}

static void mask_chunk(void *context, size_t first, size_t n) {
    arrays *v = context;
    mask_loop(n, v->mask + first, v->scale, v->a + first, v->c + first);
}

static void softmax_row(size_t columns, const float *x, float *y) {
    float top = x[0], sum = 0.0f;
    for (size_t j = 1; j < columns; j++)
        top = x[j] > top ? x[j] : top;
    for (size_t j = 0; j < columns; j++)
        y[j] = x[j] - top;
    ls_exp_of(columns, y, y);
    for (size_t j = 0; j < columns; j++)
        sum += y[j];
    for (size_t j = 0; j < columns; j++)
        y[j] /= sum;
}

static void softmax_chunk(void *context, size_t first, size_t n) {
    arrays *v = context;
    for (size_t r = first; r < first + n; r++)
        softmax_row(v->columns, v->a + r * v->columns, v->c + r * v->columns);
}

static void softmax_backward_chunk(void *context, size_t first, size_t n) {
    arrays *v = context;
    for (size_t r = first; r < first + n; r++) {
        const float *y = v->a + r * v->columns, *dy = v->b + r * v->columns;
        float *dx = v->c + r * v->columns, dot = 0.0f;
        for (size_t j = 0; j < v->columns; j++)
            dot += dy[j] * y[j];
        for (size_t j = 0; j < v->columns; j++)
            dx[j] = y[j] * (dy[j] - dot);
    }
}

static void gather_chunk(void *context, size_t first, size_t n) {
    arrays *v = context;
    for (size_t r = first; r < first + n; r++)
        memcpy(v->c + r * v->columns, v->a + v->row[r] * v->columns, v->columns * sizeof(float));
}

void ls_sigmoid(size_t n, const float *x, float *y) {
    ls_for_chunks(n, LS_VECTOR_CHUNK, sigmoid_chunk, &(arrays){.a = x, .c = y});
}

void ls_exp(size_t n, const float *x, float *y) {
    ls_for_chunks(n, LS_VECTOR_CHUNK, exp_chunk, &(arrays){.a = x, .c = y});
}

void ls_add(size_t n, const float *a, const float *b, float *c) {
    ls_for_chunks(n, LS_VECTOR_CHUNK, add_chunk, &(arrays){.a = a, .b = b, .c = c});
}

void ls_mask(size_t n, const uint8_t *mask, float scale, const float *x, float *y) {
    ls_for_chunks(n, LS_VECTOR_CHUNK, mask_chunk,
                  &(arrays){.a = x, .c = y, .mask = mask, .scale = scale});
}

void ls_softmax(size_t rows, size_t columns, const float *x, float *y) {
    ls_for_chunks(rows, 8, softmax_chunk, &(arrays){.a = x, .c = y, .columns = columns});
}

void ls_softmax_backward(size_t rows, size_t columns, const float *y, const float *dy, float *dx) {
    ls_for_chunks(rows, 8, softmax_backward_chunk,
                  &(arrays){.a = y, .b = dy, .c = dx, .columns = columns});
}

void ls_gather_rows(size_t rows, size_t columns, const float *in, const size_t *row, float *out) {
    ls_for_chunks(rows, 4, gather_chunk,
                  &(arrays){.a = in, .c = out, .columns = columns, .row = row});
}

/* A NaN or an infinity has all bits of the exponent set. */
LS_SIMD static uint32_t not_finite_loop(size_t n, const float *x) {
    uint32_t any = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        any |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    return any;
}

int ls_any_not_finite(size_t n, const float *x) {
    uint32_t any = 0;
#pragma omp parallel for schedule(static) reduction(| : any) if (n > LS_VECTOR_CHUNK)
    for (size_t i = 0; i < n; i += LS_VECTOR_CHUNK)
        any |= not_finite_loop(n - i < LS_VECTOR_CHUNK ? n - i : LS_VECTOR_CHUNK, x + i);
    return (int)any;
}
