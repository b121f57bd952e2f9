/* Elementwise kernels and row reductions against float64 formulas, at lengths around the chunk,
 * and their bits: an element's depend on its own place (or row) only. */
#include <math.h>

#include "lockstep/math/math.h"
#include "lockstep/math/vector.h"
#include "numbers.h"
#include "test_files.h"

enum { MOST = 3 * 4096 + 5 };

static float x[MOST], dy[MOST], y[MOST], dx[MOST];
static const size_t lengths[] = {0, 1, 3, 4095, 4096, 4097, 8192, MOST};

/* Values from [-8, 8). */
static int setup(void **state) {
    (void)state;
    fill(x, MOST, 1);
    fill(dy, MOST, 2);
    for (size_t i = 0; i < MOST; i++)
        x[i] *= 8;
    return ls_math_init() == LS_OK ? 0 : -1;
}

static void near(const char *what, size_t i, float got, double want, double ulps) {
    if (!(fabs((double)got - want) <= ulps * 0x1p-24 * fabs(want) + 0x1p-126))
        fail_msg("%s[%zu] = %.9g, wanted %.12g", what, i, (double)got, want);
}

/* expf is within 1 ulp (test_math_functions.c), 1 + e and the quotient round once each, and the
 * relative error of e counts in full where e is large. */
static void sigmoid(void **state) {
    (void)state;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        size_t n = lengths[l];
        memset(y, 0xff, sizeof y);
        ls_sigmoid(n, x, y);
        for (size_t i = 0; i < n; i++)
            near("sigmoid", i, y[i], 1 / (1 + exp(-(double)x[i])), 6);
        if (n < MOST)
            assert_true(isnan(y[n])); /* nothing behind the end */
    }
}

/* Limits: no overflow, no NaN out of numbers, and a NaN stays one. */
static void sigmoid_extremes(void **state) {
    (void)state;
    const float in[] = {1e4f, -1e4f, 0, -0.0f, NAN, INFINITY, -INFINITY};
    float out[7];
    ls_sigmoid(7, in, out);
    assert_true(out[0] == 1 && out[1] == 0 && out[2] == 0.5f && out[3] == 0.5f && isnan(out[4]) &&
                out[5] == 1 && out[6] == 0);
}

/* Each element by itself has the bits that it has among others, on any number of threads. */
static void bits_are_an_elements_own(void **state) {
    (void)state;
    static float one[MOST];
    for (size_t i = 0; i < MOST; i++)
        ls_sigmoid(1, x + i, one + i);
    for (int threads = 1; threads <= 4; threads *= 2) {
        use_threads(threads);
        ls_sigmoid(MOST, x, y);
        assert_memory_equal(y, one, sizeof y);
    }
    use_threads(2);
}

/* y: n + 2 roundings of the sum, 2 of expf, 1 of the subtraction that |x - top| up to 16
 * magnifies, 1 of the quotient. dx: the same for n products, of the size of sum |dy y|. */
static void check_softmax(size_t rows, size_t columns) {
    ls_softmax(rows, columns, x, y);
    ls_softmax_backward(rows, columns, y, dy, dx);
    for (size_t r = 0; r < rows; r++) {
        const float *v = x + r * columns, *p = y + r * columns, *d = dy + r * columns;
        double sum = 0, dot = 0, size = 0;
        for (size_t j = 0; j < columns; j++) {
            sum += exp((double)v[j]);
            dot += (double)d[j] * (double)p[j];
            size += fabs((double)d[j] * (double)p[j]);
        }
        for (size_t j = 0; j < columns; j++) {
            double want = (double)p[j] * ((double)d[j] - dot);
            near("softmax", r * columns + j, p[j], exp((double)v[j]) / sum,
                 (double)columns + 6 + 16);
            assert_true(fabs((double)dx[r * columns + j] - want) <=
                        0x1p-24 * (double)p[j] *
                                (((double)columns + 3) * size + 3 * fabs((double)d[j])) +
                            0x1p-126);
        }
    }
}

static void softmax(void **state) {
    (void)state;
    static const struct {
        size_t rows, columns;
    } shapes[] = {{0, 5}, {1, 1}, {1, 53}, {7, 2}, {8, 10}, {9, 54}, {100, 100}, {17, 513}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_softmax(shapes[s].rows, shapes[s].columns);
}

static void softmax_extremes(void **state) {
    (void)state;
    const float in[] = {1e4f, -1e4f, -1e4f, 1e4f, 88, 89, NAN, 0};
    float out[8];
    ls_softmax(4, 2, in, out);
    assert_true(out[0] == 1 && out[1] == 0 && out[2] == 0 && out[3] == 1);
    near("softmax", 5, out[5], 1 / (1 + exp(-1)), 6);
    assert_true(isnan(out[6]) && isnan(out[7]));
}

static void softmax_rows_are_their_own(void **state) {
    (void)state;
    enum { ROWS = 77, COLUMNS = 53, N = ROWS * COLUMNS };
    static float one[N], one_dx[N];
    for (size_t at = 0; at < N; at += COLUMNS) {
        ls_softmax(1, COLUMNS, x + at, one + at);
        ls_softmax_backward(1, COLUMNS, one + at, dy + at, one_dx + at);
    }
    for (int threads = 1; threads <= 4; threads *= 2) {
        use_threads(threads);
        ls_softmax(ROWS, COLUMNS, x, y);
        ls_softmax_backward(ROWS, COLUMNS, y, dy, dx);
        assert_memory_equal(y, one, sizeof one);
        assert_memory_equal(dx, one_dx, sizeof one_dx);
    }
    use_threads(2);
}

static void mask(void **state) {
    (void)state;
    static uint8_t bits[MOST];
    for (size_t i = 0; i < MOST; i++)
        bits[i] = i % 3 == 1;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        memset(y, 0xff, sizeof y);
        ls_mask(lengths[l], bits, 1.25f, x, y);
        for (size_t i = 0; i < lengths[l]; i++)
            assert_true(y[i] == (i % 3 == 1 ? x[i] * 1.25f : 0.0f));
        if (lengths[l] < MOST)
            assert_true(isnan(y[lengths[l]]));
    }
}

static void gather(void **state) {
    (void)state;
    enum { COLUMNS = 101, N = MOST / COLUMNS };
    size_t row[N];
    for (size_t i = 0; i < N; i++)
        row[i] = i * 37 % N;
    ls_gather_rows(N, COLUMNS, x, row, y);
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(y + i * COLUMNS, x + i * 37 % N * COLUMNS, COLUMNS * sizeof(float));
    ls_gather_rows(0, COLUMNS, x, row, y);
}

static void not_finite(void **state) {
    (void)state;
    static const size_t places[] = {0, 1, 4095, 4096, 4097, MOST - 1};
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    const float most = 3.4028235e38f;
    memcpy(y, x, sizeof y);
    y[5] = most;
    y[6] = -most;
    assert_int_equal(ls_any_not_finite(MOST, y), 0);
    assert_int_equal(ls_any_not_finite(0, y), 0);
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (size_t b = 0; b < 4; b++) {
            float kept = y[places[p]];
            y[places[p]] = bad[b];
            assert_int_equal(ls_any_not_finite(MOST, y), 1);
            assert_int_equal(ls_any_not_finite(places[p], y), 0);
            y[places[p]] = kept;
        }
}

/* Chunks cover [0, n) in pieces that n alone decides. */
static uint8_t seen[MOST]; /* grows by 100 in a chunk that is none */

static void mark(void *context, size_t first, size_t count) {
    const size_t *chunk = context;
    const uint8_t by = first % *chunk == 0 && count <= *chunk ? 1 : 100;
    for (size_t i = first; i < first + count; i++)
        seen[i] = (uint8_t)(seen[i] + by);
}

static void chunks(void **state) {
    (void)state;
    size_t sizes[] = {1, 7, 4096, MOST};
    for (size_t s = 0; s < 4; s++) {
        memset(seen, 0, sizeof seen);
        ls_for_chunks(MOST - 1, sizes[s], mark, &sizes[s]);
        for (size_t i = 0; i < MOST; i++)
            assert_int_equal(seen[i], i + 1 < MOST);
    }
    ls_for_chunks(0, 4, mark, sizes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sigmoid),
                                       cmocka_unit_test(sigmoid_extremes),
                                       cmocka_unit_test(softmax),
                                       cmocka_unit_test(bits_are_an_elements_own),
                                       cmocka_unit_test(softmax_extremes),
                                       cmocka_unit_test(softmax_rows_are_their_own),
                                       cmocka_unit_test(mask),
                                       cmocka_unit_test(gather),
                                       cmocka_unit_test(not_finite),
                                       cmocka_unit_test(chunks)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
