/* The initialisers, one row each: a scale or a fill for a parameter of given fans. */
#include "lockstep/nn/init.h"

#include <math.h>

#include "lockstep/base/error.h"
#include "lockstep/base/random.h"

typedef enum init_kind { NORMAL, UNIFORM, CONSTANT, VALUES } init_kind;

typedef struct init_type {
    ls_opt_row row;
    init_kind kind;
    /* Standard deviation, half-width, or the constant. */
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
static const init_type normal = {
    {"normal", "normal with a given deviation", std_options, sizeof(size_options), "std"},
    NORMAL,
    given_size};
static const init_type uniform = {
    {"uniform", "uniform in a given range", limit_options, sizeof(size_options), "limit"},
    UNIFORM,
    given_size};
static const init_type constant = {
    {"constant", "one value everywhere", constant_options, sizeof(size_options), "value"},
    CONSTANT,
    given_size};
static const init_type zeros = {{.name = "zeros", .help = "0 everywhere"}, CONSTANT, zero_size};
static const init_type values = {
    {"values", "given values", values_table, sizeof(values_options), "values"}, VALUES, NULL};

static const ls_opt_row *const rows[] = {
    &he_normal.row, &he_uniform.row, &xavier_normal.row, &xavier_uniform.row, &normal.row,
    &uniform.row,   &constant.row,   &zeros.row,         &values.row,         NULL,
};

const ls_opt_choices ls_init_choices = {"initialiser", rows};

/* Four elements of one row, from the quad of draws that is theirs alone. */
static void draw_quad(ls_random_key key, init_kind kind, double size, uint32_t row, uint32_t quad,
                      double out[4]) {
    uint32_t bits[4];
    ls_random_quad(key, 0, row, quad, bits);
    if (kind == NORMAL) {
        ls_random_normal2(bits[0], bits[1], out);
        ls_random_normal2(bits[2], bits[3], out + 2);
        for (int k = 0; k < 4; k++)
            out[k] *= size;
        return;
    }
    for (int k = 0; k < 4; k++)
        out[k] = size * (2.0 * (double)ls_random_unitf(bits[k]) - 1.0);
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
    if (type->kind == VALUES)
        return copy_values(spec, as, spec->init->options, w);
    double size = type->size(spec->init->options, (double)spec->fan_in, (double)spec->fan_out);
    if (type->kind == CONSTANT)
        for (size_t i = 0; i < as->out * as->in; i++)
            w[i] = (float)size;
    else
        draw_all(spec, as, ls_random_key_make(seed, LS_RANDOM_INIT, index), type->kind, size, w);
    return LS_OK;
}
