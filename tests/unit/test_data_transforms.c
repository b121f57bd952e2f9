/* Transforms on one rank: closed forms, awkward columns, choices of columns, errors, and the way
 * through a checkpoint. Oracles are formulas in long double over the same rows. */
#include <math.h>

#include "lockstep/comm/comm.h"
#include "lockstep/data/split.h"
#include "lockstep/data/transform.h"
#include "test_chain.h"
#include "test_files.h"

static ls_comm *comm;

/* Opens a file with this X[n, d]. */
static ls_dataset *dataset(size_t n, size_t d, const float *x) {
    ls_h5 *f = NULL;
    ls_dataset *ds = NULL;
    OK(ls_h5_create(at("t.h5"), &f));
    put(f, "/X", LS_H5_F32, 2, n, d, x);
    OK(ls_h5_close(f));
    ls_dataset_paths paths = ls_dataset_default_paths(at("t.h5"));
    OK(ls_dataset_open(&paths, &ds));
    return ds;
}

static ls_status fit(ls_dataset *ds, const uint8_t *part, const char *yaml, ls_transforms **t) {
    test_chain chain = chain_of(yaml);
    ls_status st = ls_transforms_fit(comm, ds, part, &chain.list, NULL, t);
    chain_free(&chain);
    return st;
}

/* Fits on the rows of part (NULL: all) and applies to all rows; out[n, outputs]. Returns
 * outputs. */
static size_t transform(size_t n, size_t d, const float *x, const uint8_t *part, const char *yaml,
                        float *out) {
    ls_dataset *ds = dataset(n, d, x);
    ls_transforms *t = NULL;
    uint8_t all_train[4096] = {0};
    float *in = NULL;
    OK(fit(ds, part ? part : all_train, yaml, &t));
    OK(ls_alloc(n * d, sizeof *in, "test", &in));
    memcpy(in, x, n * d * sizeof *in);
    OK(apply_rows(t, ds, 0, n, in, out));
    size_t outputs = ls_transforms_outputs(t);
    assert_int_equal(ls_transforms_inputs(t), d);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
    ls_free(in);
    return outputs;
}

static void all_near(const float *a, const double *b, size_t n, double tolerance) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - b[i]) <= tolerance))
            fail_msg("value %zu: %.9g is not %.9g", i, (double)a[i], b[i]);
}

static void logarithms(void **state) {
    (void)state;
    const float x[6] = {0, 1, 1e-7f, 3, 1e6f, -0.5f};
    float out[6];
    double want[6];
    transform(6, 1, x, NULL, "[log1p]", out);
    for (int i = 0; i < 6; i++)
        want[i] = log1p((double)x[i]);
    /* Half a unit in the last place of float32 at 13.8, and one for the library. */
    all_near(out, want, 6, 2e-6);
    assert_true(out[0] == 0 && fabs((double)out[2] / want[2] - 1) < 2e-7);
    transform(6, 1, x, NULL, "[log2p1]", out);
    for (int i = 0; i < 6; i++)
        want[i] = log2(1 + (double)x[i]);
    all_near(out, want, 6, 3e-6);
    assert_true(out[1] == 1 && out[3] == 2);
}

static void standardizes_a_large_mean(void **state) {
    (void)state;
    /* 1e8 and 1e8 + 8: their mean is no float32, so float32 arithmetic would miss by a half. */
    float x[100 * 3], out[100 * 3];
    double want[100 * 3];
    for (size_t i = 0; i < 100; i++) {
        x[i * 3] = 1e8f + (i % 2 ? 8 : 0);
        x[i * 3 + 1] = 0.1f;
        x[i * 3 + 2] = 1e-30f * (float)i;
        want[i * 3] = i % 2 ? 1 : -1;
        want[i * 3 + 1] = 0;
        want[i * 3 + 2] = ((double)i - 49.5) / sqrt(833.25); /* (100^2 - 1) / 12 */
    }
    transform(100, 3, x, NULL, "[standardize]", out);
    all_near(out, want, 300, 5e-7);
    for (size_t i = 0; i < 100; i++)
        assert_true(out[i * 3 + 1] == 0);
}

static void fits_on_training_rows_only(void **state) {
    (void)state;
    const float x[5] = {2, 1e9f, 4, -7, 9};
    const uint8_t part[5] = {LS_SPLIT_TRAIN, LS_SPLIT_VAL, LS_SPLIT_TRAIN, LS_SPLIT_NONE,
                             LS_SPLIT_TEST};
    float out[5];
    transform(5, 1, x, part, "[center]", out);
    all_near(out, (double[]){-1, 1e9 - 3, 1, -10, 6}, 5, 64); /* 64: of float32 at 1e9 */
    assert_true(out[0] == -1 && out[2] == 1 && out[3] == -10 && out[4] == 6);
    transform(5, 1, x, part, "[standardize]", out);
    assert_true(out[0] == -1 && out[2] == 1 && out[4] == 6);
    transform(5, 1, x, part, "[minmax]", out);
    assert_true(out[0] == 0 && out[2] == 1 && out[3] == -4.5f && out[4] == 3.5f);
}

static void minmax_and_scale(void **state) {
    (void)state;
    const float x[8] = {-3, 7, 5, 7, 0.1f, 7, 13, 7};
    float out[8];
    transform(4, 2, x, NULL, "[minmax]", out);
    all_near(out, (double[]){0, 0, 0.5, 0, 3.1 / 16, 0, 1, 0}, 8, 6e-8);
    assert_true(out[0] == 0 && out[6] == 1 && out[1] == 0);
    transform(4, 2, x, NULL, "[scale: 0.5, {scale: {factor: -2}}]", out);
    for (int i = 0; i < 8; i++)
        assert_true(out[i] == -x[i]);
    transform(4, 2, x, NULL, "[]", out);
    assert_memory_equal(out, x, sizeof x);
}

enum { N = 300, D = 1100 };
static float big[N * D], big_in[N * D], big_out[N * D];

/* Skewed values, columns of different spreads; columns 5 and 700 equal, column 9 constant. */
static void make_big(void) {
    uint32_t s = 7;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) {
            s = s * 1664525u + 1013904223u;
            double u = (double)(s >> 8) / 16777216;
            big[i * D + j] = (float)(exp(4 * u) * (1 + (double)(j * 37 % D) / 50));
        }
    for (size_t i = 0; i < N; i++) {
        big[i * D + 700] = big[i * D + 5];
        big[i * D + 9] = 3.3f;
    }
}

/* The moments of a column after log1p, as a closed form. */
static void column_moments(size_t j, long double *mean, long double *variance) {
    long double sum = 0, square = 0;
    for (size_t i = 0; i < N; i++)
        sum += log1pl((long double)big[i * D + j]);
    *mean = sum / N;
    for (size_t i = 0; i < N; i++) {
        long double d = log1pl((long double)big[i * D + j]) - *mean;
        square += d * d;
    }
    *variance = square / N;
}

static void a_chain_with_a_choice(void **state) {
    (void)state;
    enum { KEPT = 400 };
    make_big();
    long double mean[D], variance[D];
    bool kept[D];
    for (size_t j = 0; j < D; j++)
        column_moments(j, &mean[j], &variance[j]);
    for (size_t j = 0; j < D; j++) {
        size_t better = 0;
        for (size_t k = 0; k < D; k++)
            better += variance[k] > variance[j] || (variance[k] == variance[j] && k < j);
        kept[j] = better < KEPT;
    }
    uint8_t part[N] = {0};
    ls_dataset *ds = dataset(N, D, big);
    ls_transforms *t = NULL;
    OK(fit(ds, part, "[log1p, select: 400, standardize]", &t));
    assert_int_equal(ls_transforms_outputs(t), KEPT);
    memcpy(big_in, big, sizeof big);
    OK(apply_rows(t, ds, 0, N, big_in, big_out));
    size_t column = 0;
    for (size_t j = 0; j < D; j++) {
        if (!kept[j])
            continue;
        assert_int_equal(ls_transforms_source(t, column), j);
        for (size_t i = 0; i < N; i++) {
            double want =
                (double)((log1pl((long double)big[i * D + j]) - mean[j]) / sqrtl(variance[j]));
            /* log1pf is off by 2.4e-7 at values up to 8, deviations are 0.4 and more. */
            assert_true(fabs((double)big_out[i * KEPT + column] - want) < 2e-6);
        }
        column++;
    }
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void ties_go_to_the_lower_column(void **state) {
    (void)state;
    const float x[8] = {0, 5, 0, 1, 2, 5, 2, 3};
    float out[8];
    ls_dataset *ds = dataset(2, 4, x);
    ls_transforms *t = NULL;
    uint8_t part[2] = {0};
    OK(fit(ds, part, "[select: 2]", &t));
    assert_int_equal(ls_transforms_source(t, 0), 0);
    assert_int_equal(ls_transforms_source(t, 1), 2);
    ls_transforms_destroy(t);
    OK(fit(ds, part, "[select: 3, scale: 3, {select: {features: 1}}]", &t));
    assert_int_equal(ls_transforms_outputs(t), 1);
    assert_int_equal(ls_transforms_source(t, 0), 0);
    OK(apply_rows(t, ds, 0, 2, (float[]){0, 5, 0, 1, 2, 5, 2, 3}, out));
    assert_true(out[0] == 0 && out[1] == 6);
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void a_row_does_not_depend_on_the_others(void **state) {
    (void)state;
    static float alone[D], in[N * D];
    make_big();
    uint8_t part[N] = {0};
    ls_dataset *ds = dataset(N, D, big);
    ls_transforms *t = NULL;
    OK(fit(ds, part, "[log2p1, minmax, center]", &t));
    memcpy(in, big, sizeof in);
    OK(apply_rows(t, ds, 0, N, in, big_out));
    OK(apply_rows(t, ds, 0, N, in, in)); /* in place */
    assert_memory_equal(in, big_out, sizeof in);
    for (size_t i = 0; i < N; i += 99) {
        memcpy(alone, big + i * D, sizeof alone);
        OK(apply_rows(t, ds, i, 1, alone, alone));
        assert_memory_equal(alone, big_out + i * D, sizeof alone);
    }
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void errors_name_the_place(void **state) {
    (void)state;
    float x[6] = {1, 2, 3, 4, -1, 6}, out[6];
    uint8_t part[3] = {0}, none[3] = {1, 1, 1};
    ls_transforms *t = NULL;
    ls_dataset *ds = dataset(3, 2, x);
    FAILS(LS_ERR_DATA, "row 2, column 0: log1p can not take -1",
          fit(ds, part, "[log1p, standardize]", &t));
    assert_null(t);
    FAILS(LS_ERR_CONFIG, "3 features are wanted, but there are only 2",
          fit(ds, part, "[select: 3]", &t));
    FAILS(LS_ERR_CONFIG, "scale: factor can not be 0", fit(ds, part, "[scale: 0]", &t));
    FAILS(LS_ERR_DATA, "no training rows", fit(ds, none, "[center]", &t));
    FAILS(LS_ERR_DATA, "not finite", fit(ds, part, "[scale: 1.0e+38, scale: 99, center]", &t));
    OK(fit(ds, part, "[log1p]", &t)); /* nothing to fit: nothing is read */
    FAILS(LS_ERR_DATA, "row 12, column 0: log1p can not take -1",
          apply_rows(t, NULL, 10, 3, x, out));
    ls_transforms_destroy(t);
    OK(fit(ds, part, "[center, scale: 2.0e+38]", &t));
    FAILS(LS_ERR_DATA, "row 2, column 1: the transformed value is not finite",
          apply_rows(t, NULL, 0, 3, (float[]){1, 4, 1, 4, 1, 9}, out));
    ls_transforms_destroy(t);
    ls_dataset_close(ds);
}

static void plans_what_a_chain_leaves(void **state) {
    (void)state;
    static const struct {
        const char *chain;
        size_t outputs; /* of 10 inputs; 0: refused */
    } cases[] = {
        {"[]", 10},          {"[log1p, select: 7, center, select: 7]", 7}, {"[select: 10]", 10},
        {"[select: 11]", 0}, {"[select: 3, log1p, select: 4]", 0},         {"[scale: 0]", 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        check_planned(cases[k].chain, 10, cases[k].outputs);
}

static void survives_a_checkpoint(void **state) {
    (void)state;
    static const char *const chains[] = {"[]",
                                         "[log1p, select: 77, standardize, scale: 0.125, minmax]",
                                         "[log2p1, center, select: 500, scale: 3]"};
    static float again[N * D], in[N * D];
    make_big();
    uint8_t part[N] = {0};
    for (int k = 0; k < 3; k++) {
        ls_dataset *ds = dataset(N, D, big);
        ls_transforms *t = NULL, *u = NULL;
        OK(fit(ds, part, chains[k], &t));
        u = through_a_checkpoint(t);
        memcpy(in, big, sizeof in);
        OK(apply_rows(t, ds, 0, N, in, big_out));
        memcpy(in, big, sizeof in);
        OK(apply_rows(u, ds, 0, N, in, again));
        assert_memory_equal(big_out, again, N * ls_transforms_outputs(t) * sizeof(float));
        for (size_t j = 0; j < ls_transforms_outputs(t); j++)
            assert_int_equal(ls_transforms_source(t, j), ls_transforms_source(u, j));
        ls_transforms_destroy(t);
        ls_transforms_destroy(u);
        ls_dataset_close(ds);
    }
}

/* A stored chain of two columns out of three, with one thing changed. */
typedef struct stored {
    const char *chain, *says;
    uint64_t inputs, outputs, source[2];
    double features, scale[2];
    size_t scales;
} stored;

static void damaged_chains_are_refused(void **state) {
    (void)state;
    const char *good = "select standardize";
    const stored row[] = {{good, NULL, 3, 2, {0, 2}, 2, {1, 2}, 2},
                          {"select rotate", "unknown transforms", 3, 2, {0, 2}, 2, {1, 2}, 2},
                          {good, "out of bounds", 0, 2, {0, 2}, 2, {1, 2}, 2},
                          {good, "out of bounds", UINT64_MAX, 2, {0, 2}, 2, {1, 2}, 2},
                          {good, "does not fit", 3, 4, {0, 2}, 2, {1, 2}, 2},
                          {good, "not an array", 3, 1, {0, 2}, 1, {1, 2}, 2},
                          {good, "not ascending", 3, 2, {2, 0}, 2, {1, 2}, 2},
                          {good, "not ascending", 3, 2, {0, 3}, 2, {1, 2}, 2},
                          {good, "does not fit", 3, 2, {0, 2}, 3, {1, 2}, 2},
                          {good, "can not follow", 3, 2, {0, 2}, 4, {1, 2}, 2},
                          {good, "parameter", 3, 2, {0, 2}, 1.5, {1, 2}, 2},
                          {good, "parameter", 3, 2, {0, 2}, NAN, {1, 2}, 2},
                          {good, "constants", 3, 2, {0, 2}, 2, {1, 0}, 2},
                          {good, "constants", 3, 2, {0, 2}, 2, {1, NAN}, 2},
                          {good, "not an array", 3, 2, {0, 2}, 2, {1, 2}, 1},
                          {"standardize", "does not fit", 3, 2, {0, 2}, 2, {1, 2}, 2},
                          {"select center", "1_center", 3, 2, {0, 2}, 2, {1, 2}, 2}};
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        ls_h5 *f = NULL;
        ls_transforms *t = NULL;
        OK(ls_h5_create(at("d.h5"), &f));
        OK(ls_h5_make_group(f, "/t"));
        OK(ls_h5_write_attribute_text(f, "/t", "chain", row[k].chain));
        OK(ls_h5_write_attribute(f, "/t", "inputs", LS_H5_U64, 1, &row[k].inputs));
        OK(ls_h5_write_attribute(f, "/t", "outputs", LS_H5_U64, 1, &row[k].outputs));
        put(f, "/t/source", LS_H5_U64, 1, 2, 1, row[k].source);
        OK(ls_h5_make_group(f, "/t/0_select"));
        OK(ls_h5_write_attribute(f, "/t/0_select", "features", LS_H5_F64, 1, &row[k].features));
        put(f, "/t/1_standardize/mean", LS_H5_F64, 1, 2, 1, (double[]){0, 1});
        put(f, "/t/1_standardize/scale", LS_H5_F64, 1, row[k].scales, 1, row[k].scale);
        OK(ls_h5_close(f));
        OK(ls_h5_open(at("d.h5"), &f));
        if (row[k].says)
            FAILS(LS_ERR_DATA, row[k].says, ls_transforms_load(f, "/t", &t));
        else
            OK(ls_transforms_load(f, "/t", &t));
        assert_int_equal(t != NULL, row[k].says == NULL);
        ls_transforms_destroy(t);
        assert_int_equal(ls_transforms_load(f, "/absent", &t), LS_ERR_DATA);
        ls_h5_destroy(f);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(logarithms),
                                       cmocka_unit_test(standardizes_a_large_mean),
                                       cmocka_unit_test(fits_on_training_rows_only),
                                       cmocka_unit_test(minmax_and_scale),
                                       cmocka_unit_test(a_chain_with_a_choice),
                                       cmocka_unit_test(ties_go_to_the_lower_column),
                                       cmocka_unit_test(a_row_does_not_depend_on_the_others),
                                       cmocka_unit_test(errors_name_the_place),
                                       cmocka_unit_test(plans_what_a_chain_leaves),
                                       cmocka_unit_test(survives_a_checkpoint),
                                       cmocka_unit_test(damaged_chains_are_refused)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, make_dir, remove_dir);
    ls_comm_finalize(comm);
    return failed;
}
