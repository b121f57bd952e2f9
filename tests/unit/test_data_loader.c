/* The loader: rows and columns go where they belong, those of several lists in one pass, only
 * values that were asked for are looked at, and the sum over them depends on these values alone. */
#include "lockstep/comm/comm.h"
#include "lockstep/data/loader.h"
#include "lockstep/data/split.h"
#include "test_chain.h"
#include "test_files.h"

enum { N = 600, D = 5 }; /* slabs of 256 rows: three */

static ls_comm *comm;
static float x[N * D];

static void make_x(void) {
    for (size_t i = 0; i < N * D; i++)
        x[i] = (float)i;
}

static ls_dataset *dataset(void) {
    ls_h5 *f = NULL;
    ls_dataset *ds = NULL;
    OK(ls_h5_create(at("l.h5"), &f));
    put(f, "/X", LS_H5_F32, 2, N, D, x);
    OK(ls_h5_close(f));
    ls_dataset_paths paths = ls_dataset_default_paths(at("l.h5"));
    OK(ls_dataset_open(&paths, &ds));
    return ds;
}

/* A chain fitted on the rows [0, 10) of a matrix of this many columns. */
static ls_transforms *fitted(ls_dataset *ds, const char *yaml) {
    ls_transforms *t = NULL;
    uint8_t part[N];
    for (size_t i = 0; i < N; i++)
        part[i] = i < 10 ? LS_SPLIT_TRAIN : LS_SPLIT_NONE;
    test_chain chain = chain_of(yaml);
    OK(ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
    chain_free(&chain);
    return t;
}

static ls_status load(ls_loader *l, const size_t *row, size_t n, const size_t *slot, float *out) {
    return ls_loader_read(l, &(ls_loader_rows){.row = row, .n = n, .slot = slot, .out = out}, 1,
                          NULL);
}

/* Every third row from first on; their number. */
static size_t third_rows(size_t first, size_t *row) {
    size_t n = 0;
    for (size_t i = first; i < N; i += 3)
        row[n++] = i;
    return n;
}

static void rows_go_to_their_slots(void **state) {
    (void)state;
    static float out[N * D];
    size_t row[N], slot[N];
    make_x();
    ls_dataset *ds = dataset();
    ls_transforms *t = fitted(ds, "[scale: 2, select: 4, center]");
    ls_loader *l = NULL;
    size_t n = third_rows(1, row);
    for (size_t i = 0; i < n; i++)
        slot[i] = n - 1 - i;
    OK(ls_loader_create(ds, NULL, t, NULL, &l));
    OK(load(l, row, n, slot, out));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < 4; j++) {
            size_t column = ls_transforms_source(t, j);
            float mean = (float)(D * 9 + 2 * column);
            assert_true(out[slot[i] * 4 + j] == 2 * x[row[i] * D + column] - mean);
        }
    ls_loader_destroy(l);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

/* What this row alone adds to half of the loader's sum. */
static uint64_t sum_of(ls_loader *l, size_t row) {
    static float out[D];
    uint64_t before[2], after[2];
    ls_loader_sum(l, before);
    OK(load(l, &row, 1, NULL, out));
    ls_loader_sum(l, after);
    return after[1] - before[1];
}

/* A third of the rows to slots, of another third those of the last slab alone, one third to be
 * forgotten, and none. */
static void check_lists(const char *chain) {
    static float first[N * D], second[N * D];
    static uint64_t sum[N], forgotten[N];
    size_t row[3][N], slot[N], n[3];
    uint64_t total[2], added = 0;
    ls_dataset *ds = dataset();
    ls_transforms *t = fitted(ds, chain);
    const size_t width = ls_transforms_outputs(t);
    ls_loader *l = NULL;
    for (size_t k = 0; k < 3; k++)
        n[k] = third_rows(k == 1 ? 520 : k, row[k]);
    for (size_t i = 0; i < n[0]; i++)
        slot[i] = n[0] - 1 - i;
    ls_loader_rows lists[] = {
        {.row = row[0], .n = n[0], .slot = slot, .out = first, .sum = sum},
        {.row = row[1], .n = n[1], .out = second},
        {.row = row[2], .n = n[2], .sum = forgotten},
        {.n = 0},
    };
    OK(ls_loader_create(ds, NULL, t, NULL, &l));
    OK(ls_loader_read(l, lists, 4, NULL));
    ls_loader_sum(l, total);
    for (size_t j = 0; j < width; j++) {
        const size_t column = ls_transforms_source(t, j);
        for (size_t i = 0; i < n[0]; i++)
            assert_true(first[slot[i] * width + j] == 2 * x[row[0][i] * D + column]);
        for (size_t i = 0; i < n[1]; i++)
            assert_true(second[i * width + j] == 2 * x[row[1][i] * D + column]);
    }
    for (size_t i = 0; i < n[0]; i++) {
        assert_true(sum[slot[i]] == sum_of(l, row[0][i]));
        added += sum[slot[i]];
    }
    for (size_t i = 0; i < n[1]; i++)
        added += sum_of(l, row[1][i]);
    for (size_t i = 0; i < n[2]; i++) {
        assert_true(forgotten[i] == sum_of(l, row[2][i]));
        added += forgotten[i];
    }
    assert_true(added == total[1]);
    ls_loader_destroy(l);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void lists_go_to_their_places(void **state) {
    (void)state;
    static float first[N * D], second[N * D];
    size_t row[2][N];
    make_x();
    check_lists("[scale: 2]");            /* read in place */
    check_lists("[scale: 2, select: 4]"); /* by way of a slab */
    /* The first row of the file that is wrong is told, whatever its list. */
    x[99 * D + 1] = x[40 * D + 3] = NAN;
    ls_dataset *ds = dataset();
    ls_transforms *t = fitted(ds, "[scale: 2]");
    ls_loader *l = NULL;
    ls_loader_rows lists[] = {{.row = row[0], .n = third_rows(0, row[0]), .out = first},
                              {.row = row[1], .n = third_rows(1, row[1]), .out = second}};
    OK(ls_loader_create(ds, NULL, t, NULL, &l));
    FAILS(LS_ERR_DATA, "/X: row 40, column 3: missing value", ls_loader_read(l, lists, 2, NULL));
    ls_loader_destroy(l);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

/* A loader for three of the columns, in another order. */
static ls_loader *mapped_loader(ls_dataset *ds, ls_transforms **t) {
    static const uint32_t index[3] = {4, 0, 1};
    ls_h5 *f = NULL;
    ls_dataset *narrow = NULL;
    ls_loader *l = NULL;
    OK(ls_h5_create(at("n.h5"), &f));
    put(f, "/X", LS_H5_F32, 2, N, 3, x);
    OK(ls_h5_close(f));
    ls_dataset_paths paths = ls_dataset_default_paths(at("n.h5"));
    OK(ls_dataset_open(&paths, &narrow));
    *t = fitted(narrow, "[log1p]");
    ls_dataset_close(narrow);
    OK(ls_loader_create(ds, index, *t, NULL, &l));
    return l;
}

static void columns_follow_the_index(void **state) {
    (void)state;
    static float out[N * 3];
    size_t row[N];
    make_x();
    x[7 * D + 2] = NAN; /* a column that is no input */
    ls_dataset *ds = dataset();
    ls_transforms *t = NULL;
    ls_loader *l = mapped_loader(ds, &t);
    size_t n = third_rows(1, row);
    OK(load(l, row, n, NULL, out));
    for (size_t i = 0; i < n; i++) {
        const float *from = x + row[i] * D;
        assert_true(out[i * 3] == log1p_of(from[4]));
        assert_true(out[i * 3 + 1] == log1p_of(from[0]));
        assert_true(out[i * 3 + 2] == log1p_of(from[1]));
    }
    ls_loader_destroy(l);
    ls_dataset_close(ds);
    x[301 * D + 1] = -INFINITY;
    x[301 * D + 4] = -8;
    ds = dataset();
    OK(ls_loader_create(ds, (uint32_t[]){4, 0, 1}, t, NULL, &l));
    FAILS(LS_ERR_DATA, "row 301, column 1: infinite", load(l, row, n, NULL, out));
    ls_loader_destroy(l);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

/* What is between the rows that are wanted is nobody's business. */
static void other_rows_may_hold_anything(void **state) {
    (void)state;
    static float out[N * D];
    size_t row[N];
    make_x();
    for (size_t i = 0; i < N; i++)
        x[i * D + 3] = i % 3 == 1 ? x[i * D + 3] : i % 3 == 0 ? NAN : -5;
    ls_dataset *ds = dataset();
    ls_transforms *t = fitted(ds, "[log1p]");
    ls_loader *l = NULL;
    OK(ls_loader_create(ds, NULL, t, NULL, &l));
    OK(load(l, row, third_rows(1, row), NULL, out));
    assert_true(out[3] == log1p_of(x[1 * D + 3]) && out[100 * D + 3] == log1p_of(x[301 * D + 3]));
    FAILS(LS_ERR_DATA, "/X: row 3, column 3: missing value",
          load(l, row + 1, third_rows(0, row) - 1, NULL, out));
    FAILS(LS_ERR_DATA, "/X: row 2, column 3: log1p can not take -5",
          load(l, row, third_rows(2, row), NULL, out));
    ls_loader_destroy(l);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

/* Reads rows [first, end) in steps and adds the loader's sum to sum. */
static void add_sum(size_t first, size_t end, size_t step, bool backwards, uint64_t sum[2]) {
    static float out[N * D];
    size_t row[N], n = 0;
    uint64_t own[2];
    ls_dataset *ds = dataset();
    ls_transforms *t = fitted(ds, "[scale: 2]");
    ls_loader *l = NULL;
    OK(ls_loader_create(ds, NULL, t, NULL, &l));
    for (size_t i = first; i < end; i += step)
        row[n++] = i;
    for (size_t i = 0; backwards && i < n; i++)
        OK(load(l, row + n - 1 - i, 1, NULL, out));
    if (!backwards)
        OK(load(l, row, n, NULL, out));
    ls_loader_sum(l, own);
    sum[0] += own[0];
    sum[1] += own[1];
    ls_loader_destroy(l);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void the_sum_is_one_of_values(void **state) {
    (void)state;
    uint64_t whole[2] = {0}, backwards[2] = {0}, parts[2] = {0}, other[2] = {0};
    make_x();
    add_sum(0, N, 1, false, whole);
    assert_true(whole[0] != 0 && whole[1] != 0 && whole[0] != whole[1]);
    add_sum(0, N, 1, true, backwards);
    assert_memory_equal(backwards, whole, sizeof whole);
    for (size_t k = 0; k < 3; k++)
        add_sum(k, 301, 3, k == 1, parts);
    add_sum(301, N, 1, false, parts);
    assert_memory_equal(parts, whole, sizeof whole);
    /* One value more or less, wherever it is; two rows that change places; a row left out. */
    for (size_t i = 0; i < N * D; i += 997) {
        x[i] = nextafterf(x[i], -1);
        memset(other, 0, sizeof other);
        add_sum(0, N, 1, false, other);
        assert_true(other[0] != whole[0] && other[1] != whole[1]);
        make_x();
    }
    memcpy(x + 4 * D, x + 5 * D, D * sizeof *x);
    for (size_t j = 0; j < D; j++)
        x[5 * D + j] = (float)(4 * D + j);
    memset(other, 0, sizeof other);
    add_sum(0, N, 1, false, other);
    assert_true(other[0] != whole[0] && other[1] != whole[1]);
    make_x();
    memset(other, 0, sizeof other);
    add_sum(1, N, 1, false, other);
    assert_true(other[0] != whole[0] && other[1] != whole[1]);
}

/* Blocks of the outputs, by loaders of their own, are what one loader of all outputs reads, and
 * their sums add up to the sum of one loader of all blocks. */
static void check_slices(const char *chain, const uint32_t *index) {
    static float all[N * D], some[N * D];
    static const size_t edge[] = {0, 1, 3, 4};
    const ls_loader_columns whole = {0, 3, edge};
    size_t row[N], n = third_rows(1, row);
    ls_dataset *ds = dataset();
    ls_transforms *t = fitted(ds, chain);
    ls_loader *l = NULL;
    uint64_t want[2], sum[2] = {0}, own[2];
    OK(ls_loader_create(ds, index, t, NULL, &l));
    OK(load(l, row, n, NULL, all));
    ls_loader_destroy(l);
    OK(ls_loader_create(ds, index, t, &whole, &l));
    OK(load(l, row, n, NULL, some));
    assert_memory_equal(some, all, n * 4 * sizeof *all);
    ls_loader_sum(l, want);
    ls_loader_destroy(l);
    for (size_t b = 0; b < 3; b++) {
        const ls_loader_columns one = {b, 1, edge + b};
        const size_t width = edge[b + 1] - edge[b];
        OK(ls_loader_create(ds, index, t, &one, &l));
        OK(load(l, row, n, NULL, some));
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(some + i * width, all + i * 4 + edge[b], width * sizeof *all);
        ls_loader_sum(l, own);
        sum[0] += own[0];
        sum[1] += own[1];
        ls_loader_destroy(l);
    }
    assert_memory_equal(sum, want, sizeof want);
    assert_true(sum[0] != 0 && sum[1] != 0);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void columns_are_slices(void **state) {
    (void)state;
    static float some[N * D];
    static const uint32_t turned[D] = {3, 1, 4, 0, 2};
    static const char *const chains[] = {"[log1p, select: 4, center]",
                                         "[log1p, select: 3, polynomial, select: 4, center]",
                                         "[log1p, pca: 2, polynomial, select: 4]"};
    size_t row[N], n = third_rows(1, row);
    make_x();
    for (size_t k = 0; k < 3; k++) {
        check_slices(chains[k], NULL);
        check_slices(chains[k], turned);
    }
    x[row[5] * D + 2] = NAN;
    ls_dataset *ds = dataset();
    ls_transforms *t = NULL;
    ls_loader *l = mapped_loader(ds, &t);
    ls_loader_destroy(l);
    OK(ls_loader_create(ds, (uint32_t[]){0, 1, 2}, t, &(ls_loader_columns){1, 1, (size_t[]){1, 3}},
                        &l));
    FAILS(LS_ERR_DATA, "column 2", load(l, row, n, NULL, some));
    ls_loader_destroy(l);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_to_their_slots),   cmocka_unit_test(lists_go_to_their_places),
        cmocka_unit_test(columns_follow_the_index), cmocka_unit_test(other_rows_may_hold_anything),
        cmocka_unit_test(the_sum_is_one_of_values), cmocka_unit_test(columns_are_slices)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, make_dir, remove_dir);
    ls_comm_finalize(comm);
    return failed;
}
