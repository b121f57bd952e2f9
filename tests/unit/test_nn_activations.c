/* Activations against float64 formulas of value and derivative, at lengths around a chunk, at the
 * ends of the range, and their bits: an element's are its own.
 *
 * The table of layers is walked: an activation that has no formula here fails the test. */
#include <math.h>

#include "layers.h"
#include "lockstep/math/math.h"
#include "nn_config.h"
#include "numbers.h"

enum { MOST = 3 * 4096 + 5 };

static float x[MOST], dy[MOST], y[MOST], dx[MOST];
static const size_t lengths[] = {0, 1, 3, 4095, 4096, 4097, 8192, MOST};

/* Values from [-8, 8). */
static int setup(void **state) {
    (void)state;
    fill(x, MOST, 1);
    fill(dy, MOST, 2);
    for (size_t i = 0; i < MOST; i++)
        x[i] *= 8;
    return ls_math_init() == LS_OK ? 0 : -1;
}

/* ---- formulas ---- */

static double same(double v) {
    return v;
}

static double one(double v) {
    (void)v;
    return 1;
}

static double relu(double v) {
    return v > 0 ? v : 0;
}

static double relu_slope(double v) {
    return v > 0;
}

static double leaky(double v) {
    return v > 0 ? v : 0.25 * v;
}

static double leaky_slope(double v) {
    return v > 0 ? 1 : 0.25;
}

static double elu(double v) {
    return v > 0 ? v : 0.5 * expm1(v);
}

static double elu_slope(double v) {
    return v > 0 ? 1 : 0.5 * exp(v);
}

/* The constants as PyTorch's documentation of SELU has them. */
static double selu(double v) {
    return 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * expm1(v));
}

static double selu_slope(double v) {
    return 1.0507009873554805 * (v > 0 ? 1 : 1.6732632423543772 * exp(v));
}

static double gelu(double v) {
    return v / 2 * erfc(-v / sqrt(2));
}

static double gelu_slope(double v) {
    return erfc(-v / sqrt(2)) / 2 + v * exp(-v * v / 2) / sqrt(2 * acos(-1.0));
}

static double softplus(double v) {
    return fmax(v, 0) + log1p(exp(-fabs(v)));
}

static double sigmoid(double v) {
    return 1 / (1 + exp(-v));
}

static double sigmoid_slope(double v) {
    return sigmoid(v) * sigmoid(-v);
}

static double tanh_slope(double v) {
    return 1 / (cosh(v) * cosh(v));
}

static double threshold(double v) {
    return v >= 0.5;
}

/* Tolerances in units of 2^-24: `ulps` of the value, `absolute` of 1 (gelu: of x, up to 8) where a
 * sum cancels, `slope_ulps` of dy. SLEEF's functions are within 2 units; each product, sum and
 * quotient adds 1, a rounded constant 1, and the argument of an exponential up to 16 (|x| up to 8
 * with half a unit, squared for gelu: but there the exponential is small). In gelu 1 + erf cancels
 * below 0. limit: the value at +1e4 and -1e4. */
static const struct {
    const char *yaml;
    double (*value)(double), (*slope)(double);
    double ulps, absolute, slope_ulps, limit[2];
} activations[] = {
    {"linear", same, one, 0, 0, 0, {1e4, -1e4}},
    {"relu", relu, relu_slope, 0, 0, 0, {1e4, 0}},
    {"{leaky_relu: 0.25}", leaky, leaky_slope, 0, 0, 0, {1e4, -2500}},
    {"{elu: 0.5}", elu, elu_slope, 3, 0, 5, {1e4, -0.5}},
    {"selu", selu, selu_slope, 5, 0, 10, {10507.0098, -1.75809934}},
    {"gelu", gelu, gelu_slope, 4, 24, 12, {1e4, 0}},
    {"softplus", softplus, sigmoid, 6, 0, 8, {1e4, 0}},
    {"sigmoid", sigmoid, sigmoid_slope, 6, 0, 4, {1, 0}},
    {"tanh", tanh, tanh_slope, 4, 0, 4, {1, -1}},
    {"{threshold: 0.5}", threshold, one, 0, 0, 0, {1, 0}},
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

/* ---- one activation: a layer of one unit over so many rows ---- */

typedef struct activation {
    nn_config config;
    ls_model *model;
    const ls_layer *layer;
} activation;

static activation activation_of(size_t k) {
    char yaml[128];
    activation a;
    (void)snprintf(yaml, sizeof yaml, "model: [{dense: 1}, %s]", activations[k].yaml);
    a.config = nn_config_of(yaml);
    a.model = nn_model_of(&a.config, 1);
    a.layer = &a.model->layers[1];
    return a;
}

static void activation_free(activation *a) {
    ls_model_destroy(a->model);
    nn_config_free(&a->config);
}

static void run(const activation *a, size_t n, const float *in, float *out, const float *d,
                float *din) {
    const size_t first[] = {0, n};
    const ls_pass pass = {.rows = {1, first}};
    const ls_layer_io io = {.x = in, .y = out, .dy = d, .dx = din};
    a->layer->type->forward(a->layer, &pass, &io);
    a->layer->type->backward(a->layer, &pass, &io);
}

static void every_activation_has_a_formula(void **state) {
    (void)state;
    for (size_t r = 0; ls_layer_choices.rows[r] != NULL; r++) {
        const ls_layer_type *type = (const ls_layer_type *)ls_layer_choices.rows[r];
        bool found = type->loops == NULL;
        for (size_t k = 0; k < ACTIVATIONS && !found; k++) {
            activation a = activation_of(k);
            found = a.layer->type == type;
            activation_free(&a);
        }
        if (!found)
            fail_msg("no formula for %s", type->row.name);
    }
}

static void values_and_slopes(void **state) {
    (void)state;
    for (size_t k = 0; k < ACTIVATIONS; k++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            const size_t n = lengths[l];
            const char *name = activations[k].yaml;
            activation a = activation_of(k);
            memset(y, 0xff, sizeof y);
            memset(dx, 0xff, sizeof dx);
            run(&a, n, x, y, dy, dx);
            for (size_t i = 0; i < n; i++) {
                const double v = (double)x[i], want = activations[k].value(v);
                const double slope = activations[k].slope(v);
                if (!(fabs((double)y[i] - want) <=
                      0x1p-24 * (activations[k].ulps * fabs(want) + activations[k].absolute) +
                          0x1p-126))
                    fail_msg("%s(%.9g) = %.9g, wanted %.12g", name, v, (double)y[i], want);
                if (!(fabs((double)dx[i] - (double)dy[i] * slope) <=
                      0x1p-24 * activations[k].slope_ulps * fabs((double)dy[i])))
                    fail_msg("%s at %.9g: slope %.9g, wanted %.12g", name, v,
                             (double)(dx[i] / dy[i]), slope);
            }
            if (n < MOST)
                assert_true(isnan(y[n]) && isnan(dx[n])); /* nothing behind the end */
            activation_free(&a);
        }
}

/* No overflow, no NaN out of numbers, and a NaN stays one. */
static void extremes(void **state) {
    (void)state;
    const float in[] = {1e4f, -1e4f, 3e38f, -3e38f, 0, -0.0f, NAN}, d[] = {1, 1, 1, 1, 1, 1, 1};
    for (size_t k = 0; k < ACTIVATIONS; k++) {
        float out[7], din[7];
        activation a = activation_of(k);
        run(&a, 7, in, out, d, din);
        for (size_t i = 0; i < 2; i++)
            if (!(fabs((double)out[i] - activations[k].limit[i]) <=
                  0x1p-22 * fabs(activations[k].limit[i])))
                fail_msg("%s(%g) = %.9g, wanted %.9g", activations[k].yaml, (double)in[i],
                         (double)out[i], activations[k].limit[i]);
        for (size_t i = 0; i < 6; i++)
            if (isnan(out[i]) || !isfinite(din[i]))
                fail_msg("%s(%g) = %g, slope %g", activations[k].yaml, (double)in[i],
                         (double)out[i], (double)din[i]);
        if (!isnan(out[6]))
            fail_msg("%s(NaN) = %g", activations[k].yaml, (double)out[6]);
        activation_free(&a);
    }
}

/* Each element by itself has the bits that it has among others, on any number of threads. */
static void bits_are_an_elements_own(void **state) {
    (void)state;
    static float alone[MOST], alone_dx[MOST];
    for (size_t k = 0; k < ACTIVATIONS; k++) {
        activation a = activation_of(k);
        for (size_t i = 0; i < MOST; i++)
            run(&a, 1, x + i, alone + i, dy + i, alone_dx + i);
        for (int threads = 1; threads <= 4; threads *= 2) {
            use_threads(threads);
            run(&a, MOST, x, y, dy, dx);
            assert_memory_equal(y, alone, sizeof y);
            assert_memory_equal(dx, alone_dx, sizeof dx);
        }
        activation_free(&a);
    }
    use_threads(2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_activation_has_a_formula),
        cmocka_unit_test(values_and_slopes),
        cmocka_unit_test(extremes),
        cmocka_unit_test(bits_are_an_elements_own),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
