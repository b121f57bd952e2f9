/* Rounding of float32 matrices to bfloat16: the upper half of a float32, nearest, ties to even; in
 * the orders in which kernels for it read a product's operands.
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

/* Columns of a panel of a right operand. */
#define LS_BF16_PANEL ((size_t)64)

/* A row-major block and where it goes: an operand whose sums have `terms` terms, an even number,
 * not fewer than the block has. The further ones become zero. */
typedef struct ls_bf16_block {
    size_t rows, columns;
    const float *from;
    size_t from_row; /* length of a row */
    size_t terms;
    ls_bf16 *to;
} ls_bf16_block;

/* As a left operand, to[sum][terms], each row a sum; transposed: each column. A NaN stays one; what
 * is above the largest bfloat16 becomes infinite. */
void ls_bf16_left(const ls_bf16_block *block);
void ls_bf16_left_transposed(const ls_bf16_block *block);

/* As a right one, to[panel of sums][terms / 2][sum of the panel][2], each column a sum; transposed:
 * each row. A last panel may have anything beside its sums. */
void ls_bf16_right(const ls_bf16_block *block);
void ls_bf16_right_transposed(const ls_bf16_block *block);

/* The same of one number, as a float32. */
float ls_bf16_of(float x);

#endif
