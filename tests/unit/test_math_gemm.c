/* The matrix products against float64 triple loops, at shapes around the tiles' edges; their
 * bits on several numbers of threads; the order of sums over lanes.
 *
 * Tolerance: a float32 sum of K products, in any order and with or without fused operations,
 * is within K 2^-24 / (1 - K 2^-24) sum |a b| of the exact one (Higham, Accuracy and Stability,
 * 3.1). One product left out, added twice or taken from elsewhere is far beyond it. In bfloat16
 * the operands are numbers that it has, so that the same holds. */
#include <math.h>

#include "gemms.h"
#include "lockstep/base/tree.h"
#include "lockstep/comm/comm.h"
#include "lockstep/math/gemm.h"
#include "lockstep/math/math.h"
#include "numbers.h"
#include "test_files.h"

enum { ROWS = 23 };

/* The library that is tested. */
static const ls_gemm *gemm;

/* Uneven segments, empty ones at both ends and inside. */
static const size_t first_row[] = {0, 0, 1, 9, 9, 9, 22, ROWS, ROWS};
enum { LANES = 8, LANES_MOST = 16 };
static const ls_segments segments = {LANES, first_row};

/* Around the tiles of 256 outputs and 512 or 1024 inputs, small, and so wide that an operand is
 * made ready in several pieces. */
static const struct shape {
    size_t in, out;
} shapes[] = {{1, 1},      {3, 5},      {7, 255},  {1, 256},    {2, 257},   {511, 3},   {512, 1},
              {513, 7},    {1023, 5},   {1024, 2}, {1025, 3},   {512, 256}, {513, 257}, {511, 255},
              {1025, 257}, {1023, 512}, {5, 513},  {1025, 511}, {2049, 10}, {9001, 3}};

static void *room(size_t count) {
    void *p = NULL;
    OK(ls_alloc(count, sizeof(float), "test", &p));
    return p;
}

/* x[B, in], w and dw[out, in], y and dy[B, out], bias and db[out], dx[B, in] of a shape. */
typedef struct arrays {
    size_t in, out;
    float *x, *w, *bias, *y, *dy, *dx, *dw, *db;
    void *operands; /* room for them */
} arrays;

static arrays arrays_of(size_t in, size_t out) {
    arrays a = {in,
                out,
                room(ROWS * in),
                room(out * in),
                room(out),
                room(ROWS * out),
                room(ROWS * out),
                room(ROWS * in),
                room(out * in),
                room(out),
                NULL};
    OK(ls_alloc(ls_gemm_room(gemm, ROWS, LANES_MOST, in, 1, out), 1, "test", &a.operands));
    fill_exact(gemm, a.x, ROWS * in, 1);
    fill_exact(gemm, a.w, out * in, 2);
    fill(a.bias, out, 3);
    fill_exact(gemm, a.dy, ROWS * out, 4);
    return a;
}

static void arrays_free(arrays *a) {
    float *all[] = {a->x, a->w, a->bias, a->y, a->dy, a->dx, a->dw, a->db};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ls_free(all[i]);
    ls_free(a->operands);
}

/* Element [o, i] of a matrix that lies as the library wants it. */
static size_t place(const arrays *a, size_t o, size_t i) {
    const ls_strips s = ls_gemm_strips(gemm, a->out, a->in);
    return ls_strips_at(&s, o, i);
}

/* Adds a b to a sum and |a b| to its size. */
typedef struct exact {
    double sum, size;
} exact;

static void add(exact *e, double a, double b) {
    e->sum += a * b;
    e->size += fabs(a * b);
}

/* terms: products and additions that the float32 sum has. */
static void check(const char *what, const arrays *a, size_t at, float got, exact e, size_t terms) {
    double u = (double)terms * 0x1p-24;
    if (!(fabs((double)got - e.sum) <= u / (1 - u) * e.size))
        fail_msg("%s, %zu to %zu: [%zu] = %.9g, wanted %.12g", what, a->in, a->out, at, (double)got,
                 e.sum);
}

static void check_forward(const arrays *a, const float *bias) {
    ls_gemm_forward(gemm, &segments, a->in, a->out, a->x, a->w, bias, a->y, a->operands);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t o = 0; o < a->out; o++) {
            exact e = {0};
            for (size_t i = 0; i < a->in; i++)
                add(&e, (double)a->x[r * a->in + i], (double)a->w[place(a, o, i)]);
            add(&e, bias != NULL ? (double)bias[o] : 0, 1);
            check("forward", a, r * a->out + o, a->y[r * a->out + o], e, a->in + 1);
        }
}

static void check_backward_input(const arrays *a) {
    ls_gemm_backward_input(gemm, &segments, a->in, a->out, a->dy, a->w, a->dx, a->operands, NULL);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < a->in; i++) {
            exact e = {0};
            for (size_t o = 0; o < a->out; o++)
                add(&e, (double)a->dy[r * a->out + o], (double)a->w[place(a, o, i)]);
            check("backward to input", a, r * a->in + i, a->dx[r * a->in + i], e, a->out);
        }
}

static void check_backward_weight(const arrays *a, const ls_lanes *lanes) {
    ls_gemm_backward_weight(gemm, &segments, lanes, a->in, a->out, a->x, a->dy, &a->dw,
                            a->operands);
    ls_gemm_backward_bias(&segments, lanes, a->out, a->dy, &a->db);
    for (size_t o = 0; o < a->out; o++) {
        exact e = {0};
        for (size_t r = 0; r < ROWS; r++)
            add(&e, (double)a->dy[r * a->out + o], 1);
        check("backward to bias", a, o, a->db[o], e, ROWS);
        for (size_t i = 0; i < a->in; i++) {
            e = (exact){0};
            for (size_t r = 0; r < ROWS; r++)
                add(&e, (double)a->dy[r * a->out + o], (double)a->x[r * a->in + i]);
            check("backward to weight", a, place(a, o, i), a->dw[place(a, o, i)], e, ROWS);
        }
    }
}

static void products(void **state) {
    (void)state;
    ls_lanes lanes;
    OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        arrays a = arrays_of(shapes[s].in, shapes[s].out);
        /* What was there before is written over. */
        fill(a.y, ROWS * a.out, 5);
        fill(a.dx, ROWS * a.in, 6);
        fill(a.dw, a.out * a.in, 7);
        fill(a.db, a.out, 8);
        check_forward(&a, NULL);
        check_forward(&a, a.bias);
        check_backward_input(&a);
        check_backward_weight(&a, &lanes);
        arrays_free(&a);
    }
    ls_lanes_free(&lanes);
}

/* All products of a shape, with as many threads. */
static void run_all(const arrays *a, int threads) {
    ls_lanes lanes;
    use_threads(threads);
    OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
    ls_gemm_forward(gemm, &segments, a->in, a->out, a->x, a->w, a->bias, a->y, a->operands);
    ls_gemm_backward_input(gemm, &segments, a->in, a->out, a->dy, a->w, a->dx, a->operands, NULL);
    ls_gemm_backward_weight(gemm, &segments, &lanes, a->in, a->out, a->x, a->dy, &a->dw,
                            a->operands);
    ls_gemm_backward_bias(&segments, &lanes, a->out, a->dy, &a->db);
    ls_lanes_free(&lanes);
#ifdef _OPENMP
    assert_int_equal(ls_math_threads(), threads); /* the kernels' own setting stays inside */
#endif
}

static void threads_do_not_matter(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        arrays one = arrays_of(shapes[s].in, shapes[s].out);
        run_all(&one, 1);
        for (int threads = 2; threads <= 4; threads *= 2) {
            arrays a = arrays_of(shapes[s].in, shapes[s].out);
            run_all(&a, threads);
            assert_memory_equal(a.y, one.y, ROWS * a.out * sizeof(float));
            assert_memory_equal(a.dx, one.dx, ROWS * a.in * sizeof(float));
            assert_memory_equal(a.dw, one.dw, a.out * a.in * sizeof(float));
            assert_memory_equal(a.db, one.db, a.out * sizeof(float));
            arrays_free(&a);
        }
        arrays_free(&one);
    }
    use_threads(2);
}

static void count_call(void *calls) {
    (*(size_t *)calls)++;
}

/* Outputs in parts, the last ones first: the bits of the whole, and nothing else is written. */
static void parts_do_not_matter(void **state) {
    (void)state;
    static const struct shape wide[] = {{70, 700}, {513, 512}, {3, 1025}};
    ls_lanes lanes;
    OK(ls_lanes_create(LANES, (ls_tree_range){0, LANES}, &lanes));
    for (size_t s = 0; s < sizeof wide / sizeof *wide; s++) {
        arrays whole = arrays_of(wide[s].in, wide[s].out), a = arrays_of(wide[s].in, wide[s].out);
        const size_t part = ls_gemm_part(gemm, &segments, 1), in = a.in, out = a.out;
        const size_t columns[] = {0, in};
        size_t calls = 0;
        const ls_between between = {count_call, &calls};
        run_all(&whole, 2);
        use_threads(1); /* of two the first may come too late for a tile */
        assert_true(part < out);
        assert_true(ls_gemm_part(gemm, &segments, part + 1) == 2 * part);
        for (size_t first = (out - 1) / part * part, end = out; end > 0; first -= part) {
            const ls_tree_range range = {first, end - first};
            const ls_operand x =
                ls_gemm_ready_x(gemm, ROWS, (ls_segments){1, columns}, a.x, a.operands);
            ls_gemm_forward_part(gemm, &segments, out, range, &x, a.w, a.bias, a.y, &between);
            const ls_operand dy = ls_gemm_ready_dy(gemm, segments, out, a.dy, a.operands);
            ls_gemm_backward_weight_part(gemm, &lanes, in, range, a.x, &dy, &a.dw, &between);
            end = first;
            for (size_t r = 0; r < ROWS && end > 0; r++)
                assert_true(a.y[r * out + end - 1] == 0);
            assert_true(end == 0 || a.dw[end * in - 1] == 0);
        }
        assert_memory_equal(a.y, whole.y, ROWS * out * sizeof(float));
        assert_memory_equal(a.dw, whole.dw, out * in * sizeof(float));
        assert_true(calls > 0);
        use_threads(2);
        arrays_free(&a);
        arrays_free(&whole);
    }
    ls_lanes_free(&lanes);
}

/* dW and db of lanes [first, first + count) alone, as a rank that holds these rows computes
 * them: one slab [out in + out] a root; the roots are appended to *root and their slabs to
 * slab. */
static size_t rank_roots(const arrays *a, size_t total, const size_t *row, ls_tree_range mine,
                         float **slab) {
    size_t first[17], size = a->out * a->in;
    float *dw[LS_TREE_DEPTH_MAX], *db[LS_TREE_DEPTH_MAX];
    ls_lanes lanes;
    OK(ls_lanes_create(total, mine, &lanes));
    for (size_t l = 0; l <= mine.count; l++)
        first[l] = row[mine.first + l] - row[mine.first];
    for (size_t k = 0; k < lanes.n_roots; k++) {
        slab[k] = room(size + a->out);
        fill(slab[k], size + a->out, 9); /* written, not added to */
        dw[k] = slab[k];
        db[k] = slab[k] + size;
    }
    const ls_segments rows = {mine.count, first};
    const float *x = a->x + row[mine.first] * a->in, *dy = a->dy + row[mine.first] * a->out;
    ls_gemm_backward_weight(gemm, &rows, &lanes, a->in, a->out, x, dy, dw, a->operands);
    ls_gemm_backward_bias(&rows, &lanes, a->out, dy, db);
    size_t n = lanes.n_roots;
    ls_lanes_free(&lanes);
    return n;
}

/* The tree over lanes by its definition, from each lane's own slab. */
static void tree_of_lanes(float *const *slab, size_t n, size_t floats, float *out) {
    if (n == 1) {
        memcpy(out, slab[0], floats * sizeof(float));
        return;
    }
    size_t left = 1;
    while (left * 2 < n)
        left *= 2;
    float *right = room(floats);
    tree_of_lanes(slab, left, floats, out);
    tree_of_lanes(slab + left, n - left, floats, right);
    for (size_t i = 0; i < floats; i++)
        out[i] = out[i] + right[i];
    ls_free(right);
}

/* Cuts the lanes into ranks after lane l where bit l of cuts is set; every rank computes its
 * roots, and the sum that is finished from all roots must have the wanted bits. */
static void check_cut(const arrays *a, size_t total, const size_t *row, uint32_t cuts,
                      const float *want) {
    float *slab[64], stack[8][64];
    ls_tree_range root[64];
    ls_tree_program finish;
    size_t n = 0, first = 0, floats = a->out * a->in + a->out;
    assert_true(floats <= 64);
    for (size_t l = 0; l < total; l++)
        if (l + 1 == total || (cuts >> l & 1) != 0) {
            ls_tree_range mine = {first, l + 1 - first}, roots[LS_TREE_DEPTH_MAX];
            size_t n_mine = ls_tree_roots(total, mine.first, l + 1, roots);
            memcpy(root + n, roots, n_mine * sizeof *roots);
            assert_int_equal(rank_roots(a, total, row, mine, slab + n), n_mine);
            n += n_mine;
            first = l + 1;
        }
    OK(ls_tree_program_finish(total, root, n, &finish));
    size_t top = 0;
    for (size_t i = 0; i < finish.count; i++)
        if (finish.op[i] != LS_TREE_ADD) {
            memcpy(stack[top++], slab[finish.op[i]], floats * sizeof(float));
        } else {
            top--;
            for (size_t j = 0; j < floats; j++)
                stack[top - 1][j] += stack[top][j];
        }
    if (memcmp(stack[0], want, floats * sizeof(float)) != 0)
        fail_msg("%zu lanes, ranks %#x: other bits", total, cuts);
    for (size_t i = 0; i < n; i++)
        ls_free(slab[i]);
    ls_tree_program_free(&finish);
}

/* The cuts of ls_share: how lanes are dealt to ranks. */
static uint32_t shared(size_t total, size_t ranks) {
    uint32_t cuts = 0;
    for (size_t r = 0; r + 1 < ranks; r++) {
        ls_tree_range mine = ls_share(total, ranks, r);
        cuts |= 1u << (mine.first + mine.count - 1);
    }
    return cuts;
}

/* 8 lanes cut into ranks in all 128 ways; 9 and 16 as 1, 2, 3, 4 and 8 ranks have them. */
static void lanes_on_ranks(void **state) {
    (void)state;
    enum { IN = 11, OUT = 5, FLOATS = OUT * IN + OUT };
    static const size_t rows9[] = {0, 3, 3, 7, 8, 11, 15, 20, 21, ROWS};
    static const size_t rows16[] = {0, 1, 3, 5, 5, 6, 8, 9, 12, 13, 14, 14, 16, 19, 20, 22, ROWS};
    static const struct {
        size_t total;
        const size_t *row;
    } cases[] = {{8, first_row}, {9, rows9}, {16, rows16}};
    arrays a = arrays_of(IN, OUT);
    use_threads(1); /* less scratch to clear 128 times */
    for (size_t c = 0; c < 3; c++) {
        size_t total = cases[c].total;
        float *lane[16], want[FLOATS];
        for (size_t l = 0; l < total; l++)
            assert_int_equal(rank_roots(&a, total, cases[c].row, (ls_tree_range){l, 1}, &lane[l]),
                             1);
        tree_of_lanes(lane, total, FLOATS, want);
        for (uint32_t cuts = 0; total == 8 && cuts < 128; cuts++)
            check_cut(&a, total, cases[c].row, cuts, want);
        static const size_t ranks[] = {1, 2, 3, 4, 8};
        for (size_t r = 0; r < 5; r++)
            check_cut(&a, total, cases[c].row, shared(total, ranks[r]), want);
        for (size_t l = 0; l < total; l++)
            ls_free(lane[l]);
    }
    use_threads(2);
    arrays_free(&a);
}

/* An output belongs to its segment: the same rows as a batch of their own have the same bits. */
static void segments_do_not_meet(void **state) {
    (void)state;
    arrays a = arrays_of(513, 257), alone = arrays_of(513, 257);
    ls_gemm_forward(gemm, &segments, a.in, a.out, a.x, a.w, a.bias, a.y, a.operands);
    ls_gemm_backward_input(gemm, &segments, a.in, a.out, a.dy, a.w, a.dx, a.operands, NULL);
    for (size_t s = 0; s < LANES; s++) {
        const size_t at = first_row[s], n = first_row[s + 1] - at, own[] = {0, n};
        const ls_segments one = {1, own};
        ls_gemm_forward(gemm, &one, a.in, a.out, a.x + at * a.in, a.w, a.bias, alone.y, a.operands);
        ls_gemm_backward_input(gemm, &one, a.in, a.out, a.dy + at * a.out, a.w, alone.dx,
                               a.operands, NULL);
        assert_int_equal(memcmp(alone.y, a.y + at * a.out, n * a.out * sizeof(float)), 0);
        assert_int_equal(memcmp(alone.dx, a.dx + at * a.in, n * a.in * sizeof(float)), 0);
    }
    arrays_free(&a);
    arrays_free(&alone);
}

/* No rows at all: dW and db are +0. */
static void an_empty_batch(void **state) {
    (void)state;
    static const size_t none[] = {0, 0, 0};
    const ls_segments empty = {2, none};
    ls_lanes lanes;
    arrays a = arrays_of(5, 3);
    OK(ls_lanes_create(2, (ls_tree_range){0, 2}, &lanes));
    fill(a.dw, 15, 1);
    fill(a.db, 3, 1);
    ls_gemm_forward(gemm, &empty, a.in, a.out, a.x, a.w, a.bias, a.y, a.operands);
    ls_gemm_backward_input(gemm, &empty, a.in, a.out, a.dy, a.w, a.dx, a.operands, NULL);
    ls_gemm_backward_weight(gemm, &empty, &lanes, a.in, a.out, a.x, a.dy, &a.dw, a.operands);
    ls_gemm_backward_bias(&empty, &lanes, a.out, a.dy, &a.db);
    static const float zero[15];
    assert_memory_equal(a.dw, zero, sizeof zero);
    assert_memory_equal(a.db, zero, 3 * sizeof *zero);
    ls_lanes_free(&lanes);
    arrays_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products),
                                       cmocka_unit_test(threads_do_not_matter),
                                       cmocka_unit_test(parts_do_not_matter),
                                       cmocka_unit_test(lanes_on_ranks),
                                       cmocka_unit_test(segments_do_not_meet),
                                       cmocka_unit_test(an_empty_batch)};
    return run_for_gemms(tests, sizeof tests / sizeof *tests, &gemm);
}
