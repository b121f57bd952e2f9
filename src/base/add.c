/* Sums of arrays. Why here: see add.h. */
#include "lockstep/base/add.h"

#include "lockstep/base/simd.h"

LS_SIMD static void loop(size_t n, const float *restrict x, float *restrict sum) {
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

void ls_add_to(size_t n, const float *restrict x, float *restrict sum) {
    loop(n, x, sum);
}
