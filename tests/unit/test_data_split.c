/* Splits: sizes, shares of classes, whole groups, seeds and errors, against counts made here. */
#include <math.h>

#include "lockstep/data/split.h"
#include "test_files.h"

#define MAX_ROWS 8000
#define MAX_CLASSES 64

static ls_split_spec spec(double train, double val, double test, bool stratify, uint32_t seed) {
    return (ls_split_spec){{train, val, test}, stratify, seed};
}

static void sizes_are_exact(void **state) {
    (void)state;
    static const struct {
        size_t n;
        double f[3];
        size_t size[3];
    } row[] = {{100, {.8, .1, .1}, {80, 10, 10}}, {101, {.8, .1, .1}, {81, 10, 10}},
               {70, {.7, .2, .1}, {49, 14, 7}},   {7, {.5, .25, .25}, {3, 2, 2}},
               {10, {1, 0, 0}, {10, 0, 0}},       {3, {1. / 3, 1. / 3, 1. / 3}, {1, 1, 1}},
               {1000, {.9, 0, .1}, {900, 0, 100}}};
    uint8_t part[MAX_ROWS];
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        memset(part, 0, sizeof part);
        ls_split_spec s = spec(row[k].f[0], row[k].f[1], row[k].f[2], false, 3);
        OK(ls_split_assign(&s, row[k].n, NULL, 0, NULL, 0, part));
        for (int p = 0; p < 3; p++)
            assert_int_equal(ls_split_count(part, row[k].n, p), row[k].size[p]);
    }
}

/* Unbalanced classes, dealt over the rows in a scattered order. */
static size_t make_labels(const size_t *count, size_t classes, int32_t *label) {
    size_t n = 0;
    for (size_t c = 0; c < classes; c++)
        for (size_t i = 0; i < count[c]; i++)
            label[n++] = (int32_t)c;
    for (size_t i = n - 1, x = 1; i > 0; i--) {
        x = (x * 1103515245u + 12345u) % 2147483648u;
        size_t j = x % (i + 1);
        int32_t l = label[i];
        label[i] = label[j];
        label[j] = l;
    }
    return n;
}

static void classes_keep_their_shares(void **state) {
    (void)state;
    const size_t count[6] = {1, 2, 7, 33, 150, 1000};
    const double f[3] = {.8, .1, .1};
    int32_t label[MAX_ROWS];
    uint8_t part[MAX_ROWS] = {0};
    size_t n = make_labels(count, 6, label), in[3][6] = {{0}};
    ls_split_spec s = spec(f[0], f[1], f[2], true, 11);
    OK(ls_split_assign(&s, n, label, 6, NULL, 0, part));
    /* 1193 rows: 954.4, 119.3, 119.3 round to 955, 119, 119 by largest remainder. */
    assert_int_equal(ls_split_count(part, n, 0), 955);
    assert_int_equal(ls_split_count(part, n, 1), 119);
    assert_int_equal(ls_split_count(part, n, 2), 119);
    for (size_t i = 0; i < n; i++)
        in[part[i]][label[i]]++;
    for (int p = 0; p < 3; p++)
        for (size_t c = 0; c < 6; c++) {
            /* Rounded down, and at most one leftover row unless other parts lack none. */
            double wanted = f[p] * (double)count[c];
            assert_true((double)in[p][c] > wanted - 1 && (double)in[p][c] < wanted + 2);
        }
}

static void whole_shares_are_whole(void **state) {
    (void)state;
    /* 100 * 0.29 is 28.999... in float64, but it means 29; five lone rows would hide that. */
    int32_t label[105];
    uint8_t part[105] = {0};
    size_t in[3] = {0};
    size_t n = make_labels((const size_t[]){100, 1, 1, 1, 1, 1}, 6, label);
    ls_split_spec s = spec(.29, .5, .21, true, 4);
    OK(ls_split_assign(&s, n, label, 6, NULL, 0, part));
    for (size_t i = 0; i < n; i++)
        in[part[i]] += label[i] == 0;
    assert_int_equal(in[0], 29);
    assert_int_equal(in[1], 50);
    assert_int_equal(in[2], 21);
}

static void leftovers_are_spread(void **state) {
    (void)state;
    /* Seven rows are 5.6, 0.7 and 0.7: two are left over, and go to two parts. */
    int32_t label[70];
    uint8_t part[70] = {0};
    size_t in[3][10] = {{0}};
    size_t n = make_labels((const size_t[]){7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, 10, label);
    ls_split_spec s = spec(.8, .1, .1, true, 1);
    OK(ls_split_assign(&s, n, label, 10, NULL, 0, part));
    for (size_t i = 0; i < n; i++)
        in[part[i]][label[i]]++;
    for (size_t c = 0; c < 10; c++)
        assert_true(in[0][c] <= 6 && in[1][c] <= 1 && in[2][c] <= 1);
    /* A class of one row is trained on, though val and test lack more rows at its turn. */
    n = make_labels((const size_t[]){1, 5, 5, 5, 5}, 5, label);
    OK(ls_split_assign(&s, n, label, 5, NULL, 0, part));
    for (size_t i = 0; i < n; i++)
        assert_true(label[i] != 0 || part[i] == LS_SPLIT_TRAIN);
}

static void large_groups_fit_large_parts(void **state) {
    (void)state;
    const size_t size[4] = {20, 40, 10, 30};
    uint32_t group[100];
    uint8_t part[100] = {0};
    for (size_t g = 0, i = 0; g < 4; g++)
        for (size_t k = 0; k < size[g]; k++)
            group[i++] = (uint32_t)g;
    ls_split_spec s = spec(.9, .1, 0, false, 1);
    OK(ls_split_assign(&s, 100, NULL, 0, group, 4, part));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(part[i], group[i] == 2 ? LS_SPLIT_VAL : LS_SPLIT_TRAIN);
}

static void unused_rows_stay_out(void **state) {
    (void)state;
    uint8_t part[50];
    for (size_t i = 0; i < 50; i++)
        part[i] = i % 5 == 0 ? LS_SPLIT_NONE : 0;
    ls_split_spec s = spec(.5, .25, .25, false, 1);
    OK(ls_split_assign(&s, 50, NULL, 0, NULL, 0, part));
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(part[i] == LS_SPLIT_NONE, i % 5 == 0);
    assert_int_equal(ls_split_count(part, 50, LS_SPLIT_TRAIN), 20);
    assert_int_equal(ls_split_count(part, 50, LS_SPLIT_TEST), 10);
}

static void same_seed_same_split(void **state) {
    (void)state;
    uint8_t a[1000] = {0}, b[1000] = {0}, c[1000] = {0};
    ls_split_spec s = spec(.8, .1, .1, false, 5), other = spec(.8, .1, .1, false, 6);
    OK(ls_split_assign(&s, 1000, NULL, 0, NULL, 0, a));
    OK(ls_split_assign(&s, 1000, NULL, 0, NULL, 0, b));
    OK(ls_split_assign(&other, 1000, NULL, 0, NULL, 0, c));
    assert_memory_equal(a, b, 1000);
    size_t both = 0;
    for (size_t i = 0; i < 1000; i++)
        both += a[i] == LS_SPLIT_TEST && c[i] == LS_SPLIT_TEST;
    /* Two independent draws of 100 in 1000 share 10 +- 2.85; 25 is over five sigma away. */
    assert_true(both < 25);
}

/* GTEx-like: 450 donors, each giving some of 50 tissues whose sizes differ widely. */
static size_t make_donors(int32_t *label, uint32_t *group) {
    size_t n = 0;
    uint64_t x = 42;
    for (uint32_t d = 0; d < 450; d++)
        for (int32_t c = 0; c < 50; c++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            if ((x >> 33) % 100 < (uint64_t)(1 + c)) {
                label[n] = c;
                group[n++] = d;
            }
        }
    return n;
}

static void groups_stay_whole_and_balanced(void **state) {
    (void)state;
    int32_t label[MAX_ROWS];
    uint32_t group[MAX_ROWS];
    uint8_t part[MAX_ROWS];
    const double f[3] = {.8, .1, .1};
    size_t n = make_donors(label, group);
    assert_in_range(n, 5000, MAX_ROWS);
    for (uint32_t seed = 0; seed < 4; seed++) {
        ls_split_spec s = spec(f[0], f[1], f[2], seed % 2 == 0, seed);
        memset(part, 0, sizeof part);
        OK(ls_split_assign(&s, n, label, 50, group, 450, part));
        for (size_t i = 1; i < n; i++)
            if (group[i] == group[i - 1])
                assert_int_equal(part[i], part[i - 1]);
        double in[3][50] = {{0}}, all[50] = {0};
        for (size_t i = 0; i < n; i++) {
            in[part[i]][label[i]]++;
            all[label[i]]++;
        }
        for (int p = 0; p < 3; p++) {
            /* Placing donors of about 13 rows can miss a size by no more than a donor. */
            double size = (double)ls_split_count(part, n, p);
            assert_true(fabs(size - f[p] * (double)n) < 20);
            /* Up to 3.6 rows off here; without regard to classes it is 6 to 10. */
            for (int c = 0; s.stratify && c < 50; c++)
                assert_true(fabs(in[p][c] - f[p] * all[c]) < 5);
        }
    }
}

static void seeds_move_groups(void **state) {
    (void)state;
    int32_t label[MAX_ROWS];
    uint32_t group[MAX_ROWS];
    uint8_t a[MAX_ROWS] = {0}, b[MAX_ROWS] = {0};
    size_t n = make_donors(label, group);
    ls_split_spec s = spec(.8, .1, .1, true, 1), other = spec(.8, .1, .1, true, 2);
    OK(ls_split_assign(&s, n, label, 50, group, 450, a));
    OK(ls_split_assign(&other, n, label, 50, group, 450, b));
    size_t both = 0, test = ls_split_count(a, n, LS_SPLIT_TEST);
    for (size_t i = 0; i < n; i++)
        both += a[i] == LS_SPLIT_TEST && b[i] == LS_SPLIT_TEST;
    assert_true(both < test / 2);
}

static void few_groups_fill_every_part(void **state) {
    (void)state;
    uint32_t group[30];
    uint8_t part[30] = {0};
    for (uint32_t i = 0; i < 30; i++)
        group[i] = i / 10;
    ls_split_spec s = spec(.8, .1, .1, false, 0);
    OK(ls_split_assign(&s, 30, NULL, 0, group, 3, part));
    for (int p = 0; p < 3; p++)
        assert_int_equal(ls_split_count(part, 30, p), 10);
}

static void errors_say_what_and_how(void **state) {
    (void)state;
    uint8_t part[10] = {0};
    uint32_t group[10] = {0};
    int32_t label[10] = {0, 1, 2, 3, -1};
    ls_split_spec s = spec(.8, .1, .1, true, 0);
    FAILS(LS_ERR_DATA, "test is empty", ls_split_assign(&s, 5, NULL, 0, NULL, 0, part));
    FAILS(LS_ERR_DATA, "larger fraction", ls_split_assign(&s, 5, NULL, 0, NULL, 0, part));
    FAILS(LS_ERR_DATA, "too few groups", ls_split_assign(&s, 10, NULL, 0, group, 1, part));
    FAILS(LS_ERR_DATA, "row 4: its class", ls_split_assign(&s, 10, label, 4, NULL, 0, part));
    FAILS(LS_ERR_DATA, "row 3: its class", ls_split_assign(&s, 10, label, 3, NULL, 0, part));
    s = spec(.8, .1, .2, false, 0);
    FAILS(LS_ERR_CONFIG, "sum to 1.1", ls_split_assign(&s, 10, NULL, 0, NULL, 0, part));
    s = spec(1.5, -.5, 0, false, 0);
    FAILS(LS_ERR_CONFIG, "train is 1.5", ls_split_assign(&s, 10, NULL, 0, NULL, 0, part));
    s = spec(NAN, .5, .5, false, 0);
    FAILS(LS_ERR_CONFIG, "train", ls_split_assign(&s, 10, NULL, 0, NULL, 0, part));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_are_exact),
                                       cmocka_unit_test(classes_keep_their_shares),
                                       cmocka_unit_test(whole_shares_are_whole),
                                       cmocka_unit_test(leftovers_are_spread),
                                       cmocka_unit_test(large_groups_fit_large_parts),
                                       cmocka_unit_test(unused_rows_stay_out),
                                       cmocka_unit_test(same_seed_same_split),
                                       cmocka_unit_test(groups_stay_whole_and_balanced),
                                       cmocka_unit_test(seeds_move_groups),
                                       cmocka_unit_test(few_groups_fill_every_part),
                                       cmocka_unit_test(errors_say_what_and_how)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
