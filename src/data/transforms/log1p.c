/* log1p: ln(1 + x), for counts and expression values. */
#include "kind.h"
#include "lockstep/math/functions.h"

static void map(float *x, size_t count) {
    ls_log1p_of(count, x, x);
}

const ls_transform_kind ls_transform_log1p = {
    .row = {.name = "log1p", .help = "ln(1 + x); values must be above -1"},
    .map = map,
    .limited = true,
    .above = -1};
