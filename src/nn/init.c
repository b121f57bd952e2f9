/* The initialisers, one row each: a scale or a fill for a parameter of given fans. */
#include "lockstep/nn/init.h"

#include <math.h>

#include "init_private.h"
#include "lockstep/base/error.h"

typedef enum init_kind { NORMAL, TRUNCATED, UNIFORM, CONSTANT, VALUES, ORTHOGONAL } init_kind;

typedef struct init_type {
    ls_opt_row row;
    init_kind kind;
    /* Standard deviation, half-width, the constant, or a factor. */
    double (*size)(const void *options, double fan_in, double fan_out);
} init_type;

typedef struct size_options {
    double size;
} size_options;

typedef struct values_options {
    ls_float_list values;
} values_options;

static const ls_opt std_options[] = {
    {.key = "std",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(size_options, size),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .help = "standard deviation; the mean is 0"},
    {.kind = LS_OPT_END},
};

static const ls_opt truncated_options[] = {
    {.key = "std",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(size_options, size),
     .fallback = "0.01",
     .min = 0,
     .max = 1e6,
     .help = "standard deviation of the normal; what lies beyond 2 of it is drawn again"},
    {.kind = LS_OPT_END},
};

static const ls_opt limit_options[] = {
    {.key = "limit",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(size_options, size),
     .fallback = "0.05",
     .min = 0,
     .max = 1e6,
     .help = "values lie in [-limit, limit)"},
    {.kind = LS_OPT_END},
};

static const ls_opt constant_options[] = {
    {.key = "value",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(size_options, size),
     .min = -1e30,
     .max = 1e30,
     .help = "the value of every element"},
    {.kind = LS_OPT_END},
};

static const ls_opt gain_options[] = {
    {.key = "gain",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(size_options, size),
     .fallback = "1",
     .min = -1e6,
     .max = 1e6,
     .help = "factor of the matrix (relu: 1.4142135623730951)"},
    {.kind = LS_OPT_END},
};

static const ls_opt values_table[] = {
    {.key = "values",
     .kind = LS_OPT_FLOAT_LIST,
     .offset = offsetof(values_options, values),
     .help = "all elements; a matrix row by row, [units, inputs]"},
    {.kind = LS_OPT_END},
};

static double given_size(const void *options, double fan_in, double fan_out) {
    (void)fan_in;
    (void)fan_out;
    return ((const size_options *)options)->size;
}

static double zero_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    (void)fan_in;
    (void)fan_out;
    return 0;
}

static double one_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    (void)fan_in;
    (void)fan_out;
    return 1;
}

/* He et al. 2015: variance 2 / fan_in. */
static double he_normal_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    (void)fan_out;
    return sqrt(2.0 / fan_in);
}

static double he_uniform_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    (void)fan_out;
    return sqrt(6.0 / fan_in);
}

/* Glorot and Bengio 2010: variance 2 / (fan_in + fan_out). */
static double xavier_normal_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    return sqrt(2.0 / (fan_in + fan_out));
}

static double xavier_uniform_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    return sqrt(6.0 / (fan_in + fan_out));
}

/* LeCun et al. 1998: variance 1 / fan_in. */
static double lecun_normal_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    (void)fan_out;
    return sqrt(1.0 / fan_in);
}

static double lecun_uniform_size(const void *options, double fan_in, double fan_out) {
    (void)options;
    (void)fan_out;
    return sqrt(3.0 / fan_in);
}

static const init_type he_normal = {
    {.name = "he_normal", .help = "normal, variance 2 / inputs"}, NORMAL, he_normal_size};
static const init_type he_uniform = {
    {.name = "he_uniform", .help = "uniform, variance 2 / inputs"}, UNIFORM, he_uniform_size};
static const init_type xavier_normal = {
    {.name = "xavier_normal", .help = "normal, variance 2 / (inputs + outputs)"},
    NORMAL,
    xavier_normal_size};
static const init_type xavier_uniform = {
    {.name = "xavier_uniform", .help = "uniform, variance 2 / (inputs + outputs)"},
    UNIFORM,
    xavier_uniform_size};
static const init_type lecun_normal = {
    {.name = "lecun_normal", .help = "normal, variance 1 / inputs"}, NORMAL, lecun_normal_size};
static const init_type lecun_uniform = {
    {.name = "lecun_uniform", .help = "uniform, variance 1 / inputs"}, UNIFORM, lecun_uniform_size};
static const init_type orthogonal = {{"orthogonal",
                                      "rows (or columns, if they are fewer) of length 1 that are "
                                      "orthogonal to each other; up to 16777216 elements",
                                      gain_options, sizeof(size_options), "gain"},
                                     ORTHOGONAL,
                                     given_size};
static const init_type normal = {
    {"normal", "normal with a given deviation", std_options, sizeof(size_options), "std"},
    NORMAL,
    given_size};
static const init_type truncated_normal = {{"truncated_normal",
                                            "normal, nothing beyond two deviations",
                                            truncated_options, sizeof(size_options), "std"},
                                           TRUNCATED,
                                           given_size};
static const init_type uniform = {
    {"uniform", "uniform in a given range", limit_options, sizeof(size_options), "limit"},
    UNIFORM,
    given_size};
static const init_type constant = {
    {"constant", "one value everywhere", constant_options, sizeof(size_options), "value"},
    CONSTANT,
    given_size};
static const init_type ones = {{.name = "ones", .help = "1 everywhere"}, CONSTANT, one_size};
static const init_type zeros = {{.name = "zeros", .help = "0 everywhere"}, CONSTANT, zero_size};
static const init_type values = {
    {"values", "given values", values_table, sizeof(values_options), "values"}, VALUES, NULL};

static const ls_opt_row *const rows[] = {
    &he_normal.row,      &he_uniform.row,   &xavier_normal.row,
    &xavier_uniform.row, &lecun_normal.row, &lecun_uniform.row,
    &orthogonal.row,     &normal.row,       &truncated_normal.row,
    &uniform.row,        &constant.row,     &zeros.row,
    &ones.row,           &values.row,       NULL,
};

static const ls_opt_alias aliases[] = {
    {"glorot_normal", &xavier_normal.row}, {"glorot_uniform", &xavier_uniform.row}, {NULL, NULL}};

const ls_choice ls_init_zeros = {&zeros.row, NULL};
const ls_choice ls_init_ones = {&ones.row, NULL};

const ls_opt_choices ls_init_choices = {.what = "initialiser", .rows = rows, .aliases = aliases};

void ls_init_normal4(ls_random_key key, uint32_t attempt, uint32_t row, uint32_t quad,
                     double out[4]) {
    uint32_t bits[4];
    ls_random_quad(key, attempt, row, quad, bits);
    ls_random_normal2(bits[0], bits[1], out);
    ls_random_normal2(bits[2], bits[3], out + 2);
}

#define CUT 2.0

static bool is_cut(const double x[4]) {
    return fabs(x[0]) > CUT || fabs(x[1]) > CUT || fabs(x[2]) > CUT || fabs(x[3]) > CUT;
}

/* Each element is the first of its draws that is not cut off. */
static void draw_truncated4(ls_random_key key, uint32_t row, uint32_t quad, double out[4]) {
    ls_init_normal4(key, 0, row, quad, out);
    for (uint32_t attempt = 1; is_cut(out); attempt++) {
        double again[4];
        ls_init_normal4(key, attempt, row, quad, again);
        for (int k = 0; k < 4; k++)
            if (fabs(out[k]) > CUT)
                out[k] = again[k];
    }
}

static void draw_uniform4(ls_random_key key, uint32_t row, uint32_t quad, double out[4]) {
    uint32_t bits[4];
    ls_random_quad(key, 0, row, quad, bits);
    for (int k = 0; k < 4; k++)
        out[k] = 2.0 * (double)ls_random_unitf(bits[k]) - 1.0;
}

/* Four elements of one row, from the quads of draws that are theirs alone. */
static void draw_quad(ls_random_key key, init_kind kind, double size, uint32_t row, uint32_t quad,
                      double out[4]) {
    if (kind == NORMAL)
        ls_init_normal4(key, 0, row, quad, out);
    else if (kind == TRUNCATED)
        draw_truncated4(key, row, quad, out);
    else
        draw_uniform4(key, row, quad, out);
    for (int k = 0; k < 4; k++)
        out[k] *= size;
}

static void draw_all(const ls_param_spec *spec, const ls_strips *as, ls_random_key key,
                     init_kind kind, double size, float *w) {
    const size_t first = spec->first_column, end = first + as->in;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < as->out; r++) {
        float *row = w + ls_strips_at(as, r, 0);
        const size_t apart = ls_strips_width(as, r);
        for (size_t c = first; c < end;) {
            double quad[4];
            draw_quad(key, kind, size, (uint32_t)r, (uint32_t)(c / 4), quad);
            do
                row[(c - first) * apart] = (float)quad[c % 4];
            while (++c % 4 != 0 && c < end);
        }
    }
}

static ls_status copy_values(const ls_param_spec *spec, const ls_strips *as,
                             const values_options *o, float *w) {
    const size_t all = spec->all_columns > 0 ? spec->all_columns : as->in;
    if (o->values.count != as->out * all)
        return ls_fail(LS_ERR_CONFIG, spec->name, "init: %zu values are given, %zu are needed",
                       o->values.count, as->out * all);
    for (size_t r = 0; r < as->out; r++)
        for (size_t c = 0; c < as->in; c++)
            w[ls_strips_at(as, r, c)] = o->values.values[r * all + spec->first_column + c];
    return LS_OK;
}

ls_status ls_init_param(const ls_param_spec *spec, const ls_strips *as, uint32_t seed,
                        uint32_t index, float *w) {
    const init_type *type = (const init_type *)spec->init->row;
    const void *options = spec->init->options;
    const ls_random_key key = ls_random_key_make(seed, LS_RANDOM_INIT, index);
    if (type->kind == VALUES)
        return copy_values(spec, as, options, w);
    const double size = type->size(options, (double)spec->fan_in, (double)spec->fan_out);
    if (type->kind == ORTHOGONAL)
        return ls_init_orthogonal(spec, as, key, size, w);
    if (type->kind == CONSTANT)
        for (size_t i = 0; i < as->out * as->in; i++)
            w[i] = (float)size;
    else
        draw_all(spec, as, key, type->kind, size, w);
    return LS_OK;
}
