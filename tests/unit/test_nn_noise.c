/* Noise: the distribution of its draws, what each depends on, and what the layers make of them. */
#include <math.h>

#include "lockstep/base/random.h"
#include "lockstep/math/math.h"
#include "nn_config.h"
#include "numbers.h"

enum { ROWS = 400, UNITS = 1302 }; /* more units than are drawn at a time */

static float x[ROWS * UNITS], y[ROWS * UNITS], dy[ROWS * UNITS], dx[ROWS * UNITS];
static uint32_t position[ROWS];

typedef struct noise_model {
    nn_config config;
    ls_model *model;
} noise_model;

/* The model [dense, NOISE, dense, NOISE]: layers 1 and 3 are looked at. */
static noise_model noise_of(const char *name, double std) {
    char yaml[192];
    noise_model m;
    (void)snprintf(yaml, sizeof yaml,
                   "model: [{dense: %d}, {%s: %g}, {dense: %d}, {%s: {std: %g}}]", UNITS, name, std,
                   UNITS, name, std);
    m.config = nn_config_of(yaml);
    m.model = nn_model_of(&m.config, 2);
    return m;
}

static void noise_free(noise_model *m) {
    ls_model_destroy(m->model);
    nn_config_free(&m->config);
}

/* Layer `index` on `rows` rows of x into y, and back from dy into dx. */
static void run(const noise_model *m, size_t index, size_t rows, uint32_t seed, uint32_t epoch,
                bool training) {
    const ls_layer *l = &m->model->layers[index];
    const size_t first[] = {0, rows};
    ls_pass pass = {.rows = {1, first},
                    .training = training,
                    .seed = seed,
                    .epoch = epoch,
                    .position = position};
    ls_layer_io io = {.x = x, .y = y, .dy = dy, .dx = dx};
    assert_int_equal(m->model->plans[index].state_bytes, 0);
    l->type->forward(l, &pass, &io);
    l->type->backward(l, &pass, &io);
}

static void fill_with(float value) {
    for (size_t i = 0; i < ROWS * UNITS; i++)
        x[i] = value;
}

static int setup(void **state) {
    (void)state;
    for (uint32_t r = 0; r < ROWS; r++)
        position[r] = 3 * r + 1;
    fill(dy, ROWS * UNITS, 7);
    return ls_math_init() == LS_OK ? 0 : -1;
}

/* The draws themselves: of x = 0, with deviation 1. */
static void draw_all(uint32_t seed, uint32_t epoch) {
    noise_model m = noise_of("gaussian_noise", 1);
    fill_with(0);
    run(&m, 1, ROWS, seed, epoch, true);
    noise_free(&m);
}

/* Five standard errors of n independent draws: of the mean 1 / sqrt n, of the second moment
 * sqrt(2 / n), the third sqrt(15 / n), the fourth sqrt(96 / n), of a share p sqrt(p (1 - p) / n);
 * neighbours, among them the two of one pair, are independent: their product's is 1 / sqrt n. */
static void draws_are_normal(void **state) {
    (void)state;
    const double n = ROWS * UNITS, error = 5 / sqrt(n);
    double sum[5] = {0}, beside = 0, most = 0, within = 0;
    draw_all(5, 0);
    for (size_t i = 0; i < ROWS * UNITS; i++) {
        const double v = (double)y[i];
        for (int k = 1; k <= 4; k++)
            sum[k] += pow(v, k) / n;
        beside += i > 0 ? v * (double)y[i - 1] / n : 0;
        most = fmax(most, fabs(v));
        within += fabs(v) < 1;
    }
    assert_true(fabs(sum[1]) < error && fabs(sum[2] - 1) < error * sqrt(2.0));
    assert_true(fabs(sum[3]) < error * sqrt(15.0) && fabs(sum[4] - 3) < error * sqrt(96.0));
    assert_true(fabs(beside) < error);
    assert_true(fabs(within / n - erf(sqrt(0.5))) < error * sqrt(0.6827 * 0.3173));
    assert_true(most > 4 && most < 5.78); /* 520,800 draws: beyond 4 are some 33 */
}

/* Unit u of a row: draws 2k and 2k + 1 at key {seed, purpose 9 and layer}, counter {epoch,
 * position, u / 4, 0} make two normal values. Float32 by SLEEF against float64: ln(1 - u) is exact
 * to an ulp and the angle exact, so what is left are 5 roundings. */
static void every_unit_has_its_counter(void **state) {
    (void)state;
    noise_model m = noise_of("gaussian_noise", 1);
    fill_with(0);
    for (uint32_t index = 1; index < 4; index += 2) {
        run(&m, index, 20, 21, 6, true);
        for (uint32_t r = 0; r < 20; r++)
            for (uint32_t u = 0; u < UNITS; u++) {
                uint32_t draw[4], k = u % 4 - u % 2;
                ls_random_quad((ls_random_key){21, 0x09000000u + index}, 6, position[r], u / 4,
                               draw);
                const double uniform = floor(draw[k] / 256.0) / 16777216.0;
                const double angle = 2 * acos(-1.0) * floor(draw[k + 1] / 256.0) / 16777216.0;
                const double radius = sqrt(-2 * log(1 - uniform));
                const double want = radius * (u % 2 == 0 ? cos(angle) : sin(angle));
                assert_true(fabs((double)y[r * UNITS + u] - want) <=
                            5 * 0x1p-24 * fabs(want) + 1e-14);
            }
    }
    noise_free(&m);
}

/* The same place in an epoch, alone or anywhere in a batch, has the same draws. */
static void draws_belong_to_their_position(void **state) {
    (void)state;
    static float whole[ROWS * UNITS];
    noise_model m = noise_of("multiplicative_noise", 0.5);
    fill_with(1);
    run(&m, 1, ROWS, 5, 2, true);
    memcpy(whole, y, sizeof whole);
    for (size_t r = 0; r < ROWS; r += 57) {
        uint32_t kept = position[0];
        position[0] = position[r];
        run(&m, 1, 1, 5, 2, true);
        assert_memory_equal(y, whole + r * UNITS, UNITS * sizeof *y);
        position[0] = kept;
    }
    noise_free(&m);
}

static void draws_differ(void **state) {
    (void)state;
    static float whole[ROWS * UNITS];
    static const struct {
        size_t index;
        uint32_t seed, epoch;
    } other[] = {{3, 5, 2}, {1, 6, 2}, {1, 5, 3}};
    noise_model m = noise_of("gaussian_noise", 1);
    fill_with(0);
    run(&m, 1, ROWS, 5, 2, true);
    memcpy(whole, y, sizeof whole);
    for (size_t k = 0; k < 3; k++) {
        double product = 0, n = ROWS * UNITS;
        run(&m, other[k].index, ROWS, other[k].seed, other[k].epoch, true);
        for (size_t i = 0; i < ROWS * UNITS; i++)
            product += (double)y[i] * (double)whole[i] / n;
        assert_true(fabs(product) < 5 / sqrt(n)); /* independent: five standard errors */
    }
    noise_free(&m);
}

/* x + std n; dx = dy. */
static void gaussian(void **state) {
    (void)state;
    static float draw[ROWS * UNITS];
    draw_all(9, 1);
    memcpy(draw, y, sizeof draw);
    fill(x, ROWS * UNITS, 3);
    noise_model m = noise_of("gaussian_noise", 0.25);
    run(&m, 1, ROWS, 9, 1, true);
    for (size_t i = 0; i < ROWS * UNITS; i++)
        assert_true(y[i] == x[i] + 0.25f * draw[i]);
    assert_memory_equal(dx, dy, sizeof dx);
    noise_free(&m);
}

/* x (1 + std n); dx = dy (1 + std n). */
static void multiplicative(void **state) {
    (void)state;
    static float draw[ROWS * UNITS];
    draw_all(9, 1);
    memcpy(draw, y, sizeof draw);
    fill(x, ROWS * UNITS, 3);
    noise_model m = noise_of("multiplicative_noise", 0.25);
    run(&m, 1, ROWS, 9, 1, true);
    for (size_t i = 0; i < ROWS * UNITS; i++)
        assert_true(y[i] == x[i] * (1 + 0.25f * draw[i]) && dx[i] == dy[i] * (1 + 0.25f * draw[i]));
    noise_free(&m);
}

static void evaluation_is_the_identity(void **state) {
    (void)state;
    static const char *const names[] = {"gaussian_noise", "multiplicative_noise"};
    fill(x, ROWS * UNITS, 4);
    for (size_t k = 0; k < 2; k++) {
        noise_model m = noise_of(names[k], 0.9);
        run(&m, 1, ROWS, 5, 0, false);
        assert_memory_equal(x, y, sizeof x);
        noise_free(&m);
        m = noise_of(names[k], 0);
        run(&m, 1, ROWS, 5, 0, true);
        assert_memory_equal(x, y, sizeof x);
        noise_free(&m);
    }
}

static void threads_do_not_matter(void **state) {
    (void)state;
    static float one[ROWS * UNITS];
    for (int threads = 1; threads <= 4; threads *= 2) {
        use_threads(threads);
        draw_all(8, 1);
        if (threads == 1)
            memcpy(one, y, sizeof one);
        assert_memory_equal(one, y, sizeof one);
    }
    use_threads(2);
}

static void a_nan_stays_one(void **state) {
    (void)state;
    static const char *const names[] = {"gaussian_noise", "multiplicative_noise"};
    fill_with(NAN);
    for (size_t k = 0; k < 2; k++) {
        noise_model m = noise_of(names[k], 1);
        run(&m, 1, 1, 5, 0, true);
        for (size_t i = 0; i < UNITS; i++)
            assert_true(isnan(y[i]));
        noise_free(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(draws_are_normal),
                                       cmocka_unit_test(every_unit_has_its_counter),
                                       cmocka_unit_test(draws_belong_to_their_position),
                                       cmocka_unit_test(draws_differ),
                                       cmocka_unit_test(gaussian),
                                       cmocka_unit_test(multiplicative),
                                       cmocka_unit_test(evaluation_is_the_identity),
                                       cmocka_unit_test(threads_do_not_matter),
                                       cmocka_unit_test(a_nan_stays_one)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
