/* Sums of arrays, element by element.
 *
 * Why here: gradients of lanes and of batches, partial products and biases are all added this way,
 * in modules that know nothing of each other. Never in parallel: threads share out the arrays.
 */
#ifndef LS_BASE_ADD_H
#define LS_BASE_ADD_H

#include <stddef.h>

/* sum[i] += x[i] for i in [0, n); the two do not overlap. */
void ls_add_to(size_t n, const float *restrict x, float *restrict sum);

#endif
