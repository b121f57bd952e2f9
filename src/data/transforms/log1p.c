/* log1p: ln(1 + x), for counts and expression values. */
#include <math.h>

#include "kind.h"

static void map(float *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        x[i] = log1pf(x[i]);
}

const ls_transform_kind ls_transform_log1p = {
    .row = {.name = "log1p", .help = "ln(1 + x); values must be above -1"},
    .map = map,
    .limited = true,
    .above = -1};
