/* Rounding of float32 matrices to bfloat16: the upper half of a float32, nearest, ties to even.
 *
 * Why here: what multiplies in bfloat16 rounds its operands itself, a tile at a time; weights,
 * activations and gradients stay float32 everywhere else. Never flushes small numbers.
 */
#ifndef LS_MATH_BF16_H
#define LS_MATH_BF16_H

#include <stddef.h>
#include <stdint.h>

/* A bfloat16's bits. */
typedef uint16_t ls_bf16;

/* A row-major block and what it becomes: `to` has `all_rows` by `all_columns`, zero where `from`
 * has nothing. Lengths of rows in elements. */
typedef struct ls_bf16_block {
    size_t rows, columns;
    const float *from;
    size_t from_row;
    size_t all_rows, all_columns;
    ls_bf16 *to;
    size_t to_row;
} ls_bf16_block;

/* A NaN stays one; what is above the largest bfloat16 becomes infinite. */
void ls_bf16_round(const ls_bf16_block *block);

/* The same of one number, as a float32. */
float ls_bf16_of(float x);

#endif
