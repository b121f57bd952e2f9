/* Rounding to bfloat16, against the definition; that the products of precision bf16 round what
 * they take, and nothing else. Without ls_math_init: the smallest numbers are not flushed. */
#include <math.h>

#include "bf16.h"
#include "gemms.h"
#include "lockstep/base/error.h"
#include "lockstep/math/lanes.h"

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static ls_bf16 round_one(float x) {
    ls_bf16 y = 0;
    ls_bf16_round(&(ls_bf16_block){1, 1, &x, 1, 1, 1, &y, 1});
    return y;
}

/* The nearer of the two neighbours, the even one where both are as near: for all upper halves and
 * the lower ones around the middle and the ends. */
static void to_the_nearest(void **state) {
    (void)state;
    static const uint32_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    for (uint32_t upper = 0; upper < 0x10000; upper++)
        for (size_t i = 0; i < sizeof lower / sizeof *lower; i++) {
            const float x = float_of(upper << 16 | lower[i]);
            const ls_bf16 got = round_one(x);
            const float y = float_of((uint32_t)got << 16), next = float_of((upper + 1) << 16);
            if (isnan(x)) {
                assert_true(isnan(y));
                continue;
            }
            if (lower[i] == 0) {
                assert_int_equal(got, upper);
                continue;
            }
            /* Above the largest one, the next power of two would be the next. */
            const double below = (double)float_of(upper << 16);
            const double above = isinf(next) ? copysign(0x1p128, (double)x) : (double)next;
            const double down = fabs((double)x - below), up = fabs(above - (double)x);
            const bool upwards = up < down || (up == down && (upper & 1) != 0);
            assert_int_equal(got, upwards ? upper + 1 : upper);
            const float same = ls_bf16_of(x);
            assert_memory_equal(&same, &y, sizeof y);
        }
}

/* What a block is filled up with is zero, what lies beside it stays. */
static void blocks_are_filled_up(void **state) {
    (void)state;
    enum { ROWS = 3, COLUMNS = 37, ALL_ROWS = 5, ALL_COLUMNS = 40, STRIDE = 48 };
    float from[ROWS * COLUMNS];
    ls_bf16 to[ALL_ROWS * STRIDE];
    fill(from, ROWS * COLUMNS, 1);
    memset(to, 0x55, sizeof to);
    ls_bf16_round(
        &(ls_bf16_block){ROWS, COLUMNS, from, COLUMNS, ALL_ROWS, ALL_COLUMNS, to, STRIDE});
    for (size_t r = 0; r < ALL_ROWS; r++)
        for (size_t c = 0; c < STRIDE; c++) {
            const ls_bf16 want = c >= ALL_COLUMNS          ? 0x5555
                                 : r < ROWS && c < COLUMNS ? round_one(from[r * COLUMNS + c])
                                                           : 0;
            assert_int_equal(to[r * STRIDE + c], want);
        }
}

enum { ROWS = 40, IN = 300, OUT = 70 };

/* The three products of one layer. */
typedef struct products {
    float y[ROWS * OUT], dx[ROWS * IN], dw[OUT * IN];
} products;

static void multiply(const ls_gemm *gemm, const float *x, const float *w, const float *dy,
                     products *to) {
    static const size_t edge[] = {0, ROWS};
    const ls_segments rows = {1, edge};
    float *dw = to->dw;
    ls_lanes lanes;
    OK(ls_lanes_create(1, (ls_tree_range){0, 1}, &lanes));
    ls_gemm_forward(gemm, &rows, IN, OUT, x, w, NULL, to->y);
    ls_gemm_backward_input(gemm, &rows, IN, OUT, dy, w, to->dx, NULL);
    ls_gemm_backward_weight(gemm, &rows, &lanes, IN, OUT, x, dy, &dw);
    ls_lanes_free(&lanes);
}

static void operands_are_rounded(void **state) {
    (void)state;
    static float x[ROWS * IN], w[OUT * IN], dy[ROWS * OUT];
    static products of_floats, of_rounded;
    ls_gemm *gemm = NULL;
    if (ls_gemm_create_bf16(&gemm) != LS_OK)
        skip();
    fill(x, ROWS * IN, 1);
    fill(w, OUT * IN, 2);
    fill(dy, ROWS * OUT, 3);
    multiply(gemm, x, w, dy, &of_floats);
    fill_exact(gemm, x, ROWS * IN, 1);
    fill_exact(gemm, w, OUT * IN, 2);
    fill_exact(gemm, dy, ROWS * OUT, 3);
    multiply(gemm, x, w, dy, &of_rounded);
    ls_gemm_destroy(gemm);
    assert_memory_equal(&of_floats, &of_rounded, sizeof of_rounded);
}

/* A NaN or an infinite number goes where it belongs, and nowhere else. */
static void no_number_is_lost(void **state) {
    (void)state;
    static float x[ROWS * IN], w[OUT * IN], dy[ROWS * OUT];
    static products p;
    ls_gemm *gemm = NULL;
    if (ls_gemm_create_bf16(&gemm) != LS_OK)
        skip();
    fill(x, ROWS * IN, 1);
    fill(w, OUT * IN, 2);
    fill(dy, ROWS * OUT, 3);
    x[7 * IN + 5] = NAN;
    dy[9 * OUT + 3] = INFINITY;
    multiply(gemm, x, w, dy, &p);
    ls_gemm_destroy(gemm);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t o = 0; o < OUT; o++)
            assert_int_equal(isnan(p.y[r * OUT + o]) != 0, r == 7);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < IN; i++)
            assert_int_equal(isfinite(p.dx[r * IN + i]) == 0, r == 9);
    for (size_t o = 0; o < OUT; o++)
        for (size_t i = 0; i < IN; i++)
            assert_int_equal(isfinite(p.dw[o * IN + i]) == 0, o == 3 || i == 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_the_nearest), cmocka_unit_test(blocks_are_filled_up),
        cmocka_unit_test(operands_are_rounded), cmocka_unit_test(no_number_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
