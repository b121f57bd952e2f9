/* log2p1: log2(1 + x), the usual scale of TPM and RPKM values. */
#include "kind.h"
#include "lockstep/base/simd.h"
#include "lockstep/math/functions.h"

/* By way of log1p, which stays exact where x is small against 1. */
LS_SIMD static void to_bits(size_t n, float *x) {
    const double per_bit = 1.4426950408889634; /* 1 / ln 2 */
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] * per_bit);
}

static void map(float *x, size_t count) {
    ls_log1p_of(count, x, x);
    to_bits(count, x);
}

const ls_transform_kind ls_transform_log2p1 = {
    .row = {.name = "log2p1", .help = "log2(1 + x); values must be above -1"},
    .map = map,
    .limited = true,
    .above = -1};
