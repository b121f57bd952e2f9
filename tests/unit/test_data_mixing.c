/* Transforms that mix columns, on one rank: closed forms, what is refused and how it is named, and
 * the way through a checkpoint, whole and damaged. */
#include <math.h>

#include "lockstep/comm/comm.h"
#include "lockstep/data/split.h"
#include "lockstep/data/transform.h"
#include "test_chain.h"
#include "test_files.h"

enum { ROWS_MAX = 512 };

static ls_comm *comm;

/* A file with this X[n, d], and names of its columns. */
static ls_dataset *dataset(size_t n, size_t d, const float *x, const char *const *names) {
    ls_h5 *f = NULL;
    ls_dataset *ds = NULL;
    OK(ls_h5_create(at("t.h5"), &f));
    put(f, "/X", LS_H5_F32, 2, n, d, x);
    if (names)
        put_strings(f, "/features", names);
    OK(ls_h5_close(f));
    ls_dataset_paths paths = ls_dataset_default_paths(at("t.h5"));
    OK(ls_dataset_open(&paths, &ds));
    return ds;
}

/* On all rows. */
static ls_status fit(ls_dataset *ds, const char *yaml, ls_transforms **t) {
    static const uint8_t part[ROWS_MAX];
    test_chain chain = chain_of(yaml);
    ls_status st = ls_transforms_fit(comm, ds, part, &chain.list, NULL, t);
    chain_free(&chain);
    return st;
}

/* Fits on all rows and applies to all; out[n, outputs]. Returns outputs. */
static size_t transform(size_t n, size_t d, const float *x, const char *yaml, float *out) {
    ls_dataset *ds = dataset(n, d, x, NULL);
    ls_transforms *t = NULL;
    OK(fit(ds, yaml, &t));
    OK(apply_rows(t, ds, 0, n, x, out));
    size_t outputs = ls_transforms_outputs(t);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
    return outputs;
}

static void are(const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            fail_msg("value %zu: %.9g is not %.9g", i, (double)a[i], (double)b[i]);
}

static void counts_per_million(void **state) {
    (void)state;
    const float x[9] = {1, 3, 4, 0, 0, 0, 250, 750, 0};
    float out[9];
    assert_int_equal(transform(3, 3, x, "[cpm]", out), 3);
    are(out, (float[]){125000, 375000, 500000, 0, 0, 0, 250000, 750000, 0}, 9);
    /* Columns are dropped behind the sum, and in front of it. */
    assert_int_equal(transform(3, 3, x, "[cpm, select: 1]", out), 1);
    are(out, (float[]){375000, 0, 750000}, 3);
    assert_int_equal(transform(3, 3, x, "[select: 2, cpm]", out), 2);
    are(out, (float[]){250000, 750000, 0, 0, 250000, 750000}, 6);
}

/* A row's sum is one of float64: a large value does not swallow the small ones. */
static void wide_sums_are_exact(void **state) {
    (void)state;
    enum { D = 3000 };
    static float x[2 * D], out[2 * D];
    for (size_t j = 0; j < D; j++)
        x[j] = x[D + j] = j == 7 ? 1e9f : 1;
    transform(2, D, x, "[cpm]", out);
    for (size_t j = 0; j < D; j++)
        assert_true(out[D + j] == (float)((j == 7 ? 1e9 : 1) * (1e6 / (1e9 + D - 1))));
}

/* What is fitted behind a factor of each row, where columns in front of it and behind are dropped,
 * over blocks of columns: against the same by plain loops. */
static void fits_behind_factors(void **state) {
    (void)state;
    enum { N = 20, D = 1300, FRONT = 1200, KEPT = 600 };
    static float x[N * D], out[N * KEPT], seen[N * D];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = (float)((i * 7919 + j * 104729 + i * j) % 97 * (1 + j % 11));
    ls_dataset *ds = dataset(N, D, x, NULL);
    ls_transforms *t = NULL;
    OK(fit(ds, "[select: 1200, log1p, minmax, cpm, select: 600, center]", &t));
    OK(apply_rows(t, ds, 0, N, x, out));
    assert_int_equal(transform(N, D, x, "[select: 1200, log1p, minmax]", seen), FRONT);
    /* Of rows in which a column is 0, the outputs are minus its mean. */
    for (size_t j = 0; j < KEPT; j += 59) {
        double mean = 0, sum = 0;
        for (size_t i = 0; i < N; i++)
            sum += (double)out[i * KEPT + j];
        mean = sum / N;
        assert_true(fabs(mean) < 1e-3); /* of values up to 5000 */
    }
    /* A kept column, as it was in front of the sum. */
    ls_transforms *front = NULL;
    OK(fit(ds, "[select: 1200]", &front));
    for (size_t j = 0; j < KEPT; j += 59) {
        size_t column = ls_transforms_source(t, j), k = 0;
        while (ls_transforms_source(front, k) != column)
            k++;
        double value[N], mean = 0;
        for (size_t i = 0; i < N; i++) {
            double sum = 0;
            for (size_t m = 0; m < FRONT; m++)
                sum += (double)seen[i * FRONT + m];
            value[i] = (double)seen[i * FRONT + k] * 1e6 / sum;
            mean += value[i] / N;
        }
        for (size_t i = 0; i < N; i++) /* half a unit of float32 at 5000 before and after */
            assert_true(fabs((double)out[i * KEPT + j] - (value[i] - mean)) < 1e-3);
    }
    ls_transforms_destroy(front);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void products_in_order(void **state) {
    (void)state;
    const float x[6] = {2, 3, 5, -1, 0, 0.5f};
    float out[18];
    assert_int_equal(transform(2, 3, x, "[polynomial]", out), 9);
    are(out, (float[]){2, 3, 5, 4, 6, 10, 9, 15, 25, -1, 0, 0.5f, 1, 0, -0.5f, 0, 0, 0.25f}, 18);
    assert_int_equal(transform(2, 3, x, "[polynomial: {interactions_only: true}]", out), 6);
    are(out, (float[]){2, 3, 5, 6, 10, 15, -1, 0, 0.5f, 0, -0.5f, 0}, 12);
    assert_int_equal(transform(2, 1, x, "[polynomial: {interactions_only: true}]", out), 1);
    assert_int_equal(transform(2, 3, x, "[polynomial, center, polynomial]", (float[2 * 54]){0}),
                     54);
}

static void categories_become_columns(void **state) {
    (void)state;
    const float x[9] = {2, 0, 7, 3, 1, 8, 4, 2, 9};
    float out[15];
    assert_int_equal(transform(3, 3, x, "[one_hot: {column: 1, categories: 3}]", out), 5);
    are(out, (float[]){2, 7, 1, 0, 0, 3, 8, 0, 1, 0, 4, 9, 0, 0, 1}, 15);
    /* Numbers are those of the file, wherever a transform has put the column. */
    assert_int_equal(transform(3, 3, x,
                               "[one_hot: {column: 0, categories: 5}, select: 6, "
                               "one_hot: {column: 1, categories: 3}, select: 3]",
                               out),
                     3);
    const char *const names[] = {"a", "1", "c", NULL};
    ls_dataset *ds = dataset(3, 3, x, names);
    ls_transforms *t = NULL;
    OK(fit(ds, "[one_hot: {column: \"1\", categories: 4}]", &t));
    assert_int_equal(ls_transforms_source(t, 1), 2);
    assert_int_equal(ls_transforms_source(t, 2), LS_NOT_FOUND);
    ls_transforms_destroy(t);
    OK(fit(ds, "[one_hot: {column: 2, categories: 10}, one_hot: {column: a, categories: 5}]", &t));
    OK(apply_rows(t, ds, 0, 1, x, (float[16]){0}));
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

/* Points on a plane through (10, 20, 30) with the axes (2, 1, 2) / 3 and (1, 2, -2) / 3. */
static void axes_of_a_plane(void **state) {
    (void)state;
    const double a[4] = {6, -6, 6, -6}, b[4] = {3, 3, -3, -3};
    float x[12], out[8];
    for (size_t i = 0; i < 4; i++) {
        x[i * 3] = (float)(10 + (2 * a[i] + b[i]) / 3);
        x[i * 3 + 1] = (float)(20 + (a[i] + 2 * b[i]) / 3);
        x[i * 3 + 2] = (float)(30 + (2 * a[i] - 2 * b[i]) / 3);
    }
    assert_int_equal(transform(4, 3, x, "[pca: 2]", out), 2);
    /* (2, 1, 2) has two largest elements, either positive; (1, 2, -2) points where one of them is:
     * the first to rounding, so its sign is anyone's. */
    const double turn = (double)out[1] * b[0] > 0 ? 1 : -1;
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs((double)out[i * 2] - a[i]) < 1e-5);
        assert_true(fabs((double)out[i * 2 + 1] - turn * b[i]) < 1e-5);
    }
    assert_int_equal(transform(4, 3, x, "[whiten: 1]", out), 1);
    for (size_t i = 0; i < 4; i++) /* variance 4 * 36 / 3 */
        assert_true(fabs((double)out[i] - a[i] / sqrt(48.0)) < 1e-6);
    ls_dataset *ds = dataset(4, 3, x, NULL);
    ls_transforms *t = NULL;
    FAILS(LS_ERR_CONFIG, "vary along 2 axes only", fit(ds, "[scale: 3, whiten: 3]", &t));
    assert_null(t);
    ls_dataset_close(ds);
}

static void errors_name_the_place(void **state) {
    (void)state;
    const float x[6] = {1, 2, 3, 4, -1, 6};
    const char *const names[] = {"a", "b", NULL};
    ls_transforms *t = NULL;
    ls_dataset *ds = dataset(3, 2, x, names);
    static const struct {
        ls_status status;
        const char *chain, *says;
    } cases[] = {
        {LS_ERR_DATA, "[cpm, center]", "row 2, column 0 (a): cpm can not take -1"},
        {LS_ERR_DATA, "[scale: -1, cpm, center]", "row 0, column 0 (a): cpm can not take -1"},
        {LS_ERR_DATA, "[one_hot: {column: b, categories: 5}, center]",
         "row 2, column 1 (b): one_hot can not take 6"},
        {LS_ERR_DATA, "[scale: 0.5, one_hot: {column: a, categories: 5}, center]",
         "row 0, column 0 (a): one_hot can not take 0.5"},
        {LS_ERR_DATA, "[polynomial: {interactions_only: true}, log1p, center]",
         "row 2, column 0 (a): log1p can not take -1"},
        {LS_ERR_DATA, "[polynomial: {interactions_only: true}, scale: -1, log1p, center]",
         "log1p can not take"},
        {LS_ERR_DATA, "[scale: 1.0e+30, polynomial, center]",
         "row 0, output 2 of polynomial: the transformed value is not finite"},
        {LS_ERR_CONFIG, "[one_hot: {column: c, categories: 5}]", "has no column c"},
        {LS_ERR_CONFIG, "[one_hot: {column: 2, categories: 5}]", "has no column 2"},
        {LS_ERR_CONFIG, "[select: 1, one_hot: {column: b, categories: 5}]",
         "an earlier transform left nothing of column b"},
        {LS_ERR_CONFIG, "[pca: 1, one_hot: {column: a, categories: 5}]",
         "put one_hot in front of it"},
        {LS_ERR_CONFIG, "[pca: 3]", "3 principal components are wanted, but there are only 2"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        FAILS(cases[k].status, cases[k].says, fit(ds, cases[k].chain, &t));
        assert_null(t);
    }
    OK(fit(ds, "[cpm]", &t)); /* nothing to fit: nothing is read */
    FAILS(LS_ERR_DATA, "row 12, column 0: cpm can not take -1",
          apply_rows(t, NULL, 10, 3, x, (float[6]){0}));
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void plans_what_a_chain_leaves(void **state) {
    (void)state;
    static const struct {
        const char *chain;
        size_t inputs, outputs; /* 0: refused */
    } cases[] = {{"[cpm]", 10, 10},
                 {"[polynomial]", 10, 65},
                 {"[polynomial: {interactions_only: true}]", 10, 55},
                 {"[polynomial, select: 66]", 10, 0},
                 {"[select: 3, polynomial, select: 7, polynomial]", 10, 35},
                 {"[one_hot: {column: x, categories: 5}]", 10, 14},
                 {"[pca: 10, whiten: 4]", 10, 4},
                 {"[pca: 11]", 10, 0},
                 {"[polynomial]", 2895, 0},
                 {"[polynomial: {interactions_only: true}]", 2895, 4191960}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        check_planned(cases[k].chain, cases[k].inputs, cases[k].outputs);
}

static void survives_a_checkpoint(void **state) {
    (void)state;
    enum { N = 40, D = 6, MOST = 64 };
    static const char *const chains[] = {
        "[select: 5, cpm, log1p, select: 4, standardize, polynomial, select: 9, scale: 2, minmax]",
        "[one_hot: {column: 5, categories: 3}, cpm, select: 7, whiten: 4, center]",
        "[pca: 3, polynomial: {interactions_only: true}, pca: 5]"};
    float x[N * D], out[N * MOST], again[N * MOST];
    for (size_t i = 0; i < N * D; i++)
        x[i] = i % D == 5 ? (float)(i / D % 3) : (float)((i * i * 31 + i * 17) % 101);
    ls_dataset *ds = dataset(N, D, x, NULL);
    for (size_t k = 0; k < sizeof chains / sizeof *chains; k++) {
        ls_transforms *t = NULL, *u = NULL;
        OK(fit(ds, chains[k], &t));
        u = through_a_checkpoint(t);
        const size_t outputs = ls_transforms_outputs(t);
        OK(apply_rows(t, ds, 0, N, x, out));
        OK(apply_rows(u, ds, 0, N, x, again));
        assert_memory_equal(out, again, N * outputs * sizeof *out);
        ls_transforms_destroy(t);
        ls_transforms_destroy(u);
    }
    ls_dataset_close(ds);
}

/* A stored chain, three columns, of which one_hot takes the second apart and whiten keeps two axes,
 * of which one is chosen; with one thing changed. */
typedef struct stored {
    const char *chain, *says;
    uint64_t outputs, source;
    double column, categories, components, mean, axis, scale;
    size_t means, axes[2];
} stored;

static void write_stored(const stored *s) {
    ls_h5 *f = NULL;
    const uint64_t inputs = 3;
    const double mean[] = {s->mean, 0, 0, 0, 0}, one = 1;
    double axes[12] = {s->axis, 0, 0, 0, 0, 1};
    OK(ls_h5_create(at("d.h5"), &f));
    OK(ls_h5_make_group(f, "/t"));
    OK(ls_h5_write_attribute_text(f, "/t", "chain", s->chain));
    OK(ls_h5_write_attribute(f, "/t", "inputs", LS_H5_U64, 1, &inputs));
    OK(ls_h5_write_attribute(f, "/t", "outputs", LS_H5_U64, 1, &s->outputs));
    OK(ls_h5_make_group(f, "/t/0_one_hot"));
    OK(ls_h5_write_attribute(f, "/t/0_one_hot", "column", LS_H5_F64, 1, &s->column));
    OK(ls_h5_write_attribute(f, "/t/0_one_hot", "categories", LS_H5_F64, 1, &s->categories));
    OK(ls_h5_make_group(f, "/t/1_whiten"));
    OK(ls_h5_write_attribute(f, "/t/1_whiten", "components", LS_H5_F64, 1, &s->components));
    put(f, "/t/1_whiten/mean", LS_H5_F64, 1, s->means, 1, mean);
    put(f, "/t/1_whiten/axes", LS_H5_F64, 2, s->axes[0], s->axes[1], axes);
    put(f, "/t/1_whiten/scale", LS_H5_F64, 1, 2, 1, (double[]){1, s->scale});
    put(f, "/t/1_whiten/source", LS_H5_U64, 1, 1, 1, &s->source);
    OK(ls_h5_make_group(f, "/t/2_select"));
    OK(ls_h5_write_attribute(f, "/t/2_select", "features", LS_H5_F64, 1, &one));
    OK(ls_h5_close(f));
}

static void damaged_chains_are_refused(void **state) {
    (void)state;
    const char *good = "one_hot whiten select";
    const stored row[] = {{good, NULL, 1, 1, 1, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {"one_hot pca", "1_pca", 2, 1, 1, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {"one_hot polynomial", "1_polynomial", 1, 1, 1, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "does not fit", 2, 1, 1, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "not ascending", 1, 2, 1, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "can not follow", 1, 1, 3, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "parameter", 1, 1, -1, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "parameter", 1, 1, NAN, 3, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "parameter", 1, 1, 1, 0, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "not an array", 1, 1, 1, 4, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "not an array", 1, 1, 1, 4194304, 2, 0, 1, 1, 5, {2, 5}},
                          {good, "can not follow", 1, 1, 1, 3, 6, 0, 1, 1, 5, {2, 5}},
                          {good, "not an array", 1, 1, 1, 3, 1, 0, 1, 1, 5, {2, 5}},
                          {good, "constants", 1, 1, 1, 3, 2, NAN, 1, 1, 5, {2, 5}},
                          {good, "constants", 1, 1, 1, 3, 2, 0, INFINITY, 1, 5, {2, 5}},
                          {good, "constants", 1, 1, 1, 3, 2, 0, 1, 0, 5, {2, 5}},
                          {good, "not an array", 1, 1, 1, 3, 2, 0, 1, 1, 4, {2, 5}},
                          {good, "not an array", 1, 1, 1, 3, 2, 0, 1, 1, 5, {2, 4}},
                          {good, "not an array", 1, 1, 1, 3, 2, 0, 1, 1, 5, {1, 5}}};
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        ls_h5 *f = NULL;
        ls_transforms *t = NULL;
        write_stored(&row[k]);
        OK(ls_h5_open(at("d.h5"), &f));
        if (row[k].says)
            FAILS(LS_ERR_DATA, row[k].says, ls_transforms_load(f, "/t", &t));
        else
            OK(ls_transforms_load(f, "/t", &t));
        assert_int_equal(t != NULL, row[k].says == NULL);
        ls_transforms_destroy(t);
        ls_h5_destroy(f);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_per_million),        cmocka_unit_test(wide_sums_are_exact),
        cmocka_unit_test(fits_behind_factors),       cmocka_unit_test(products_in_order),
        cmocka_unit_test(categories_become_columns), cmocka_unit_test(axes_of_a_plane),
        cmocka_unit_test(errors_name_the_place),     cmocka_unit_test(plans_what_a_chain_leaves),
        cmocka_unit_test(survives_a_checkpoint),     cmocka_unit_test(damaged_chains_are_refused)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, make_dir, remove_dir);
    ls_comm_finalize(comm);
    return failed;
}
