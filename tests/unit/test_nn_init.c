/* Initialisers: moments and fans of each, the counter of every element, given values. */
#include <math.h>

#include "lockstep/base/random.h"
#include "lockstep/nn/init.h"
#include "nn_config.h"
#include "numbers.h"

enum { IN = 303, OUT = 200 };

/* Model {dense: {units: OUT, init: INIT}} on IN inputs, initialised; the weight comes first. */
typedef struct dense_model {
    nn_config config;
    ls_model *model;
} dense_model;

static dense_model dense_of(const char *init, const char *more, size_t in, uint32_t seed) {
    char yaml[256];
    dense_model d;
    (void)snprintf(yaml, sizeof yaml, "model: [{dense: {units: %d, init: %s%s}}]", OUT, init, more);
    d.config = nn_config_of(yaml);
    d.model = nn_model_of(&d.config, in);
    OK(ls_model_init(d.model, seed));
    return d;
}

static void dense_free(dense_model *d) {
    ls_model_destroy(d->model);
    nn_config_free(&d->config);
}

/* Mean, standard deviation, kurtosis (normal 3, cut at two deviations 2.37, uniform 1.8) and
 * largest magnitude. */
typedef struct moments {
    double mean, deviation, kurtosis, most;
} moments;

static moments moments_of(const float *x, size_t n) {
    moments m = {0};
    double second = 0, fourth = 0;
    for (size_t i = 0; i < n; i++) {
        m.mean += (double)x[i] / (double)n;
        m.most = fmax(m.most, fabs((double)x[i]));
    }
    for (size_t i = 0; i < n; i++) {
        double d = (double)x[i] - m.mean;
        second += d * d / (double)n;
        fourth += d * d * d * d / (double)n;
    }
    m.deviation = sqrt(second);
    m.kurtosis = fourth / (second * second);
    return m;
}

typedef enum shape_kind { NORMAL, TRUNCATED, UNIFORM, OTHER } shape_kind;

/* Of a standard normal that is cut at +-2: 1 - 4 f / p, with f the density there and p the
 * probability between; and (3 p - 2 f (2^3 + 3 2)) / p for the fourth moment. */
static double truncated_variance(void) {
    return 1 - 4 * exp(-2) / sqrt(2 * acos(-1.0)) / erf(sqrt(2.0));
}

static double truncated_kurtosis(void) {
    const double fourth = 3 - 28 * exp(-2) / sqrt(2 * acos(-1.0)) / erf(sqrt(2.0));
    return fourth / (truncated_variance() * truncated_variance());
}

/* What each initialiser promises for fans IN and OUT: the variance of its values (of a truncated
 * normal before it is cut). */
static const struct {
    const char *name, *yaml;
    shape_kind kind;
    double variance;
} examples[] = {
    {"he_normal", "he_normal", NORMAL, 2.0 / IN},
    {"he_uniform", "he_uniform", UNIFORM, 2.0 / IN},
    {"xavier_normal", "xavier_normal", NORMAL, 2.0 / (IN + OUT)},
    {"xavier_uniform", "xavier_uniform", UNIFORM, 2.0 / (IN + OUT)},
    {"xavier_normal", "glorot_normal", NORMAL, 2.0 / (IN + OUT)},
    {"xavier_uniform", "glorot_uniform", UNIFORM, 2.0 / (IN + OUT)},
    {"lecun_normal", "lecun_normal", NORMAL, 1.0 / IN},
    {"lecun_uniform", "lecun_uniform", UNIFORM, 1.0 / IN},
    {"truncated_normal", "{truncated_normal: 0.5}", TRUNCATED, 0.25},
    {"truncated_normal", "truncated_normal", TRUNCATED, 0.0001},
    {"orthogonal", "orthogonal", OTHER, 0}, /* test_nn_orthogonal.c */
    {"normal", "{normal: 0.25}", NORMAL, 0.0625},
    {"normal", "normal", NORMAL, 0.0001},
    {"uniform", "{uniform: {limit: 0.75}}", UNIFORM, 0.1875},
    {"uniform", "uniform", UNIFORM, 0.0025 / 3},
    {"constant", "{constant: -1.5}", OTHER, 0},
    {"zeros", "zeros", OTHER, 0},
    {"ones", "ones", OTHER, 0},
    {"values", "", OTHER, 0},
};

/* The bounds are five standard errors of n = 60,600 independent draws: the mean's is d / sqrt n,
 * the deviation's d sqrt((kurtosis - 1) / 4n), the kurtosis's sqrt(24 / n) for a normal. */
static void check_moments(const char *name, const float *x, size_t n, shape_kind kind,
                          double variance) {
    moments m = moments_of(x, n);
    const bool cut = kind == TRUNCATED;
    const double kurtosis = cut ? truncated_kurtosis() : kind == NORMAL ? 3 : 1.8;
    const double d = sqrt(cut ? variance * truncated_variance() : variance);
    const double root = sqrt((double)n);
    if (fabs(m.mean) > 5 * d / root)
        fail_msg("%s: mean %g, deviation %g", name, m.mean, d);
    if (fabs(m.deviation - d) > 5 * d * sqrt((kurtosis - 1) / 4) / root)
        fail_msg("%s: deviation %g, wanted %g", name, m.deviation, d);
    if (fabs(m.kurtosis - kurtosis) > 5 * sqrt(24.0) / root)
        fail_msg("%s: kurtosis %g, wanted %g", name, m.kurtosis, kurtosis);
    if (kind == UNIFORM && m.most > d * sqrt(3.0) * (1 + 0x1p-23))
        fail_msg("%s: %g is beyond the limit", name, m.most);
    if (cut && (m.most > 2 * sqrt(variance) * (1 + 0x1p-23) || m.most < 1.99 * sqrt(variance)))
        fail_msg("%s: the largest is %g", name, m.most);
}

static void moments_and_fans(void **state) {
    (void)state;
    for (size_t r = 0; ls_init_choices.rows[r] != NULL; r++) {
        size_t found = 0;
        for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
            if (strcmp(examples[e].name, ls_init_choices.rows[r]->name) != 0)
                continue;
            found++;
            if (examples[e].kind == OTHER)
                continue;
            dense_model d = dense_of(examples[e].yaml, "", IN, 11);
            check_moments(examples[e].name, d.model->weights, (size_t)IN * OUT, examples[e].kind,
                          examples[e].variance);
            dense_free(&d);
        }
        if (found == 0)
            fail_msg("no example for initialiser %s", ls_init_choices.rows[r]->name);
    }
}

/* A normal value for element [o, i] of parameter p by its definition: draw i % 4 of the four at key
 * {seed, purpose 1 and p}, counter {attempt, o, i / 4, 0}; pairs of draws make two. */
static double attempt_at(uint32_t seed, uint32_t p, uint32_t attempt, uint32_t o, uint32_t i) {
    uint32_t draw[4], k = i % 4;
    ls_random_quad((ls_random_key){seed, 0x01000000u + p}, attempt, o, i / 4, draw);
    double radius = sqrt(-2 * log((draw[k - k % 2] + 0.5) / 4294967296.0));
    double angle = 2 * acos(-1.0) * (draw[k - k % 2 + 1] / 4294967296.0);
    return radius * (k % 2 == 0 ? cos(angle) : sin(angle));
}

/* The first attempt, or a uniform value likewise. */
static double element(uint32_t seed, uint32_t p, uint32_t o, uint32_t i, bool normal) {
    uint32_t draw[4];
    if (normal)
        return attempt_at(seed, p, 0, o, i);
    ls_random_quad((ls_random_key){seed, 0x01000000u + p}, 0, o, i / 4, draw);
    return floor(draw[i % 4] / 256.0) / 16777216.0 * 2 - 1;
}

/* Two roundings of a float64 formula: an element out of its place differs by its whole size. */
static void check_elements(const ls_param *param, const float *w, uint32_t p, double size,
                           bool normal) {
    for (uint32_t o = 0; o < param->strips.out; o++)
        for (uint32_t i = 0; i < param->strips.in; i++) {
            const double want = size * element(77, p, o, i, normal);
            const double got = (double)w[ls_strips_at(&param->strips, o, i)];
            if (!(fabs(got - want) <= 0x1p-23 * fabs(want) + 1e-12))
                fail_msg("parameter %u [%u, %u]: %.9g, wanted %.9g", p, o, i, got, want);
        }
}

static void every_element_has_its_counter(void **state) {
    (void)state;
    nn_config config = nn_config_of(
        "model: [{dense: {units: 70, init: {normal: 1}, bias_init: {uniform: 2}}}, relu,\n"
        "        {dense: {units: 6, init: {uniform: 0.5}, bias: false}},\n"
        "        {dense: {units: 3, init: he_normal, bias_init: {normal: 3}}}]");
    ls_model *m = nn_model_of(&config, 7);
    static const bool normal[] = {true, false, false, true, true};
    const double size[] = {1, 2, 0.5, sqrt(2.0 / 6), 3}; /* 70 units: two strips */
    OK(ls_model_init(m, 77));
    assert_int_equal(m->n_params, 5);
    for (uint32_t p = 0; p < 5; p++) {
        const ls_param *q = &m->params[p];
        check_elements(q, m->weights + q->offset, p, size[p], normal[p]);
    }
    ls_model_destroy(m);
    nn_config_free(&config);
}

/* An element that is cut off is drawn again, with counter {1, o, i / 4, 0} and so on; none other.
 */
static void truncated_elements_are_drawn_again(void **state) {
    (void)state;
    dense_model d = dense_of("{truncated_normal: 1}", "", IN, 77);
    const ls_strips *as = &d.model->params[0].strips;
    size_t again = 0;
    for (uint32_t o = 0; o < OUT; o++)
        for (uint32_t i = 0; i < IN; i++) {
            double want = element(77, 0, o, i, true);
            for (uint32_t attempt = 1; fabs(want) > 2; attempt++, again++)
                want = attempt_at(77, 0, attempt, o, i);
            const double got = (double)d.model->weights[ls_strips_at(as, o, i)];
            assert_true(fabs(got - want) <= 0x1p-23 * fabs(want) + 1e-12);
        }
    /* 4.55 in 100, and 4.55 in 100 of these: five standard errors. */
    const double n = (double)IN * OUT, share = erfc(sqrt(2.0));
    assert_true(fabs((double)again - n * share / (1 - share)) < 5 * sqrt(n * share * 1.1));
    dense_free(&d);
}

static void threads_do_not_matter(void **state) {
    (void)state;
    static float one[IN * OUT];
    for (int threads = 1; threads <= 4; threads *= 2) {
        use_threads(threads);
        dense_model d = dense_of("he_normal", "", IN, 3);
        if (threads == 1)
            memcpy(one, d.model->weights, sizeof one);
        assert_memory_equal(one, d.model->weights, sizeof one);
        dense_free(&d);
    }
}

static void seeds_differ(void **state) {
    (void)state;
    dense_model a = dense_of("he_normal", "", IN, 1), b = dense_of("he_normal", "", IN, 2);
    size_t same = 0;
    for (size_t i = 0; i < (size_t)IN * OUT; i++)
        same += a.model->weights[i] == b.model->weights[i];
    assert_true(same < 10);
    dense_free(&a);
    dense_free(&b);
}

static void constants(void **state) {
    (void)state;
    dense_model d = dense_of("{constant: -1.5}", ", bias_init: zeros", 4, 1);
    for (size_t i = 0; i < 4 * OUT; i++)
        assert_true(d.model->weights[i] == -1.5f);
    d.model->weights[d.model->params[1].offset] = 9;
    OK(ls_model_init(d.model, 1));
    for (size_t i = 0; i < OUT; i++)
        assert_true(d.model->weights[d.model->params[1].offset + i] == 0);
    dense_free(&d);
}

static void values(void **state) {
    (void)state;
    nn_config config = nn_config_of("model: [{dense: {units: 2, init: {values: [[1, 2, 3], [4, 5, "
                                    "6]]}, bias_init: {values: [7, 8]}}}]");
    static const float want[] = {1, 2, 3, 4, 5, 6};
    ls_model *m = nn_model_of(&config, 3);
    OK(ls_model_init(m, 1));
    for (size_t o = 0; o < 2; o++)
        for (size_t i = 0; i < 3; i++)
            assert_true(m->weights[ls_strips_at(&m->params[0].strips, o, i)] == want[o * 3 + i]);
    assert_true(m->weights[m->params[1].offset] == 7 && m->weights[m->params[1].offset + 1] == 8);
    ls_model_destroy(m);
    m = nn_model_of(&config, 4);
    FAILS(LS_ERR_CONFIG, "6 values are given, 8 are needed", ls_model_init(m, 1));
    assert_non_null(strstr(ls_error_last()->message, "0_dense/weight"));
    ls_model_destroy(m);
    nn_config_free(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(moments_and_fans),
                                       cmocka_unit_test(every_element_has_its_counter),
                                       cmocka_unit_test(truncated_elements_are_drawn_again),
                                       cmocka_unit_test(threads_do_not_matter),
                                       cmocka_unit_test(seeds_differ),
                                       cmocka_unit_test(constants),
                                       cmocka_unit_test(values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
