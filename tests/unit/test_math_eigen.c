/* Eigenvalues, orthonormal vectors and products with the transpose, by their algebra. All in
 * float64: the tolerances are some units of 2^-53 times the number of terms. */
#include <math.h>

#include "lockstep/math/eigen.h"
#include "lockstep/math/math.h"
#include "test_files.h"

enum { N = 301, COUNT = 7, ROWS = 50 };

static double *room(size_t n) {
    double *p = NULL;
    OK(ls_alloc(n, sizeof *p, "test", &p));
    return p;
}

/* Values in [-1, 1) that look like chance. */
static double *some(size_t n, uint32_t seed) {
    double *p = room(n);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (double)(seed >> 8) / 8388608 - 1;
    }
    return p;
}

static double dot(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void are_orthonormal(const double *z, size_t count, size_t n) {
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++)
            assert_true(fabs(dot(n, z + i * n, z + j * n) - (i == j ? 1 : 0)) < 1e-13);
}

/* a - the part of a that the vectors span. */
static double outside(const double *z, size_t count, size_t n, const double *a) {
    double square = dot(n, a, a);
    for (size_t k = 0; k < count; k++)
        square -= dot(n, z + k * n, a) * dot(n, z + k * n, a);
    return sqrt(fabs(square) / dot(n, a, a));
}

static void vectors_keep_their_span(void **state) {
    (void)state;
    double *z = some(COUNT * N, 3), *before = some(COUNT * N, 3);
    OK(ls_orthonormalize(COUNT, N, z));
    are_orthonormal(z, COUNT, N);
    for (size_t k = 0; k < COUNT; k++) /* Gram and Schmidt: the first k span the first k */
        assert_true(outside(z, k + 1, N, before + k * N) < 1e-6);
    assert_true(outside(z, COUNT - 1, N, before + (COUNT - 1) * N) > 0.5);
    for (size_t j = 0; j < N; j++) { /* dependent ones */
        z[N + j] = 2 * z[j];
        z[2 * N + j] = 0;
    }
    OK(ls_orthonormalize(COUNT, N, z));
    are_orthonormal(z, COUNT, N);
    OK(ls_orthonormalize(1, 1, z));
    assert_true(fabs(z[0]) == 1);
    ls_free(z);
    ls_free(before);
}

/* The matrix with elements min(i, j) + 1 has the eigenvalues 1 / (4 sin^2((2k - 1) pi / (4n + 2)))
 * and eigenvectors sin((2k - 1) (i + 1) pi / (2n + 1)), k = 1, 2, ... */
static void eigenvalues_in_closed_form(void **state) {
    (void)state;
    double *a = room(N * N), *value = room(COUNT), *vector = room(COUNT * N);
    const double pi = acos(-1.0);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            a[i * N + j] = i <= j ? (double)(i + 1) : -1e300; /* not looked at */
    OK(ls_eigen_largest(N, COUNT, a, value, vector));
    are_orthonormal(vector, COUNT, N);
    for (size_t k = 0; k < COUNT; k++) {
        const double odd = 2 * (double)k + 1, s = sin(odd * pi / (4 * N + 2));
        assert_true(fabs(value[k] * 4 * s * s - 1) < 1e-11);
        size_t most = 0;
        double length = 0, want[N];
        for (size_t i = 0; i < N; i++) {
            want[i] = sin(odd * (double)(i + 1) * pi / (2 * N + 1));
            length += want[i] * want[i];
            most = fabs(vector[k * N + i]) > fabs(vector[k * N + most]) ? i : most;
        }
        assert_true(vector[k * N + most] > 0);
        const double turn = want[most] > 0 ? 1 : -1;
        for (size_t i = 0; i < N; i++)
            assert_true(fabs(vector[k * N + i] - turn * want[i] / sqrt(length)) < 1e-10);
    }
    a[3] = NAN;
    FAILS(LS_ERR_RUNTIME, "not finite", ls_eigen_largest(N, COUNT, a, value, vector));
    ls_free(a);
    ls_free(value);
    ls_free(vector);
}

static void products_are_sums(void **state) {
    (void)state;
    double *x = some(ROWS * N, 1), *z = some(COUNT * N, 2), *t = room(ROWS * COUNT);
    double *sum = some(COUNT * N, 5), *begin = some(COUNT * N, 5), *gram = room(N * N);
    double *turned = room(N * COUNT);
    ls_gram_add(ROWS, N, COUNT, x, z, t, sum);
    ls_gram_add(ROWS, N, N, x, NULL, NULL, gram);
    for (size_t k = 0; k < COUNT; k++)
        for (size_t j = 0; j < N; j++) {
            double want = begin[k * N + j];
            for (size_t i = 0; i < ROWS; i++)
                want += dot(N, z + k * N, x + i * N) * x[i * N + j];
            assert_true(fabs(sum[k * N + j] - want) < 1e-11);
        }
    for (size_t i = 0; i < N; i++)
        for (size_t j = i; j < N; j++) {
            double want = 0;
            for (size_t r = 0; r < ROWS; r++)
                want += x[r * N + i] * x[r * N + j];
            assert_true(fabs(gram[i * N + j] - want) < 1e-13);
        }
    ls_product_f64(ROWS, COUNT, N, x, false, z, true, t);
    ls_product_f64(N, COUNT, ROWS, x, true, t, false, turned);
    for (size_t j = 0; j < N; j++)
        for (size_t k = 0; k < COUNT; k++)
            assert_true(fabs(turned[j * COUNT + k] - (sum[k * N + j] - begin[k * N + j])) < 1e-11);
    ls_free(x);
    ls_free(z);
    ls_free(t);
    ls_free(sum);
    ls_free(begin);
    ls_free(gram);
    ls_free(turned);
}

/* Bits of all three with these threads. */
static void compute(int threads, double *sum, double *value, double *vector) {
    double *x = some(ROWS * N, 1), *gram = room(N * N), *z = some(COUNT * N, 2);
    double *t = room(ROWS * COUNT);
    ls_math_set_threads(threads);
    ls_gram_add(ROWS, N, COUNT, x, z, t, sum);
    ls_gram_add(ROWS, N, N, x, NULL, NULL, gram);
    OK(ls_eigen_largest(N, COUNT, gram, value, vector));
    OK(ls_orthonormalize(COUNT, N, sum));
    assert_int_equal(ls_math_threads(), threads);
    ls_free(x);
    ls_free(gram);
    ls_free(z);
    ls_free(t);
}

static void bits_do_not_depend_on_threads(void **state) {
    (void)state;
    double *sum = room(COUNT * N), *value = room(COUNT), *vector = room(COUNT * N);
    const int most = ls_math_threads(), threads[] = {1, 3, 4};
    compute(1, sum, value, vector);
    for (size_t k = 0; most > 1 && k < 3; k++) {
        double *s = room(COUNT * N), *v = room(COUNT), *w = room(COUNT * N);
        compute(threads[k], s, v, w);
        assert_memory_equal(s, sum, COUNT * N * sizeof *s);
        assert_memory_equal(v, value, COUNT * sizeof *v);
        assert_memory_equal(w, vector, COUNT * N * sizeof *w);
        ls_free(s);
        ls_free(v);
        ls_free(w);
    }
    ls_math_set_threads(most);
    ls_free(sum);
    ls_free(value);
    ls_free(vector);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_keep_their_span), cmocka_unit_test(eigenvalues_in_closed_form),
        cmocka_unit_test(products_are_sums), cmocka_unit_test(bits_do_not_depend_on_threads)};
    if (ls_math_init() != LS_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
