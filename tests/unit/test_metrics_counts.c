/* Measures of classes from counts, against values worked out by hand. */
#include <math.h>

#include "lockstep/metrics/metrics.h"
#include "unit.h"

/* Quotients of whole numbers, each rounded once or twice. */
static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-15 * (1 + fabs(want))))
        fail_msg("%.17g, wanted %.17g", got, want);
}

/* The classic exercise: of 1,000 quasars among 100,000 stars 900 are found, and 1,000 stars are
 * taken for quasars. */
static void stars_and_quasars(void **state) {
    (void)state;
    const double rows = 101000;
    const ls_counts quasars = {1000, 1900, 900}, stars = {100000, 99100, 99000};
    near(ls_counts_recall(&quasars, rows), 0.9);               /* completeness */
    near(ls_counts_false_positive_rate(&quasars, rows), 0.01); /* stars mistaken */
    near(ls_counts_contamination(&quasars, rows), 1000 / 1900.0);
    assert_true(fabs(ls_counts_contamination(&quasars, rows) - 0.53) <
                0.005);                                      /* as it is printed */
    near(ls_counts_precision(&quasars, rows), 900 / 1900.0); /* purity */
    near(ls_counts_specificity(&quasars, rows), 0.99);
    near(ls_counts_f1(&quasars, rows), 1800 / 2900.0);
    /* What is not one is the other. */
    near(ls_counts_recall(&stars, rows), ls_counts_specificity(&quasars, rows));
    near(ls_counts_false_positive_rate(&stars, rows), 0.1);
}

/* The same from rows, through the table of metrics. */
static void stars_and_quasars_by_rows(void **state) {
    (void)state;
    enum { ROWS = 101000 };
    static int32_t label[ROWS], predicted[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        label[r] = r >= 100000;
        predicted[r] = r < 1000 || r >= 100100;
    }
    ls_counts counts[2];
    uint64_t pairs[4];
    double sums[LS_SUM_BIN + LS_BINS * LS_BIN_NUMBERS] = {ROWS};
    const ls_facts f = {.problem = {LS_FOR_TWO, 2, false}, .sums = sums, .counts = counts};
    ls_counts_of(ROWS, label, predicted, 2, counts);
    ls_confusion(ROWS, label, predicted, 2, pairs);
    assert_true(pairs[0] == 99000 && pairs[1] == 1000 && pairs[2] == 100 && pairs[3] == 900);
    static const struct {
        const char *name;
        double value;
    } want[] = {{"recall", 0.9},
                {"false_positive_rate", 0.01},
                {"contamination", 1000 / 1900.0},
                {"balanced_accuracy", (0.99 + 0.9) / 2}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const ls_metric *m = ls_metric_find(&f.problem, want[i].name);
        assert_non_null(m);
        near(m->value(m, &f), want[i].value);
    }
}

/* Three of class a (one taken for b), two of b (both right), none of c, for which one a is taken:
 *        a b c
 *   a  [ 1 1 1 ]
 *   b  [ 0 2 0 ]
 *   c  [ 0 0 0 ] */
static const int32_t label[] = {0, 0, 0, 1, 1}, predicted[] = {0, 1, 2, 1, 1};

static void means(void **state) {
    (void)state;
    ls_counts c[3];
    ls_counts_of(5, label, predicted, 3, c);
    assert_true(c[0].actual == 3 && c[0].predicted == 1 && c[0].hits == 1);
    assert_true(c[1].actual == 2 && c[1].predicted == 3 && c[1].hits == 2);
    assert_true(c[2].actual == 0 && c[2].predicted == 1 && c[2].hits == 0);
    /* Over a and b alone: c has no rows. */
    near(ls_mean_over_classes(c, 3, 5, ls_counts_recall, LS_MEAN_MACRO), (1 / 3.0 + 1) / 2);
    near(ls_mean_over_classes(c, 3, 5, ls_counts_recall, LS_MEAN_WEIGHTED), 3 / 5.0);
    near(ls_mean_over_classes(c, 3, 5, ls_counts_precision, LS_MEAN_MACRO), (1 + 2 / 3.0) / 2);
    near(ls_mean_over_classes(c, 3, 5, ls_counts_precision, LS_MEAN_WEIGHTED),
         (3 * 1 + 2 * 2 / 3.0) / 5);
    near(ls_mean_over_classes(c, 3, 5, ls_counts_f1, LS_MEAN_MACRO), (2 / 4.0 + 4 / 5.0) / 2);
    /* All decisions together: the accuracy. */
    near(ls_mean_over_classes(c, 3, 5, ls_counts_precision, LS_MEAN_MICRO), 3 / 5.0);
    near(ls_mean_over_classes(c, 3, 5, ls_counts_recall, LS_MEAN_MICRO), 3 / 5.0);
    near(ls_mean_over_classes(c, 3, 5, ls_counts_f1, LS_MEAN_MICRO), 3 / 5.0);
    /* Of 15 decisions 10 ought to be no, and 8 of these are. */
    near(ls_mean_over_classes(c, 3, 5, ls_counts_specificity, LS_MEAN_MICRO), 8 / 10.0);
    /* kappa: observed 3/5, by chance (3*1 + 2*3 + 0*1) / 25. */
    near(ls_kappa(c, 3, 5), (3 / 5.0 - 9 / 25.0) / (1 - 9 / 25.0));
    /* (3*5 - 9) / sqrt((25 - (1 + 9 + 1)) (25 - (9 + 4))). */
    near(ls_matthews(c, 3, 5), 6 / sqrt(14 * 12.0));
}

/* Where there is nothing to divide by there is no value. */
static void without_value(void **state) {
    (void)state;
    const ls_counts no_rows = {0, 2, 0}, never_said = {2, 0, 0}, all = {5, 5, 5},
                    nothing = {0, 0, 0};
    assert_true(isnan(ls_counts_recall(&no_rows, 5)) && ls_counts_precision(&no_rows, 5) == 0);
    assert_true(isnan(ls_counts_precision(&never_said, 5)) &&
                isnan(ls_counts_contamination(&never_said, 5)));
    assert_true(ls_counts_f1(&never_said, 5) == 0 && isnan(ls_counts_f1(&nothing, 5)));
    assert_true(isnan(ls_counts_specificity(&all, 5)) &&
                isnan(ls_counts_false_positive_rate(&all, 5)));
    /* In a mean it is no gain that a class is never said. */
    near(ls_mean_over_classes(&never_said, 1, 5, ls_counts_precision, LS_MEAN_MACRO), 0);
    assert_true(isnan(ls_mean_over_classes(&nothing, 1, 0, ls_counts_recall, LS_MEAN_MACRO)));
    assert_true(isnan(ls_kappa(&all, 1, 5)) && ls_matthews(&all, 1, 5) == 0);
}

/* A metric is found by its name where it is for the problem. */
static void table(void **state) {
    (void)state;
    const ls_problem many = {LS_FOR_MANY, 6, true}, few = {LS_FOR_MANY, 5, false},
                     two = {LS_FOR_TWO, 2, true}, flags = {LS_FOR_FLAGS, 3, false},
                     numbers = {LS_FOR_NUMBERS, 3, false};
    assert_string_equal(ls_metrics[0].name, "loss");
    assert_non_null(ls_metric_find(&many, "top5_accuracy"));
    assert_null(ls_metric_find(&few, "top5_accuracy"));
    assert_non_null(ls_metric_find(&few, "top3_accuracy"));
    assert_non_null(ls_metric_find(&many, "brier"));
    assert_null(ls_metric_find(&few, "brier")); /* no probabilities */
    assert_non_null(ls_metric_find(&two, "recall"));
    assert_null(ls_metric_find(&many, "recall"));
    assert_non_null(ls_metric_find(&flags, "auc"));
    assert_non_null(ls_metric_find(&flags, "mse"));
    assert_null(ls_metric_find(&numbers, "auc"));
    assert_null(ls_metric_find(&numbers, "accuracy"));
    assert_null(ls_metric_find(&many, "no such metric"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars_and_quasars),
        cmocka_unit_test(stars_and_quasars_by_rows),
        cmocka_unit_test(means),
        cmocka_unit_test(without_value),
        cmocka_unit_test(table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
