/* The functions, one row each, and a set of them for each kind of processor. */
#ifndef LS_MATH_FUNCTIONS_TABLE_H
#define LS_MATH_FUNCTIONS_TABLE_H

#include <stddef.h>

/* X(name, accuracy): as SLEEF calls them, u10 for 1.0 ulp. */
#define LS_FUNCTION_TABLE(X)                                                                       \
    X(exp, u10)                                                                                    \
    X(expm1, u10)                                                                                  \
    X(log1p, u10)                                                                                  \
    X(tanh, u10)                                                                                   \
    X(erf, u10)                                                                                    \
    X(sinpi, u05)                                                                                  \
    X(cospi, u05)

typedef void ls_array_function(size_t n, const float *x, float *y);

typedef struct ls_functions {
#define LS_FUNCTION_FIELD(name, accuracy) ls_array_function *name;
    LS_FUNCTION_TABLE(LS_FUNCTION_FIELD)
#undef LS_FUNCTION_FIELD
} ls_functions;

#ifdef __x86_64__
extern const ls_functions ls_functions_avx2;
#endif

#endif
