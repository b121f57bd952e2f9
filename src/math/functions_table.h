/* One set of functions a kind of processor. */
#ifndef LS_MATH_FUNCTIONS_TABLE_H
#define LS_MATH_FUNCTIONS_TABLE_H

#include <stddef.h>

typedef void ls_array_function(size_t n, const float *x, float *y);

typedef struct ls_functions {
    ls_array_function *exp, *log1p, *tanh;
} ls_functions;

#ifdef __x86_64__
extern const ls_functions ls_functions_avx2;
#endif

#endif
