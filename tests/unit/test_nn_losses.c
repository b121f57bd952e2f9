/* Values of the losses against closed forms, at ordinary and at extreme outputs; their sums over
 * segments; their links. (Gradients: test_nn_gradients.) */
#include <math.h>

#include "nn_config.h"
#include "numbers.h"

/* The loss of one row; dz may be NULL. */
static double loss_of(const char *yaml, size_t n, const float *z, int32_t label, const float *value,
                      float *dz) {
    nn_config config = nn_config_of(yaml);
    static const size_t first[] = {0, 1};
    const ls_segments one = {1, first};
    ls_targets targets = value != NULL ? (ls_targets){NULL, value} : (ls_targets){&label, NULL};
    double row, sum;
    ls_loss_evaluate(&config.loss, &one, n, z, &targets, 1, dz, &row, &sum);
    nn_config_free(&config);
    assert_true(row == sum || (isnan(row) && isnan(sum)));
    return sum;
}

/* Closed forms are evaluated in float64, as the loss is: what differs is the order. */
static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-13 * (1 + fabs(want))))
        fail_msg("%.17g, wanted %.17g", got, want);
}

static void softmax_cross_entropy(void **state) {
    (void)state;
    const char *loss = "loss: softmax_cross_entropy";
    /* Two outputs: log(1 + exp(z_other - z_label)). */
    near(loss_of(loss, 2, (float[]){0.5f, 2}, 0, NULL, NULL), log(1 + exp(1.5)));
    near(loss_of(loss, 2, (float[]){0.5f, 2}, 1, NULL, NULL), log(1 + exp(-1.5)));
    /* Equal outputs: log n. */
    near(loss_of(loss, 5, (float[]){3, 3, 3, 3, 3}, 4, NULL, NULL), log(5));
    float dz[3];
    near(loss_of(loss, 3, (float[]){0, 0, 0}, 1, NULL, dz), log(3));
    assert_true(fabsf(dz[0] - 1 / 3.0f) < 1e-7f && fabsf(dz[1] + 2 / 3.0f) < 1e-7f);
}

static void binary_cross_entropy(void **state) {
    (void)state;
    const char *loss = "loss: binary_cross_entropy";
    near(loss_of(loss, 1, (float[]){1.25f}, 1, NULL, NULL), log(1 + exp(-1.25)));
    near(loss_of(loss, 1, (float[]){1.25f}, 0, NULL, NULL), log(1 + exp(1.25)));
    near(loss_of(loss, 1, (float[]){-1.25f}, 1, NULL, NULL), log(1 + exp(1.25)));
    /* The mean over outputs of t log(1 + e^-z) + (1 - t) log(1 + e^z). */
    near(loss_of(loss, 2, (float[]){2, -1}, 0, (float[]){0.25f, 1}, NULL),
         (0.25 * log(1 + exp(-2)) + 0.75 * log(1 + exp(2)) + log(1 + exp(1))) / 2);
}

static void mse(void **state) {
    (void)state;
    float dz[2];
    near(loss_of("loss: mse", 2, (float[]){3, -1}, 0, (float[]){1, 2}, dz), (4 + 9) / 2.0);
    assert_true(dz[0] == 2 && dz[1] == -3);
    near(loss_of("loss: {mse: {scale: 0.5}}", 1, (float[]){3}, 0, (float[]){1}, dz), 2);
    assert_true(dz[0] == 2);
}

/* At +-1e4 every value and gradient is finite and as the formula's limit says. */
static void extreme_outputs(void **state) {
    (void)state;
    float dz[2];
    const float z[] = {1e4f, -1e4f};
    near(loss_of("loss: softmax_cross_entropy", 2, z, 0, NULL, dz), 0);
    assert_true(dz[0] == 0 && dz[1] == 0);
    near(loss_of("loss: softmax_cross_entropy", 2, z, 1, NULL, dz), 2e4);
    assert_true(dz[0] == 1 && dz[1] == -1);
    near(loss_of("loss: softmax_cross_entropy", 2, (float[]){-1e4f, 1e4f}, 0, NULL, dz), 2e4);
    assert_true(dz[0] == -1 && dz[1] == 1);
    near(loss_of("loss: binary_cross_entropy", 1, z, 1, NULL, dz), 0);
    assert_true(dz[0] == 0);
    near(loss_of("loss: binary_cross_entropy", 1, z, 0, NULL, dz), 1e4);
    assert_true(dz[0] == 1);
    near(loss_of("loss: binary_cross_entropy", 1, z + 1, 1, NULL, dz), 1e4);
    assert_true(dz[0] == -1);
    near(loss_of("loss: binary_cross_entropy", 2, z, 0, (float[]){0, 1}, dz), 1e4);
    assert_true(dz[0] == 0.5f && dz[1] == -0.5f);
    near(loss_of("loss: mse", 2, z, 0, (float[]){0, 0}, dz), 1e8);
}

/* An output that is not a number makes the loss one: it is not lost in a maximum. */
static void nan_stays(void **state) {
    (void)state;
    const float z[] = {NAN, 1}, y[] = {1, NAN};
    assert_true(isnan(loss_of("loss: softmax_cross_entropy", 2, z, 1, NULL, NULL)));
    assert_true(isnan(loss_of("loss: softmax_cross_entropy", 2, y, 0, NULL, NULL)));
    assert_true(isnan(loss_of("loss: binary_cross_entropy", 1, z, 1, NULL, NULL)));
    assert_true(isnan(loss_of("loss: binary_cross_entropy", 1, z, 0, NULL, NULL)));
    assert_true(isnan(loss_of("loss: mse", 2, z, 1, (float[]){0, 0}, NULL)));
}

/* Segments are summed by themselves in row order; scale reaches the gradient only. */
static void segments(void **state) {
    (void)state;
    static const size_t first[] = {0, 0, 3, 10, 10};
    const ls_segments rows = {4, first};
    nn_config config = nn_config_of("loss: mse");
    float z[10], t[10] = {0}, dz[10];
    double row[10], sum[4] = {9, 9, 9, 9};
    fill(z, 10, 3);
    ls_loss_evaluate(&config.loss, &rows, 1, z, &(ls_targets){NULL, t}, 0.25f, dz, row, sum);
    double want[4] = {0};
    for (size_t r = 0; r < 10; r++) {
        want[r < 3 ? 1 : 2] += (double)z[r] * (double)z[r];
        assert_true(dz[r] == z[r] * 0.5f);
    }
    assert_memory_equal(sum, want, sizeof sum);
    nn_config_free(&config);
}

/* Links, in place and not: softmax rows, the logistic function, the identity. */
static void links(void **state) {
    (void)state;
    const float z[] = {0, 0, 1e4f, -1e4f};
    static const struct {
        const char *yaml;
        float p[4];
    } want[] = {{"loss: softmax_cross_entropy", {0.5f, 0.5f, 1, 0}},
                {"loss: binary_cross_entropy", {0.5f, 0.5f, 1, 0}},
                {"loss: mse", {0, 0, 1e4f, -1e4f}}};
    for (size_t k = 0; k < 3; k++) {
        nn_config config = nn_config_of(want[k].yaml);
        float p[4], q[4];
        memcpy(q, z, sizeof q);
        ls_loss_predict(&config.loss, 2, 2, z, p);
        ls_loss_predict(&config.loss, 2, 2, q, q);
        for (size_t i = 0; i < 4; i++)
            assert_true(p[i] == want[k].p[i] && q[i] == want[k].p[i]);
        nn_config_free(&config);
    }
}

/* The outputs that a model must have for a number of classes. */
static void outputs_for_classes(void **state) {
    (void)state;
    nn_config config = nn_config_of("loss: softmax_cross_entropy");
    assert_int_equal(ls_loss_type_of(&config.loss)->outputs(2), 2);
    assert_int_equal(ls_loss_type_of(&config.loss)->outputs(7), 7);
    nn_config_free(&config);
    config = nn_config_of("loss: binary_cross_entropy");
    assert_int_equal(ls_loss_type_of(&config.loss)->outputs(2), 1);
    nn_config_free(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(softmax_cross_entropy),
                                       cmocka_unit_test(binary_cross_entropy),
                                       cmocka_unit_test(mse),
                                       cmocka_unit_test(extreme_outputs),
                                       cmocka_unit_test(nan_stays),
                                       cmocka_unit_test(segments),
                                       cmocka_unit_test(links),
                                       cmocka_unit_test(outputs_for_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
