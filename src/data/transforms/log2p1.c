/* log2p1: log2(1 + x), the usual scale of TPM and RPKM values. */
#include <math.h>

#include "kind.h"

/* By way of log1pf, which stays exact where x is small against 1. */
static void map(float *x, size_t count) {
    const double per_bit = 1.4426950408889634; /* 1 / ln 2 */
    for (size_t i = 0; i < count; i++)
        x[i] = (float)((double)log1pf(x[i]) * per_bit);
}

const ls_transform_kind ls_transform_log2p1 = {
    .row = {.name = "log2p1", .help = "log2(1 + x); values must be above -1"},
    .map = map,
    .limited = true,
    .above = -1};
