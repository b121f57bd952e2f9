/* cpm: counts per million, every value times a million by the sum of its row (Robinson and Smyth
 * 2007 call the sums library sizes): how deep a sample was sequenced no longer shows. A row of
 * zeros stays one. */
#include "kind.h"
#include "lockstep/base/simd.h"
#include "lockstep/base/tree.h"

#define BLOCK ((size_t)512)

/* In eight sums, which lie in one vector. */
LS_SIMD static double sum_of_block(size_t n, const float *x) {
    enum { PARTS = 8 };
    double part[PARTS] = {0}, sum = 0;
    size_t i = 0;
    for (; i + PARTS <= n; i += PARTS)
        for (size_t k = 0; k < PARTS; k++)
            part[k] += (double)x[i + k];
    for (; i < n; i++)
        part[i % PARTS] += (double)x[i];
    for (size_t k = 0; k < PARTS; k++)
        sum += part[k];
    return sum;
}

/* The sums of blocks of columns, in a tree: so the sum depends on nothing but the row. */
static double sum_of_row(const float *x, size_t n) {
    if (n <= BLOCK)
        return sum_of_block(n, x);
    const size_t left = ls_tree_left((n + BLOCK - 1) / BLOCK) * BLOCK;
    return sum_of_row(x, left) + sum_of_row(x + left, n - left);
}

static double row_factor(const float *in, size_t count) {
    const double sum = sum_of_row(in, count);
    return sum > 0 ? 1e6 / sum : 0;
}

static ls_status outputs(const double *parameter, size_t inputs, size_t *out) {
    (void)parameter;
    *out = inputs;
    return LS_OK;
}

static size_t refused(const ls_transform_step *step, const float *in) {
    size_t j = 0;
    while (j < step->inputs && in[j] >= 0)
        j++;
    return j < step->inputs ? j : LS_NOT_FOUND;
}

static size_t origin(const ls_transform_step *step, size_t j) {
    (void)step;
    return j;
}

static const ls_mixing mixing = {.outputs = outputs,
                                 .row_factor = row_factor,
                                 .refused = refused,
                                 .takes = "counts, which are never negative: put it in front of "
                                          "what takes logarithms or centers",
                                 .origin = origin};

const ls_transform_kind ls_transform_cpm = {
    .row = {.name = "cpm", .help = "counts per million: x * 1000000 / (sum of the row's columns)"},
    .mixing = &mixing};
