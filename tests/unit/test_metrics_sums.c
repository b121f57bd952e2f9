/* Sums over rows against values worked out by hand, and at extreme outputs. */
#include <math.h>

#include "lockstep/metrics/metrics.h"
#include "unit.h"

/* A few operations in float64 from the same float32 numbers. */
static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-14 * (1 + fabs(want))))
        fail_msg("%.17g, wanted %.17g", got, want);
}

enum { WIDTH = LS_SUM_BIN + LS_BINS * LS_BIN_NUMBERS };

static double value_of(const ls_problem *problem, const double *sums, const char *name) {
    const ls_facts f = {.problem = *problem, .sums = sums};
    const ls_metric *m = ls_metric_find(problem, name);
    assert_non_null(m);
    return m->value(m, &f);
}

/* Four rows of four classes, the true one in place 1, 2, 4 and, by its number among equals, 3. */
static void classes(void **state) {
    (void)state;
    const ls_problem problem = {LS_FOR_MANY, 4, true};
    const float z[] = {2, 0, 0, 0, 1, 2, 0, 0, 3, 2, 1, 0, 0, 0, 0, 0};
    const float p[] = {0.5f, 0.25f, 0.25f, 0, 0.25f, 0.5f,  0.25f, 0,
                       1,    0,     0,     0, 0.25f, 0.25f, 0.25f, 0.25f};
    const int32_t label[] = {0, 0, 3, 2}, predicted[] = {0, 1, 0, 0};
    double sums[WIDTH] = {0};
    assert_int_equal(ls_sums_width(&problem), WIDTH);
    ls_sums_add_rows(4, 10, 4, sums);
    ls_sums_add_classes(&problem, 4, 4, z, p, label, predicted, sums);
    near(value_of(&problem, sums, "loss"), 2.5);
    near(value_of(&problem, sums, "accuracy"), 1 / 4.0);
    near(value_of(&problem, sums, "top3_accuracy"), 3 / 4.0);
    near(value_of(&problem, sums, "brier"),
         ((0.25 + 2 * 0.0625) + (0.5625 + 0.25 + 0.0625) + (1 + 1) + (0.5625 + 3 * 0.0625)) / 4);
    const double a = log(exp(2) + 3), b = log(exp(2) + exp(1) + 2),
                 c = log(exp(3) + exp(2) + exp(1) + 1);
    near(value_of(&problem, sums, "log_loss"), ((a - 2) + (b - 1) + c + log(4)) / 4);
    /* Two of confidence 1/2 (one right), one of 1/4 (wrong), one of 1 (wrong). */
    near(value_of(&problem, sums, "calibration_error"), (0 + 0.25 + 1) / 4);
    const ls_facts f = {.problem = problem, .sums = sums};
    for (size_t k = 0; k < LS_BINS; k++) {
        const ls_bin bin = ls_calibration_bin(&f, k);
        assert_true(bin.rows == (k == 3 || k == 14 ? 1 : k == 7 ? 2 : 0));
        assert_true(k != 7 || (bin.confidence == 0.5 && bin.accuracy == 0.5));
        assert_true(bin.rows > 0 || isnan(bin.confidence));
    }
}

/* One logit of two classes; half the Brier score of two probabilities. */
static void two_classes(void **state) {
    (void)state;
    const ls_problem problem = {LS_FOR_TWO, 2, true};
    const float z[] = {1, -2}, p[] = {0.25f, 0.75f, 0.875f, 0.125f};
    const int32_t label[] = {1, 1}, predicted[] = {1, 0};
    double sums[WIDTH] = {0};
    ls_sums_add_rows(2, 0, 2, sums);
    ls_sums_add_classes(&problem, 2, 1, z, p, label, predicted, sums);
    near(value_of(&problem, sums, "log_loss"), (log1p(exp(-1)) + log1p(exp(2))) / 2);
    near(value_of(&problem, sums, "brier"), (0.0625 + 0.765625) / 2);
    near(value_of(&problem, sums, "calibration_error"), (0.25 + 0.875) / 2);
}

/* No loss is infinite, no bin is left. */
static void extreme_outputs(void **state) {
    (void)state;
    const ls_problem two = {LS_FOR_TWO, 2, true}, many = {LS_FOR_MANY, 3, true},
                     one = {LS_FOR_MANY, 1, true};
    const float far[] = {1e4f, -1e4f, 0}, sure[] = {1, 0, 0}, surely[] = {0, 1};
    const int32_t zero[] = {0}, first[] = {1};
    double sums[WIDTH] = {0};
    ls_sums_add_classes(&two, 1, 1, far, surely, zero, first, sums);
    near(sums[LS_SUM_LOG_LOSS], 1e4);
    ls_sums_add_classes(&many, 1, 3, far, sure, first, zero, sums);
    near(sums[LS_SUM_LOG_LOSS], 3e4);
    ls_sums_add_classes(&many, 1, 3, far, sure, zero, zero, sums);
    ls_sums_add_classes(&one, 1, 1, far, sure, zero, zero, sums); /* a single class is certain */
    near(sums[LS_SUM_LOG_LOSS], 3e4);
    assert_true(sums[LS_SUM_BIN + 14 * LS_BIN_NUMBERS + LS_BIN_ROWS] == 4);
}

static void values(void **state) {
    (void)state;
    const ls_problem problem = {LS_FOR_NUMBERS, 2, false};
    const double spread[] = {8, 0};
    double sums[LS_SUM_FIXED + 4] = {0};
    assert_int_equal(ls_sums_width(&problem), LS_SUM_FIXED + 4);
    ls_sums_add_rows(2, 3, 2, sums);
    ls_sums_add_value(&problem, 0, 1, 2, sums);
    ls_sums_add_value(&problem, 1, 5, 5, sums);
    ls_sums_add_value(&problem, 0, 7, 4, sums);
    ls_sums_add_value(&problem, 1, 5, 5, sums);
    const ls_facts f = {.problem = problem, .sums = sums, .spread = spread};
    static const struct {
        const char *name;
        double value;
    } want[] = {{"loss", 1.5},
                {"mse", (5 + 0) / 2.0},
                {"mae", (2 + 0) / 2.0},
                {"r2", (1 - 10 / 8.0 + 1) / 2}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const ls_metric *m = ls_metric_find(&problem, want[i].name);
        near(m->value(m, &f), want[i].value);
    }
    near(value_of(&problem, sums, "rmse"), sqrt(5) / 2);
}

/* Three outputs of three rows: all right, one wrong, all wrong. */
static void flags(void **state) {
    (void)state;
    const ls_problem problem = {LS_FOR_FLAGS, 3, false};
    const float z[] = {1, -1, -2, 3, 4, -1, -5, 0, 2}, target[] = {1, 0, 0, 1, 0, 0, 1, 1, 0};
    double sums[LS_SUM_FIXED + 6 + 1 + 9] = {0};
    ls_counts counts[3];
    assert_int_equal(ls_sums_width(&problem), LS_SUM_FIXED + 6 + 1 + 9);
    ls_sums_add_rows(3, 0, 3, sums);
    ls_sums_add_flags(&problem, 3, z, target, sums);
    ls_sums_counts(&problem, sums, counts);
    assert_true(counts[0].actual == 3 && counts[0].predicted == 2 && counts[0].hits == 2);
    assert_true(counts[1].actual == 1 && counts[1].predicted == 1 && counts[1].hits == 0);
    assert_true(counts[2].actual == 0 && counts[2].predicted == 1 && counts[2].hits == 0);
    const ls_facts f = {.problem = problem, .sums = sums, .counts = counts};
    const ls_metric *all = ls_metric_find(&problem, "subset_accuracy"),
                    *each = ls_metric_find(&problem, "output_accuracy");
    near(all->value(all, &f), 1 / 3.0);
    near(each->value(each, &f), 5 / 9.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes), cmocka_unit_test(two_classes), cmocka_unit_test(extreme_outputs),
        cmocka_unit_test(values),  cmocka_unit_test(flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
