/* polynomial: the columns and their products by two, in the order of scikit-learn's
 * PolynomialFeatures(degree=2, include_bias=False): all x_i, then x_i x_j for i <= j, i before j.
 */
#include <string.h>

#include "kind.h"
#include "lockstep/base/error.h"
#include "lockstep/base/simd.h"

typedef struct polynomial_options {
    bool interactions_only;
} polynomial_options;

static const ls_opt options[] = {{.key = "interactions_only",
                                  .kind = LS_OPT_BOOL,
                                  .offset = offsetof(polynomial_options, interactions_only),
                                  .fallback = "false",
                                  .help = "leave the squares out"},
                                 {.kind = LS_OPT_END}};

static double interactions_only(const void *o) {
    return ((const polynomial_options *)o)->interactions_only ? 1 : 0;
}

static bool valid(double value) {
    return value == 0 || value == 1;
}

static ls_status outputs(const double *parameter, size_t inputs, size_t *out) {
    /* The columns themselves, their products, their squares. */
    const double d = (double)inputs, all = d + d * (d - 1) / 2 + (parameter[0] == 0 ? d : 0);
    if (all > (double)LS_TRANSFORM_MADE_MAX)
        return ls_hint(ls_fail(LS_ERR_CONFIG, "data.transform",
                               "polynomial: %zu columns would become %.0f, more than %zu", inputs,
                               all, LS_TRANSFORM_MADE_MAX),
                       "put select or pca in front of it, which leave fewer");
    *out = (size_t)all;
    return LS_OK;
}

LS_SIMD static void multiply(size_t n, float by, const float *x, float *y) {
    for (size_t j = 0; j < n; j++)
        y[j] = by * x[j];
}

static void mix(const ls_transform_step *step, const float *in, float *out) {
    const size_t d = step->inputs, skip = step->parameter[0] != 0 ? 1 : 0;
    memcpy(out, in, d * sizeof *out);
    out += d;
    for (size_t i = 0; i < d; i++) {
        const size_t from = i + skip;
        multiply(d - from, in[i], in + from, out);
        out += d - from;
    }
}

static size_t origin(const ls_transform_step *step, size_t j) {
    return j < step->inputs ? j : LS_NOT_FOUND;
}

static const ls_mixing mixing = {.outputs = outputs, .mix = mix, .origin = origin};

const ls_transform_kind ls_transform_polynomial = {
    .row = {.name = "polynomial",
            .help = "the columns x_i, then their products x_i x_j for i <= j",
            .options = options,
            .options_size = sizeof(polynomial_options)},
    .parameter = {{"interactions_only", interactions_only, valid}},
    .mixing = &mixing};
