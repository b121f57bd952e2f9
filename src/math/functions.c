/* Elementary functions of arrays: the choice among SLEEF's variants. */
#include "lockstep/math/functions.h"

#include <sleef.h>

#include "functions_table.h"

typedef float scalar_function(float);

static void apply(scalar_function *f, size_t n, const float *x, float *y) {
    for (size_t i = 0; i < n; i++)
        y[i] = f(x[i]);
}

/* One element at a time: with the bits of all others where the machine has fused operations by its
 * definition (ARM), with bits of its own on x86 processors of before 2013. */
#ifdef __FP_FAST_FMAF
static void exp_one(size_t n, const float *x, float *y) {
    apply(Sleef_finz_expf1_u10purecfma, n, x, y);
}

static void log1p_one(size_t n, const float *x, float *y) {
    apply(Sleef_finz_log1pf1_u10purecfma, n, x, y);
}

static void tanh_one(size_t n, const float *x, float *y) {
    apply(Sleef_finz_tanhf1_u10purecfma, n, x, y);
}
#else
static void exp_one(size_t n, const float *x, float *y) {
    apply(Sleef_cinz_expf1_u10purec, n, x, y);
}

static void log1p_one(size_t n, const float *x, float *y) {
    apply(Sleef_cinz_log1pf1_u10purec, n, x, y);
}

static void tanh_one(size_t n, const float *x, float *y) {
    apply(Sleef_cinz_tanhf1_u10purec, n, x, y);
}
#endif

static const ls_functions one = {exp_one, log1p_one, tanh_one};

static const ls_functions *functions(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &ls_functions_avx2;
#endif
    return &one;
}

void ls_exp_of(size_t n, const float *x, float *y) {
    functions()->exp(n, x, y);
}

void ls_log1p_of(size_t n, const float *x, float *y) {
    functions()->log1p(n, x, y);
}

void ls_tanh_of(size_t n, const float *x, float *y) {
    functions()->tanh(n, x, y);
}
