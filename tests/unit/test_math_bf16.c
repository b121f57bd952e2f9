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
    ls_bf16 row[2];
    ls_bf16_left(&(ls_bf16_block){1, 1, &x, 1, 2, row});
    return row[0];
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

/* An operand's numbers at their places, zeros where its sums have no terms, nothing beside it. */
static void orders(void **state) {
    (void)state;
    enum { SUMS = 131, TERMS = 37, ALL_TERMS = 40, PANELS = 3, END = 16 };
    static float rows[SUMS * TERMS], columns[TERMS * SUMS];
    static ls_bf16 left[SUMS * ALL_TERMS + END], turned_left[SUMS * ALL_TERMS + END];
    static ls_bf16 right[PANELS * LS_BF16_PANEL * ALL_TERMS + END], turned_right[sizeof right / 2];
    fill(rows, SUMS * TERMS, 1);
    for (size_t s = 0; s < SUMS; s++)
        for (size_t t = 0; t < TERMS; t++)
            columns[t * SUMS + s] = rows[s * TERMS + t];
    memset(left, 0x55, sizeof left);
    memset(turned_left, 0x55, sizeof left);
    memset(right, 0x55, sizeof right);
    memset(turned_right, 0x55, sizeof right);
    ls_bf16_left(&(ls_bf16_block){SUMS, TERMS, rows, TERMS, ALL_TERMS, left});
    ls_bf16_left_transposed(&(ls_bf16_block){TERMS, SUMS, columns, SUMS, ALL_TERMS, turned_left});
    ls_bf16_right(&(ls_bf16_block){TERMS, SUMS, columns, SUMS, ALL_TERMS, right});
    ls_bf16_right_transposed(&(ls_bf16_block){SUMS, TERMS, rows, TERMS, ALL_TERMS, turned_right});
    for (size_t s = 0; s < SUMS; s++)
        for (size_t t = 0; t < ALL_TERMS; t++) {
            const ls_bf16 want = t < TERMS ? round_one(rows[s * TERMS + t]) : 0;
            const size_t panel = s / LS_BF16_PANEL * LS_BF16_PANEL * ALL_TERMS;
            const size_t at = panel + (t / 2 * LS_BF16_PANEL + s % LS_BF16_PANEL) * 2 + t % 2;
            assert_int_equal(left[s * ALL_TERMS + t], want);
            assert_int_equal(turned_left[s * ALL_TERMS + t], want);
            assert_int_equal(right[at], want);
            assert_int_equal(turned_right[at], want);
        }
    for (size_t i = 0; i < END; i++) {
        assert_int_equal(left[SUMS * ALL_TERMS + i], 0x5555);
        assert_int_equal(turned_left[SUMS * ALL_TERMS + i], 0x5555);
        assert_int_equal(right[PANELS * LS_BF16_PANEL * ALL_TERMS + i], 0x5555);
        assert_int_equal(turned_right[PANELS * LS_BF16_PANEL * ALL_TERMS + i], 0x5555);
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
    void *operands = NULL;
    ls_lanes lanes;
    OK(ls_lanes_create(1, (ls_tree_range){0, 1}, &lanes));
    OK(ls_alloc(ls_gemm_room(gemm, ROWS, 1, IN, 1, OUT), 1, "test", &operands));
    ls_gemm_forward(gemm, &rows, IN, OUT, x, w, NULL, to->y, operands);
    ls_gemm_backward_input(gemm, &rows, IN, OUT, dy, w, to->dx, operands, NULL);
    ls_gemm_backward_weight(gemm, &rows, &lanes, IN, OUT, x, dy, &dw, operands);
    ls_lanes_free(&lanes);
    ls_free(operands);
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
    const ls_strips as = ls_gemm_strips(gemm, OUT, IN);
    ls_gemm_destroy(gemm);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t o = 0; o < OUT; o++)
            assert_int_equal(isnan(p.y[r * OUT + o]) != 0, r == 7);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < IN; i++)
            assert_int_equal(isfinite(p.dx[r * IN + i]) == 0, r == 9);
    for (size_t o = 0; o < OUT; o++)
        for (size_t i = 0; i < IN; i++)
            assert_int_equal(isfinite(p.dw[ls_strips_at(&as, o, i)]) == 0, o == 3 || i == 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(to_the_nearest), cmocka_unit_test(orders),
                                       cmocka_unit_test(operands_are_rounded),
                                       cmocka_unit_test(no_number_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
