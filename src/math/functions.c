/* Elementary functions of arrays: the choice among SLEEF's variants. */
#include "lockstep/math/functions.h"

#include <sleef.h>

#include "functions_table.h"

/* One element at a time: with the bits of all others where the machine has fused operations by its
 * definition (ARM), with bits of its own on x86 processors of before 2013. */
#ifdef __FP_FAST_FMAF
#define SCALAR(name, accuracy) Sleef_finz_##name##f1_##accuracy##purecfma
#else
#define SCALAR(name, accuracy) Sleef_cinz_##name##f1_##accuracy##purec
#endif

#define ONE(name, accuracy)                                                                        \
    static void name##_one(size_t n, const float *x, float *y) {                                   \
        for (size_t i = 0; i < n; i++)                                                             \
            y[i] = SCALAR(name, accuracy)(x[i]);                                                   \
    }
LS_FUNCTION_TABLE(ONE)

#define ENTRY(name, accuracy) .name = name##_one,
static const ls_functions one = {LS_FUNCTION_TABLE(ENTRY)};

static const ls_functions *functions(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &ls_functions_avx2;
#endif
    return &one;
}

#define CHOOSE(name, accuracy)                                                                     \
    void ls_##name##_of(size_t n, const float *x, float *y) {                                      \
        functions()->name(n, x, y);                                                                \
    }
LS_FUNCTION_TABLE(CHOOSE)
