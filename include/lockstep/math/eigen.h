/* Principal axes: products of a matrix with its own transpose, orthonormal vectors, the largest
 * eigenvalues. In float64.
 *
 * Why here: the only caller of LAPACK. Calls are single-threaded, products are cut into tiles whose
 * shapes depend on the problem alone and spread over threads: bits do not depend on their number.
 * Never sees where rows come from.
 */
#ifndef LS_MATH_EIGEN_H
#define LS_MATH_EIGEN_H

#include <stddef.h>

#include "lockstep/base/status.h"

/* sum[count, n] += z x^T x, for z[count, n] and few rows x[rows, n]; room[rows, count] is
 * overwritten. z NULL: the unit matrix, count = n, no room; then only elements [i, j] with i <= j
 * are certain. */
void ls_gram_add(size_t rows, size_t n, size_t count, const double *x, const double *z,
                 double *room, double *sum);

/* out[rows, n] = a[rows, count] b[count, n]; a_turned: a[count, rows], b_turned: b[n, count]. */
void ls_product_f64(size_t rows, size_t n, size_t count, const double *a, int a_turned,
                    const double *b, int b_turned, double *out);

/* Makes vectors z[count, n], count <= n, orthonormal: each becomes one of the span of those up to
 * it (QR by Householder reflections, LAPACK's dgeqrf and dorgqr). Where they depend on each other
 * there come any that are orthonormal. Errors: ERR_MEMORY, ERR_RUNTIME. */
ls_status ls_orthonormalize(size_t count, size_t n, double *z) LS_MUST_CHECK;

/* The count largest eigenvalues of a symmetric matrix a[n, n], which is overwritten and of which
 * only the elements [i, j] with i <= j are looked at: value[count] in descending order,
 * vector[count, n] of length 1, each such that its element of largest absolute value (the first of
 * several) is positive (LAPACK's dsyevr). Errors: ERR_MEMORY; ERR_RUNTIME: a is not finite. */
ls_status ls_eigen_largest(size_t n, size_t count, double *a, double *value,
                           double *vector) LS_MUST_CHECK;

/* Turns vectors z[count, n] so that of each the element of largest absolute value (the first of
 * several) is positive. */
void ls_fix_signs(size_t count, size_t n, double *z);

#endif
