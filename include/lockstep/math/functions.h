/* Elementary functions of arrays by SLEEF: within 1 ulp, and with the same bits on every processor
 * that has fused operations, whatever stands beside an element.
 *
 * Why here: the maths library's own vary with its version. One thread's work. In place where y is
 * x.
 */
#ifndef LS_MATH_FUNCTIONS_H
#define LS_MATH_FUNCTIONS_H

#include <stddef.h>

void ls_exp_of(size_t n, const float *x, float *y);
void ls_expm1_of(size_t n, const float *x, float *y); /* exp x - 1 */
void ls_log1p_of(size_t n, const float *x, float *y); /* ln (1 + x) */
void ls_tanh_of(size_t n, const float *x, float *y);
void ls_erf_of(size_t n, const float *x, float *y);   /* the error function */
void ls_sinpi_of(size_t n, const float *x, float *y); /* sin (pi x) */
void ls_cospi_of(size_t n, const float *x, float *y); /* cos (pi x) */

#endif
