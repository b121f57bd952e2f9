/* Dropout: which units fall, by how much the others grow, and what a mask depends on. */
#include <math.h>

#include "lockstep/base/random.h"
#include "nn_config.h"
#include "numbers.h"

enum { ROWS = 400, UNITS = 102 };

static float x[ROWS * UNITS], y[ROWS * UNITS];
static uint8_t mask[ROWS * UNITS];
static uint32_t position[ROWS];

/* The model [dense, dropout, dense, dropout]: layers 1 and 3 are looked at. */
typedef struct dropout_model {
    nn_config config;
    ls_model *model;
    double rate;
} dropout_model;

static dropout_model dropout_of(double rate) {
    char yaml[128];
    dropout_model d = {.rate = rate};
    (void)snprintf(yaml, sizeof yaml,
                   "model: [{dense: %d}, {dropout: %g}, {dense: %d}, {dropout: {rate: %g}}]", UNITS,
                   rate, UNITS, rate);
    d.config = nn_config_of(yaml);
    d.model = nn_model_of(&d.config, 2);
    return d;
}

static void dropout_free(dropout_model *d) {
    ls_model_destroy(d->model);
    nn_config_free(&d->config);
}

/* Runs layer `index` on `rows` rows of x into y. */
static void run(const dropout_model *d, size_t index, size_t rows, uint32_t seed, uint32_t epoch,
                bool training) {
    const ls_layer *l = &d->model->layers[index];
    const size_t first[] = {0, rows};
    ls_pass pass = {.rows = {1, first},
                    .training = training,
                    .seed = seed,
                    .epoch = epoch,
                    .position = position};
    ls_layer_io io = {.x = x, .y = y, .state = mask};
    assert_int_equal(d->model->plans[index].state_bytes, UNITS);
    l->type->forward(l, &pass, &io);
}

static int setup(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS * UNITS; i++)
        x[i] = (float)(1 + i % 97) / 8.0f; /* never 0: a 0 in y is a unit that fell */
    for (uint32_t r = 0; r < ROWS; r++)
        position[r] = 3 * r + 1;
    return 0;
}

static void rate_and_scale(void **state) {
    (void)state;
    static const double rates[] = {0.5, 0.2, 0.875};
    for (size_t k = 0; k < 3; k++) {
        dropout_model d = dropout_of(rates[k]);
        const float scale = (float)(1 / (1 - rates[k]));
        double n = ROWS * UNITS, fallen = 0;
        run(&d, 1, ROWS, 5, 0, true);
        for (size_t i = 0; i < ROWS * UNITS; i++) {
            fallen += y[i] == 0;
            assert_true(y[i] == 0 || y[i] == x[i] * scale);
        }
        /* Five standard deviations of a binomial count. */
        assert_true(fabs(fallen - n * rates[k]) < 5 * sqrt(n * rates[k] * (1 - rates[k])));
        dropout_free(&d);
    }
}

/* Unit u of a row falls where draw u % 4 at key {seed, purpose 2 and layer}, counter {epoch,
 * position, u / 4, 0} is below rate 2^32. */
static void every_unit_has_its_counter(void **state) {
    (void)state;
    dropout_model d = dropout_of(0.375);
    for (uint32_t index = 1; index < 4; index += 2) {
        run(&d, index, ROWS, 21, 6, true);
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t u = 0; u < UNITS; u++) {
                uint32_t draw[4];
                ls_random_quad((ls_random_key){21, 0x02000000u + index}, 6, position[r], u / 4,
                               draw);
                assert_int_equal(y[r * UNITS + u] == 0, draw[u % 4] < 0.375 * 4294967296.0);
            }
    }
    dropout_free(&d);
}

/* The same place in an epoch, alone or anywhere in a batch, has the same mask. */
static void a_mask_belongs_to_its_position(void **state) {
    (void)state;
    static float whole[ROWS * UNITS];
    dropout_model d = dropout_of(0.3);
    run(&d, 1, ROWS, 5, 2, true);
    memcpy(whole, y, sizeof whole);
    for (size_t r = 0; r < ROWS; r += 57) {
        uint32_t kept = position[0];
        position[0] = position[r];
        run(&d, 1, 1, 5, 2, true);
        for (size_t u = 0; u < UNITS; u++)
            assert_int_equal(y[u] == 0, whole[r * UNITS + u] == 0);
        position[0] = kept;
    }
    dropout_free(&d);
}

/* Units whose fate is another after a change of seed, epoch or layer: about 2 p (1 - p). */
static void draws_differ(void **state) {
    (void)state;
    static float whole[ROWS * UNITS];
    static const struct {
        size_t index;
        uint32_t seed, epoch;
    } other[] = {{3, 5, 2}, {1, 6, 2}, {1, 5, 3}};
    dropout_model d = dropout_of(0.5);
    run(&d, 1, ROWS, 5, 2, true);
    memcpy(whole, y, sizeof whole);
    for (size_t k = 0; k < 3; k++) {
        double n = ROWS * UNITS, changed = 0;
        run(&d, other[k].index, ROWS, other[k].seed, other[k].epoch, true);
        for (size_t i = 0; i < ROWS * UNITS; i++)
            changed += (y[i] == 0) != (whole[i] == 0);
        assert_true(fabs(changed - n / 2) < 5 * sqrt(n / 4));
    }
    dropout_free(&d);
}

static void evaluation_is_the_identity(void **state) {
    (void)state;
    dropout_model d = dropout_of(0.9);
    run(&d, 1, ROWS, 5, 0, false);
    assert_memory_equal(x, y, sizeof x);
    dropout_free(&d);
    d = dropout_of(0);
    run(&d, 1, ROWS, 5, 0, true);
    assert_memory_equal(x, y, sizeof x);
    dropout_free(&d);
}

static void threads_do_not_matter(void **state) {
    (void)state;
    static float one[ROWS * UNITS];
    dropout_model d = dropout_of(0.25);
    for (int threads = 1; threads <= 4; threads *= 2) {
        use_threads(threads);
        run(&d, 1, ROWS, 8, 1, true);
        if (threads == 1)
            memcpy(one, y, sizeof one);
        assert_memory_equal(one, y, sizeof one);
    }
    dropout_free(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rate_and_scale),
                                       cmocka_unit_test(every_unit_has_its_counter),
                                       cmocka_unit_test(a_mask_belongs_to_its_position),
                                       cmocka_unit_test(draws_differ),
                                       cmocka_unit_test(evaluation_is_the_identity),
                                       cmocka_unit_test(threads_do_not_matter)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
