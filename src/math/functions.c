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
static float exp1(float x) {
    return Sleef_finz_expf1_u10purecfma(x);
}

static float log1p1(float x) {
    return Sleef_finz_log1pf1_u10purecfma(x);
}

static float tanh1(float x) {
    return Sleef_finz_tanhf1_u10purecfma(x);
}
#else
static float exp1(float x) {
    return Sleef_cinz_expf1_u10purec(x);
}

static float log1p1(float x) {
    return Sleef_cinz_log1pf1_u10purec(x);
}

static float tanh1(float x) {
    return Sleef_cinz_tanhf1_u10purec(x);
}
#endif

static void exp_one(size_t n, const float *x, float *y) {
    apply(exp1, n, x, y);
}

static void log1p_one(size_t n, const float *x, float *y) {
    apply(log1p1, n, x, y);
}

static void tanh_one(size_t n, const float *x, float *y) {
    apply(tanh1, n, x, y);
}

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
