/* Products whose sum goes over blocks of columns: against float64 loops, and with the same bits
 * however the blocks are shared out and on any number of threads.
 *
 * Tolerance: that of test_math_gemm.c, for as many terms as there are columns, or rows. */
#include <math.h>

#include "gemms.h"
#include "lockstep/base/tree.h"
#include "lockstep/math/gemm.h"
#include "lockstep/math/math.h"
#include "numbers.h"
#include "test_files.h"

/* More rows than a tile has, blocks of other widths than tiles, an odd number of them. */
enum { ROWS = 150, COLUMNS = 2300, OUT = 261, BLOCKS = 5 };
static const size_t edge[BLOCKS + 1] = {0, 1, 1100, 1130, 2200, COLUMNS};

/* The library that is tested. */
static const ls_gemm *gemm;

static float *room(size_t n) {
    float *p = NULL;
    OK(ls_alloc(n, sizeof *p, "test", &p));
    return p;
}

/* Columns [edge[first], edge[last]) of a matrix of `rows` rows, as the rank has them that holds
 * these blocks. */
static float *columns_of(const float *all, size_t rows, size_t first, size_t last) {
    const size_t n = edge[last] - edge[first];
    float *some = room(rows * n);
    for (size_t r = 0; r < rows; r++)
        memcpy(some + r * n, all + r * COLUMNS + edge[first], n * sizeof *some);
    return some;
}

/* A matrix[OUT, columns] as the library wants it. */
static float *in_strips(const float *w, size_t columns) {
    const ls_strips as = ls_gemm_strips(gemm, OUT, columns);
    float *to = room(OUT * columns);
    for (size_t o = 0; o < OUT; o++)
        for (size_t c = 0; c < columns; c++)
            to[ls_strips_at(&as, o, c)] = w[o * columns + c];
    return to;
}

static void *operands_room(size_t blocks, size_t columns) {
    void *p = NULL;
    OK(ls_alloc(ls_gemm_room(gemm, ROWS, 1, columns, blocks, OUT), 1, "test", &p));
    return p;
}

typedef struct arrays {
    float *x, *w, *dy;
} arrays;

static arrays make(void) {
    arrays a = {room(ROWS * COLUMNS), room(OUT * COLUMNS), room(ROWS * OUT)};
    fill_exact(gemm, a.x, ROWS * COLUMNS, 1);
    fill_exact(gemm, a.w, OUT * COLUMNS, 2);
    fill_exact(gemm, a.dy, ROWS * OUT, 3);
    return a;
}

static void arrays_free(arrays *a) {
    ls_free(a->x);
    ls_free(a->w);
    ls_free(a->dy);
}

static void near(double got, double want, double size, size_t terms) {
    const double u = (double)terms * 0x1p-24;
    if (!(fabs(got - want) <= u / (1 - u) * size))
        fail_msg("%.9g, wanted %.12g", got, want);
}

/* The roots of the rank that holds blocks [first, last), added to z and roots; their number. */
static size_t forward(const arrays *a, size_t first, size_t last, ls_tree_range *roots, float **z) {
    float *x = columns_of(a->x, ROWS, first, last), *w = columns_of(a->w, OUT, first, last);
    size_t local[BLOCKS + 1], n = ls_tree_roots(BLOCKS, first, last, roots);
    ls_lanes blocks;
    OK(ls_lanes_create(BLOCKS, (ls_tree_range){first, last - first}, &blocks));
    for (size_t i = first; i <= last; i++)
        local[i - first] = edge[i] - edge[first];
    for (size_t k = 0; k < n; k++)
        z[k] = room(ROWS * OUT);
    float *strips = in_strips(w, local[last - first]);
    void *operands = operands_room(last - first, local[last - first]);
    const ls_operand ready =
        ls_gemm_ready_x(gemm, ROWS, (ls_segments){last - first, local}, x, operands);
    ls_gemm_forward_columns(gemm, &blocks, OUT, &ready, strips, z);
    ls_lanes_free(&blocks);
    ls_free(operands);
    ls_free(strips);
    ls_free(x);
    ls_free(w);
    return n;
}

static void is_the_product(void **state) {
    (void)state;
    arrays a = make();
    ls_tree_range roots[LS_TREE_DEPTH_MAX];
    float *z[LS_TREE_DEPTH_MAX];
    assert_int_equal(forward(&a, 0, BLOCKS, roots, z), 1);
    for (size_t r = 0; r < ROWS; r += 7)
        for (size_t o = 0; o < OUT; o++) {
            double sum = 0, size = 0;
            for (size_t c = 0; c < COLUMNS; c++) {
                const double term = (double)a.x[r * COLUMNS + c] * (double)a.w[o * COLUMNS + c];
                sum += term;
                size += fabs(term);
            }
            near((double)z[0][r * OUT + o], sum, size, COLUMNS);
        }
    ls_free(z[0]);
    arrays_free(&a);
}

/* Every way to cut 5 blocks into ranks; each rank with another number of threads. */
static void sharing_does_not_matter(void **state) {
    (void)state;
    arrays a = make();
    ls_tree_range roots[2 * BLOCKS];
    float *z[2 * BLOCKS], *want[LS_TREE_DEPTH_MAX], *stack[BLOCKS + 1];
    forward(&a, 0, BLOCKS, roots, want);
    for (size_t i = 0; i <= BLOCKS; i++)
        stack[i] = room(ROWS * OUT);
    for (unsigned cuts = 0; cuts < 1u << (BLOCKS - 1); cuts++) {
        ls_tree_program finish;
        size_t n = 0, first = 0, top = 0;
        for (size_t b = 0; b < BLOCKS; b++)
            if (b + 1 == BLOCKS || (cuts >> b & 1) != 0) {
                use_threads(1 + (int)(b % 3));
                n += forward(&a, first, b + 1, roots + n, z + n);
                first = b + 1;
            }
        OK(ls_tree_program_finish(BLOCKS, roots, n, &finish));
        for (size_t i = 0; i < finish.count; i++)
            if (finish.op[i] != LS_TREE_ADD) {
                memcpy(stack[top++], z[finish.op[i]], ROWS * OUT * sizeof(float));
            } else {
                top--;
                for (size_t j = 0; j < ROWS * OUT; j++)
                    stack[top - 1][j] += stack[top][j];
            }
        assert_memory_equal(stack[0], want[0], ROWS * OUT * sizeof(float));
        ls_tree_program_free(&finish);
        for (size_t i = 0; i < n; i++)
            ls_free(z[i]);
    }
    use_threads(2);
    for (size_t i = 0; i <= BLOCKS; i++)
        ls_free(stack[i]);
    ls_free(want[0]);
    arrays_free(&a);
}

/* Each element comes once. */
static void keep(void *context, const ls_tile *t) {
    float *dw = context;
    for (size_t r = 0; r < t->count; r++)
        for (size_t j = 0; j < t->floats; j++) {
            float *to = dw + t->first + r * t->stride + j;
            *to = *to == 0 ? t->tile[r * t->floats + j] : NAN;
        }
}

/* [OUT, columns of these blocks]. */
static float *backward(const arrays *a, size_t first, size_t last, int threads) {
    float *x = columns_of(a->x, ROWS, first, last);
    const size_t columns = edge[last] - edge[first];
    const ls_strips as = ls_gemm_strips(gemm, OUT, columns);
    float *strips = room(OUT * columns), *dw = room(OUT * columns);
    size_t local[BLOCKS + 1];
    ls_lanes blocks;
    use_threads(threads);
    OK(ls_lanes_create(BLOCKS, (ls_tree_range){first, last - first}, &blocks));
    void *operands = operands_room(last - first, columns);
    const ls_operand ready =
        ls_gemm_ready_dy(gemm, (ls_segments){1, (size_t[]){0, ROWS}}, OUT, a->dy, operands);
    for (size_t i = first; i <= last; i++)
        local[i - first] = edge[i] - edge[first];
    const ls_segments cut = {last - first, local};
    ls_gemm_backward_columns(gemm, &blocks, &cut, x, &ready, keep, strips);
    for (size_t o = 0; o < OUT; o++)
        for (size_t c = 0; c < columns; c++)
            dw[o * columns + c] = strips[ls_strips_at(&as, o, c)];
    ls_lanes_free(&blocks);
    ls_free(operands);
    ls_free(strips);
    ls_free(x);
    return dw;
}

static void gradients(void **state) {
    (void)state;
    arrays a = make();
    float *all = backward(&a, 0, BLOCKS, 2);
    for (size_t o = 0; o < OUT; o += 5)
        for (size_t c = 0; c < COLUMNS; c++) {
            double sum = 0, size = 0;
            for (size_t r = 0; r < ROWS; r++) {
                const double term = (double)a.dy[r * OUT + o] * (double)a.x[r * COLUMNS + c];
                sum += term;
                size += fabs(term);
            }
            near((double)all[o * COLUMNS + c], sum, size, ROWS);
        }
    for (size_t first = 0; first < BLOCKS; first++)
        for (size_t last = first + 1; last <= BLOCKS; last++) {
            float *some = backward(&a, first, last, 1 + (int)(last % 3));
            float *want = columns_of(all, OUT, first, last);
            assert_memory_equal(some, want, OUT * (edge[last] - edge[first]) * sizeof *some);
            ls_free(some);
            ls_free(want);
        }
    use_threads(2);
    ls_free(all);
    arrays_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_product),
        cmocka_unit_test(sharing_does_not_matter),
        cmocka_unit_test(gradients),
    };
    return run_for_gemms(tests, sizeof tests / sizeof *tests, &gemm);
}
