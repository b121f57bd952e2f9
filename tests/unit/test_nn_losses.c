/* Values of the losses against closed forms and scipy, at ordinary and at extreme outputs; their
 * weighted sums over segments; their links. (Gradients: test_nn_gradients; beside PyTorch:
 * parity/test_losses.) */
#include <math.h>

#include "nn_config.h"
#include "numbers.h"

/* The loss of one row; dz may be NULL. */
static double loss_of(const char *yaml, size_t n, const float *z, int32_t label, const float *value,
                      float *dz) {
    nn_config config = nn_config_of(yaml);
    static const size_t first[] = {0, 1};
    const ls_segments one = {1, first};
    ls_targets targets = {.label = value != NULL ? NULL : &label, .value = value};
    double row;
    ls_loss_sum sum;
    ls_loss_evaluate(&config.loss, &one, n, z, &targets, dz, &row, &sum);
    nn_config_free(&config);
    assert_true(row == sum.loss || (isnan(row) && isnan(sum.loss)));
    assert_true(sum.weight == 1);
    return row;
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

/* (1 - e) times the loss of the label and e / K of that of every class; with e = 1 the label does
 * not matter. */
static void label_smoothing(void **state) {
    (void)state;
    const char *loss = "loss: {softmax_cross_entropy: {label_smoothing: 0.25}}";
    const float z[] = {0.5f, 2};
    const double a = log(1 + exp(1.5)), b = log(1 + exp(-1.5));
    float dz[2];
    near(loss_of(loss, 2, z, 0, NULL, dz), 0.75 * a + 0.125 * (a + b));
    assert_true(fabsf(dz[0] - (float)(1 / (1 + exp(1.5)) - 0.875)) < 1e-7f);
    assert_true(fabsf(dz[1] - (float)(1 / (1 + exp(-1.5)) - 0.125)) < 1e-7f);
    loss = "loss: {softmax_cross_entropy: 1}";
    near(loss_of(loss, 2, z, 0, NULL, NULL), (a + b) / 2);
    near(loss_of(loss, 2, z, 1, NULL, NULL), (a + b) / 2);
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

static void mae(void **state) {
    (void)state;
    float dz[3];
    near(loss_of("loss: mae", 3, (float[]){3, -1, 2}, 0, (float[]){1, 2, 2}, dz), 5 / 3.0);
    assert_true(dz[0] == 1 / 3.0f && dz[1] == -1 / 3.0f && dz[2] == 0);
}

static void huber(void **state) {
    (void)state;
    float dz[2];
    near(loss_of("loss: huber", 2, (float[]){3, 0.5f}, 0, (float[]){0, 0}, dz),
         (1 * (3 - 0.5) + 0.125) / 2);
    assert_true(dz[0] == 0.5f && dz[1] == 0.25f);
    near(loss_of("loss: {huber: 2}", 1, (float[]){-3}, 0, (float[]){0}, dz), 2 * (3 - 1));
    assert_true(dz[0] == -2);
    near(loss_of("loss: {huber: 3}", 1, (float[]){-3}, 0, (float[]){0}, dz), 4.5);
}

static void poisson_nll(void **state) {
    (void)state;
    float dz[2];
    near(loss_of("loss: poisson_nll", 2, (float[]){0.5f, -2}, 0, (float[]){3, 0}, dz),
         (exp(0.5) - 1.5 + exp(-2)) / 2);
    assert_true(fabsf(dz[0] - (float)((exp(0.5) - 3) / 2)) < 1e-7f);
}

/* -scipy.stats.nbinom.logpmf(t, 1 / a, 1 / (1 + a mu)) with mu = exp(z), of scipy 1.10; the terms
 * of up to 4000 that cancel leave an error of some 1e-12. */
static void negative_binomial_nll(void **state) {
    (void)state;
    static const struct {
        float z, t;
        const char *alpha;
        double want;
    } known[] = {{0.5f, 3, "0.5", 2.199295124848434},   {-1.25f, 0, "2", 0.2264953615266668},
                 {3, 17, "0.1", 2.9285512347116445},    {2, 1, "1.0", 2.2538560220859454},
                 {6.5f, 900, "0.01", 9.93323698539335}, {-8, 2, "0.25", 16.470506802086987}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        char yaml[64];
        (void)snprintf(yaml, sizeof yaml, "loss: {negative_binomial_nll: %s}", known[k].alpha);
        const double got = loss_of(yaml, 1, &known[k].z, 0, &known[k].t, NULL);
        if (!(fabs(got - known[k].want) <= 1e-11))
            fail_msg("%zu: %.17g, wanted %.17g", k, got, known[k].want);
    }
    /* Of small alpha it is the full Poisson likelihood: exp(z) - t z + log t!; of order alpha mu^2.
     */
    near(floor(loss_of("loss: {negative_binomial_nll: 1.0e-6}", 1, (float[]){1}, 0, (float[]){2},
                       NULL) *
               1e4),
         floor((exp(1) - 2 + log(2)) * 1e4));
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
    near(loss_of("loss: mae", 2, z, 0, (float[]){0, 0}, dz), 1e4);
    near(loss_of("loss: huber", 2, z, 0, (float[]){0, 0}, dz), 1e4 - 0.5);
    assert_true(dz[0] == 0.5f && dz[1] == -0.5f);
    near(loss_of("loss: {softmax_cross_entropy: 0.5}", 2, z, 0, NULL, dz), 0.25 * 2e4);
    assert_true(dz[0] == 0.25f && dz[1] == -0.25f);
}

/* The mean exp(1e4) is no number of float64; exp(-1e4) is 0 and leaves t z. */
static void extreme_counts(void **state) {
    (void)state;
    const float z[] = {1e4f, -1e4f}, t = 3;
    const char *loss = "loss: {negative_binomial_nll: 0.5}"; /* r = 2, lgamma(5) - log 3! = log 4 */
    float dz;
    near(loss_of(loss, 1, z, 0, &t, &dz), 2 * (1e4 - log(2)) - log(4));
    assert_true(dz == 2);
    near(loss_of(loss, 1, z + 1, 0, &t, &dz), 3 * (1e4 + log(2)) - log(4));
    assert_true(dz == -3);
    near(loss_of("loss: poisson_nll", 1, z + 1, 0, &t, &dz), 3e4);
    assert_true(dz == -3);
    assert_true(isinf(loss_of("loss: poisson_nll", 1, z, 0, &t, &dz)));
}

/* An output that is not a number makes the loss one: it is not lost in a maximum. */
static void nan_stays(void **state) {
    (void)state;
    const float z[] = {NAN, 1}, y[] = {1, NAN};
    assert_true(isnan(loss_of("loss: softmax_cross_entropy", 2, z, 1, NULL, NULL)));
    assert_true(isnan(loss_of("loss: softmax_cross_entropy", 2, y, 0, NULL, NULL)));
    assert_true(isnan(loss_of("loss: binary_cross_entropy", 1, z, 1, NULL, NULL)));
    assert_true(isnan(loss_of("loss: binary_cross_entropy", 1, z, 0, NULL, NULL)));
    static const char *const of_values[] = {"mse", "mae", "huber", "poisson_nll",
                                            "{negative_binomial_nll: 1}"};
    for (size_t k = 0; k < sizeof of_values / sizeof *of_values; k++) {
        char yaml[64];
        (void)snprintf(yaml, sizeof yaml, "loss: %s", of_values[k]);
        assert_true(isnan(loss_of(yaml, 2, z, 1, (float[]){0, 0}, NULL)));
    }
}

/* Segments are summed by themselves in row order; the mean's gradient is that of a row by their
 * number. */
static void segments(void **state) {
    (void)state;
    static const size_t first[] = {0, 0, 3, 10, 10};
    const ls_segments rows = {4, first};
    nn_config config = nn_config_of("loss: mse");
    float z[10], t[10] = {0}, dz[10];
    double row[10];
    ls_loss_sum sum[4] = {{9, 9}, {9, 9}, {9, 9}, {9, 9}};
    fill(z, 10, 3);
    ls_loss_evaluate(&config.loss, &rows, 1, z, &(ls_targets){.value = t}, dz, row, sum);
    ls_loss_mean_gradient(10, 1, NULL, 10, dz);
    ls_loss_sum want[4] = {0};
    for (size_t r = 0; r < 10; r++) {
        want[r < 3 ? 1 : 2].loss += (double)z[r] * (double)z[r];
        want[r < 3 ? 1 : 2].weight++;
        assert_true(dz[r] == z[r] * 2 * (float)(1 / 10.0));
    }
    assert_memory_equal(sum, want, sizeof sum);
    nn_config_free(&config);
}

/* A row counts as its weight says; one of weight 0 not at all, whatever its loss. */
static void weights(void **state) {
    (void)state;
    static const size_t first[] = {0, 2, 4};
    static const double weight[] = {0.5, 0, 3, 1.5}, none[] = {0, 0, 0, 0};
    const ls_segments rows = {2, first};
    nn_config config = nn_config_of("loss: mse");
    const float z[] = {1, NAN, 2, -3}, t[4] = {0};
    float dz[4];
    double row[4];
    ls_loss_sum sum[2];
    ls_loss_evaluate(&config.loss, &rows, 1, z, &(ls_targets){NULL, t, weight}, dz, row, sum);
    assert_true(sum[0].loss == 0.5 && sum[0].weight == 0.5);
    assert_true(sum[1].loss == 3 * 4 + 1.5 * 9 && sum[1].weight == 4.5);
    ls_loss_mean_gradient(4, 1, weight, 5, dz);
    assert_true(dz[0] == 2 * (float)(0.5 / 5) && dz[1] == 0);
    assert_true(dz[2] == 4 * (float)(3 / 5.0) && dz[3] == -6 * (float)(1.5 / 5));
    ls_loss_evaluate(&config.loss, &rows, 1, z, &(ls_targets){NULL, t, none}, dz, row, sum);
    ls_loss_mean_gradient(4, 1, none, sum[0].weight + sum[1].weight, dz);
    for (size_t r = 0; r < 4; r++)
        assert_true(dz[r] == 0);
    assert_true(sum[0].loss == 0 && sum[1].loss == 0);
    nn_config_free(&config);
}

/* Links, in place and not: softmax rows, the logistic function, the identity, exp. */
static void links(void **state) {
    (void)state;
    const float z[] = {0, 0, 1e4f, -1e4f};
    static const struct {
        const char *yaml;
        float p[4];
    } want[] = {{"loss: softmax_cross_entropy", {0.5f, 0.5f, 1, 0}},
                {"loss: binary_cross_entropy", {0.5f, 0.5f, 1, 0}},
                {"loss: mse", {0, 0, 1e4f, -1e4f}},
                {"loss: poisson_nll", {1, 1, INFINITY, 0}}};
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        nn_config config = nn_config_of(want[k].yaml);
        float p[4], q[4];
        memcpy(q, z, sizeof q);
        ls_loss_predict(&config.loss, 2, 2, z, p);
        ls_loss_predict(&config.loss, 2, 2, q, q);
        for (size_t i = 0; i < 4; i++)
            assert_true(p[i] == want[k].p[i] && q[i] == want[k].p[i]);
        nn_config_free(&config);
    }
    assert_true(ls_link_of(LS_LINK_NONE, -3) == -3);
    assert_true(ls_link_of(LS_LINK_SIGMOID, -1e4) == 0 && ls_link_of(LS_LINK_SIGMOID, 0) == 0.5);
    near(ls_link_of(LS_LINK_SIGMOID, 1.5), 1 / (1 + exp(-1.5)));
    near(ls_link_of(LS_LINK_EXP, 1.5), exp(1.5));
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
                                       cmocka_unit_test(label_smoothing),
                                       cmocka_unit_test(mae),
                                       cmocka_unit_test(huber),
                                       cmocka_unit_test(poisson_nll),
                                       cmocka_unit_test(negative_binomial_nll),
                                       cmocka_unit_test(extreme_counts),
                                       cmocka_unit_test(weights),
                                       cmocka_unit_test(extreme_outputs),
                                       cmocka_unit_test(nan_stays),
                                       cmocka_unit_test(segments),
                                       cmocka_unit_test(links),
                                       cmocka_unit_test(outputs_for_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
