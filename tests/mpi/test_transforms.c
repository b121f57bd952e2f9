/* Transforms fitted by several ranks: every rank gets the constants that one process computes
 * from the same rows, bit for bit, and an error in one rank's columns is everybody's. */
#include <math.h>

#include "lockstep/comm/comm.h"
#include "lockstep/data/split.h"
#include "lockstep/data/transform.h"
#include "test_chain.h"
#include "test_files.h"

enum { N = 300, D = 2000, KEPT = 1100 };

static ls_comm *comm;
static float x[N * D], in[N * D], out[N * D];
static uint8_t part[N];

/* Skewed values whose bits depend on the order of a sum. */
static void make_x(void) {
    uint32_t s = 99;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) {
            s = s * 1664525u + 1013904223u;
            x[i * D + j] = (float)(s >> 8) / (float)(1 + j * 7 % 1000);
        }
    for (size_t i = 0; i < N; i++)
        part[i] = i % 7 == 3 ? LS_SPLIT_VAL : LS_SPLIT_TRAIN;
}

/* Rank 0 writes X; all open it. */
static ls_dataset *shared_dataset(void) {
    ls_dataset *ds = NULL;
    if (ls_comm_rank(comm) == 0) {
        ls_h5 *f = NULL;
        OK(ls_h5_create(at("t.h5"), &f));
        put(f, "/X", LS_H5_F32, 2, N, D, x);
        OK(ls_h5_close(f));
    }
    ls_barrier(comm);
    ls_dataset_paths paths = ls_dataset_default_paths(at("t.h5"));
    OK(ls_dataset_open(&paths, &ds));
    return ds;
}

/* Mean and population variance of values v[0..n), summed in order, in float64. */
static void moments(const float *v, size_t n, double *mean, double *variance) {
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = (double)v[i] - *mean;
        square += d * d;
    }
    *variance = square / (double)n;
}

static double score[D];

static int by_score(const void *a, const void *b) {
    double p = score[*(const int *)a], q = score[*(const int *)b];
    return p > q ? -1 : p < q;
}

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* log1p, select, standardize of the whole matrix by plain loops; kept[KEPT], want[N, KEPT]. */
static void one_process(int *kept, float *want) {
    static float column[N];
    double mean, variance;
    int order[D];
    for (int j = 0; j < D; j++) {
        size_t n = 0;
        for (size_t i = 0; i < N; i++)
            if (part[i] == LS_SPLIT_TRAIN)
                column[n++] = log1p_of(x[i * D + (size_t)j]);
        moments(column, n, &mean, &score[j]);
        order[j] = j;
    }
    qsort(order, D, sizeof order[0], by_score);
    memcpy(kept, order, KEPT * sizeof *kept);
    qsort(kept, KEPT, sizeof *kept, by_number);
    for (size_t k = 0; k < KEPT; k++) {
        size_t n = 0, j = (size_t)kept[k];
        for (size_t i = 0; i < N; i++)
            if (part[i] == LS_SPLIT_TRAIN)
                column[n++] = log1p_of(x[i * D + j]);
        moments(column, n, &mean, &variance);
        double factor = 1 / sqrt(variance);
        for (size_t i = 0; i < N; i++)
            want[i * KEPT + k] = (float)(((double)log1p_of(x[i * D + j]) - mean) * factor);
    }
}

static void constants_do_not_depend_on_the_ranks(void **state) {
    (void)state;
    static float want[N * KEPT];
    int kept[KEPT];
    make_x();
    ls_dataset *ds = shared_dataset();
    ls_transforms *t = NULL;
    test_chain chain = chain_of("[log1p, select: 1100, standardize]");
    OK(ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
    one_process(kept, want);
    assert_int_equal(ls_transforms_outputs(t), KEPT);
    for (size_t k = 0; k < KEPT; k++)
        assert_int_equal(ls_transforms_source(t, k), kept[k]);
    memcpy(in, x, sizeof in);
    OK(apply_rows(t, ds, 0, N, in, out));
    assert_memory_equal(out, want, sizeof want);
    ls_transforms_destroy(t);
    chain_free(&chain);
    ls_dataset_close(ds);
    ls_barrier(comm);
}

/* Whole numbers, so that a row's sum is exact in any order; row 5 is empty. */
static void make_counts(void) {
    make_x();
    for (size_t i = 0; i < N * D; i++)
        x[i] = i / D == 5 ? 0 : (float)((uint32_t)x[i] % 97);
}

/* cpm and standardize of the whole matrix by plain loops. */
static void one_process_of_counts(float *want) {
    static float column[N];
    double factor[N], mean, variance;
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t j = 0; j < D; j++)
            sum += (double)x[i * D + j];
        factor[i] = sum > 0 ? 1e6 / sum : 0;
    }
    for (size_t j = 0; j < D; j++) {
        size_t n = 0;
        for (size_t i = 0; i < N; i++) {
            want[i * D + j] = (float)((double)x[i * D + j] * factor[i]);
            if (part[i] == LS_SPLIT_TRAIN)
                column[n++] = want[i * D + j];
        }
        moments(column, n, &mean, &variance);
        const double by = 1 / sqrt(variance);
        for (size_t i = 0; i < N; i++)
            want[i * D + j] = (float)(((double)want[i * D + j] - mean) * by);
    }
}

static void factors_of_rows_do_not_depend_on_the_ranks(void **state) {
    (void)state;
    static float want[N * D];
    make_counts();
    ls_dataset *ds = shared_dataset();
    ls_transforms *t = NULL;
    test_chain chain = chain_of("[cpm, standardize]");
    OK(ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
    one_process_of_counts(want);
    OK(apply_rows(t, ds, 0, N, x, out));
    assert_memory_equal(out, want, sizeof want);
    ls_transforms_destroy(t);
    chain_free(&chain);
    ls_dataset_close(ds);
    ls_barrier(comm);
}

/* Narrow and wide: every rank has the same axes, and along them the training rows have mean 0 and
 * variance 1. */
static void axes_are_everybodys(void **state) {
    (void)state;
    enum { AXES = 3 };
    static float mine[N * AXES], first[N * AXES];
    static const char *const chains[] = {"[select: 900, whiten: 3]",
                                         "[select: 70, polynomial, whiten: 3]"};
    make_counts();
    ls_dataset *ds = shared_dataset();
    for (size_t k = 0; k < 2; k++) {
        ls_transforms *t = NULL;
        test_chain chain = chain_of(chains[k]);
        OK(ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
        OK(apply_rows(t, ds, 0, N, x, mine));
        memcpy(first, mine, sizeof first);
        OK(ls_broadcast(comm, first, sizeof first, 0));
        assert_memory_equal(first, mine, sizeof first);
        for (size_t a = 0; a < AXES; a++) { /* of the training rows: mean 0, variance 1 */
            double sum = 0, square = 0, n = 0;
            for (size_t i = 0; i < N; i++)
                if (part[i] == LS_SPLIT_TRAIN) {
                    const double v = (double)mine[i * AXES + a];
                    sum += v;
                    square += v * v;
                    n++;
                }
            assert_true(fabs(sum / n) < 1e-6 && fabs(square / (n - 1) - 1) < 1e-5);
        }
        ls_transforms_destroy(t);
        chain_free(&chain);
    }
    ls_dataset_close(ds);
    ls_barrier(comm);
}

static void an_error_is_everybodys(void **state) {
    (void)state;
    make_x();
    x[123 * D + 1999] = NAN; /* the last rank's columns */
    ls_dataset *ds = shared_dataset();
    ls_transforms *t = NULL;
    test_chain chain = chain_of("[standardize]");
    FAILS(LS_ERR_DATA, "row 123, column 1999: missing value",
          ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
    assert_null(t);
    chain_free(&chain);
    chain = chain_of("[center, whiten: 2]");
    FAILS(LS_ERR_DATA, "row 123, column 1999: missing value",
          ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
    chain_free(&chain);
    chain = chain_of("[select: 2001]");
    FAILS(LS_ERR_CONFIG, "2001 features are wanted",
          ls_transforms_fit(comm, ds, part, &chain.list, NULL, &t));
    chain_free(&chain);
    ls_dataset_close(ds);
    ls_barrier(comm);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(constants_do_not_depend_on_the_ranks),
                                       cmocka_unit_test(factors_of_rows_do_not_depend_on_the_ranks),
                                       cmocka_unit_test(axes_are_everybodys),
                                       cmocka_unit_test(an_error_is_everybodys)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    int failed = ls_comm_rank(comm) == 0 ? make_dir(NULL) : 0;
    if (failed == 0 && ls_broadcast(comm, test_dir, sizeof test_dir, 0) == LS_OK)
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    ls_barrier(comm);
    if (ls_comm_rank(comm) == 0)
        failed |= remove_dir(NULL);
    ls_comm_finalize(comm);
    return failed;
}
