/* Orders, curves, areas, thresholds and correlations, against values worked out by hand and against
 * the definitions by pairs. */
#include <math.h>
#include <stdlib.h>

#include "lockstep/metrics/columns.h"
#include "lockstep/metrics/ranking.h"
#include "numbers.h"
#include "unit.h"

#define OK(call) assert_int_equal(call, LS_OK)

/* Sums of a few hundred terms of size 1 in float64. */
static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-13 * (1 + fabs(want))))
        fail_msg("%.17g, wanted %.17g", got, want);
}

static ls_order order_of(size_t n, const float *x) {
    ls_order order;
    OK(ls_order_create(n, &order));
    assert_true(ls_order_sort(&order, n, x));
    return order;
}

static void order(void **state) {
    (void)state;
    const float x[] = {2, -1, 0.0f, 1e30f, -0.0f, -1e-40f, -INFINITY, 2, -1, INFINITY};
    const size_t want[] = {6, 1, 8, 5, 2, 4, 0, 7, 3, 9}; /* equal ones as they stood */
    const double rank[] = {7.5, 2.5, 5.5, 9, 5.5, 4, 1, 7.5, 2.5, 10};
    double got[10];
    ls_order o = order_of(10, x);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(ls_order_row(&o, i), want[i]);
    assert_true(ls_order_tied(&o, 4, 5) && !ls_order_tied(&o, 3, 4));
    ls_order_ranks(&o, got);
    assert_memory_equal(got, rank, sizeof rank);
    const float bad[] = {1, NAN, 2};
    assert_false(ls_order_sort(&o, 3, bad));
    ls_order_free(&o);
}

static int compare(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Against the C library's sort, over all exponents. */
static void order_of_many(void **state) {
    (void)state;
    enum { N = 20000 };
    static float x[N], sorted[N];
    uint32_t draws = 1;
    for (size_t i = 0; i < N; i++)
        x[i] = sorted[i] = ldexpf(draw(&draws), (int)(i % 250) - 130);
    qsort(sorted, N, sizeof *sorted, compare);
    ls_order o = order_of(N, x);
    for (size_t i = 0; i < N; i++)
        assert_true(x[ls_order_row(&o, i)] == sorted[i]);
    ls_order_free(&o);
}

/* Scores  0.9 0.8 0.7 0.7 0.6 0.3 of rows  1 0 1 0 1 0: of nine pairs five are in order, one is
 * tied. */
static const float score[] = {0.7f, 0.3f, 0.9f, 0.6f, 0.8f, 0.7f};
static const uint8_t truth[] = {1, 0, 1, 1, 0, 0};

static void curve(void **state) {
    (void)state;
    static const struct {
        float threshold;
        double predicted, hits;
    } want[] = {{0.9f, 1, 1}, {0.8f, 2, 1}, {0.7f, 4, 2}, {0.6f, 5, 3}, {0.3f, 6, 3}};
    ls_order o = order_of(6, score);
    ls_curve c = ls_curve_begin(&o, truth);
    size_t row, i = 0;
    assert_true(c.counts.actual == 3 && c.rows == 6);
    for (; ls_curve_next(&c, &row); i++) {
        assert_true(score[row] == want[i].threshold);
        assert_true(c.counts.predicted == want[i].predicted && c.counts.hits == want[i].hits);
    }
    assert_int_equal(i, 5);
    near(ls_auc(&o, truth), 5.5 / 9);
    near(ls_average_precision(&o, truth), (1 + 2 / 4.0 + 3 / 5.0) / 3);
    ls_order_free(&o);
}

static void thresholds(void **state) {
    (void)state;
    ls_order o = order_of(6, score);
    ls_counts counts;
    size_t row;
    /* recall - false positive rate: 1/3, 0, 0, 1/3, 0: of two equal ones the higher threshold. */
    assert_true(ls_best_threshold(&o, truth, ls_criterion_find("youden"), &row, &counts));
    assert_true(score[row] == 0.9f && counts.hits == 1 && counts.predicted == 1);
    /* f1: 2/4, 2/5, 4/7, 6/8, 6/9. */
    assert_true(ls_best_threshold(&o, truth, ls_criterion_find("f1"), &row, &counts));
    assert_true(score[row] == 0.6f && counts.hits == 3 && counts.predicted == 5);
    assert_null(ls_criterion_find("no such criterion"));
    const uint8_t all[] = {1, 1, 1, 1, 1, 1};
    assert_false(ls_best_threshold(&o, all, ls_criterion_find("youden"), &row, &counts));
    ls_order_free(&o);
}

/* Nothing to compare: no value. All the same: a half. All right, all wrong: 1 and 0. */
static void special_areas(void **state) {
    (void)state;
    const uint8_t none[] = {0, 0, 0, 0}, all[] = {1, 1, 1, 1}, half[] = {0, 0, 1, 1},
                  turned[] = {1, 1, 0, 0};
    const float same[] = {3, 3, 3, 3}, rising[] = {1, 2, 3, 4};
    ls_order o = order_of(4, same);
    assert_true(isnan(ls_auc(&o, none)) && isnan(ls_auc(&o, all)));
    assert_true(isnan(ls_average_precision(&o, none)) && ls_average_precision(&o, all) == 1);
    assert_true(ls_auc(&o, half) == 0.5 && ls_average_precision(&o, half) == 0.5);
    ls_order_free(&o);
    o = order_of(4, rising);
    assert_true(ls_auc(&o, half) == 1 && ls_average_precision(&o, half) == 1);
    assert_true(ls_auc(&o, turned) == 0);
    near(ls_average_precision(&o, turned), (1 / 3.0 + 2 / 4.0) / 2);
    ls_order_free(&o);
}

/* The definition: the share of pairs in order, ties counting a half. */
static void area_by_pairs(void **state) {
    (void)state;
    enum { N = 301 };
    float x[N];
    uint8_t is[N];
    uint32_t draws = 5;
    double ordered = 0, pairs = 0;
    for (size_t i = 0; i < N; i++) {
        is[i] = draw(&draws) > 0.3f;
        x[i] = roundf(6 * draw(&draws) + is[i]); /* many ties */
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            if (is[i] && !is[j]) {
                pairs++;
                ordered += x[i] > x[j] ? 1 : x[i] == x[j] ? 0.5 : 0;
            }
    ls_order o = order_of(N, x);
    near(ls_auc(&o, is), ordered / pairs);
    ls_order_free(&o);
}

static void correlations(void **state) {
    (void)state;
    const ls_problem numbers = {LS_FOR_NUMBERS, 1, false};
    ls_column_room room;
    OK(ls_column_room_create(&numbers, 4, &room));
    /* Deviations -1.5 -0.5 0.5 1.5 and -2 -1 1 2: 7 / sqrt(5 * 10); the order is the same. */
    const float p[] = {1, 2, 3, 4}, y[] = {8, 9, 11, 12};
    ls_column_targets(&numbers, 0, 4, NULL, y, &room);
    ls_column c = ls_column_measure(&numbers, 4, p, &room);
    near(c.pearson, 7 / sqrt(50));
    near(c.spearman, 1);
    /* Errors -7 -7 -8 -8 of variance 1/4, targets of variance 10/4. */
    near(c.explained_variance, 1 - 1 / 10.0);
    assert_true(isnan(c.auc) && isnan(c.average_precision));
    /* Ranks 1.5 1.5 3 4 against 4 3 1.5 1.5. */
    const float q[] = {1, 1, 2, 3}, z[] = {9, 5, -1, -1};
    ls_column_targets(&numbers, 0, 4, NULL, z, &room);
    c = ls_column_measure(&numbers, 4, q, &room);
    near(c.spearman, (-1 * 1.5 - 1 * 0.5 - 0.5 * 1 - 1.5 * 1) / 4.5);
    /* A constant has no correlation. */
    const float same[] = {0.1f, 0.1f, 0.1f, 0.1f};
    c = ls_column_measure(&numbers, 4, same, &room);
    assert_true(isnan(c.pearson) && isnan(c.spearman));
    near(c.explained_variance, 0);
    ls_column_room_free(&room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),         cmocka_unit_test(order_of_many),
        cmocka_unit_test(curve),         cmocka_unit_test(thresholds),
        cmocka_unit_test(special_areas), cmocka_unit_test(area_by_pairs),
        cmocka_unit_test(correlations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
