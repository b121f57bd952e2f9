/* What this machine's arithmetic computes, as one number. */
#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/random.h"
#include "lockstep/math/functions.h"
#include "lockstep/math/gemm.h"
#include "lockstep/math/math.h"

/* Shapes on both sides of what makes OpenBLAS choose another kernel or cut the inner sum. */
static const struct {
    size_t rows, in, out;
} shapes[] = {{32, 5000, 96}, {32, 784, 10}, {16, 300, 256}, {3, 40, 7}};

enum { FUNCTION_VALUES = 512 };

static void fill(uint32_t stream, size_t n, float *x) {
    ls_random_key key = ls_random_key_make(0, LS_RANDOM_CHECK, stream);
    for (size_t i = 0; i < n; i += 4) {
        uint32_t draw[4];
        ls_random_quad(key, 0, 0, (uint32_t)(i / 4), draw);
        for (size_t k = 0; k < 4 && i + k < n; k++)
            x[i + k] = 2.0f * ls_random_unitf(draw[k]) - 1.0f;
    }
}

/* Between rows[out, in] and the same as W lies: its numbers are the same whatever that is. */
static void turn(const ls_strips *as, float *w, float *rows, bool to_rows) {
    for (size_t o = 0; o < as->out; o++)
        for (size_t i = 0; i < as->in; i++) {
            float *const at = w + ls_strips_at(as, o, i), *const row = rows + o * as->in + i;
            if (to_rows)
                *row = *at;
            else
                *at = *row;
        }
}

/* The three products of a dense layer. */
static ls_status add_products(const ls_gemm *g, ls_hasher *h, size_t rows, size_t in, size_t out) {
    size_t edge[2] = {0, rows}, big = rows * in > in * out ? rows * in : in * out;
    const ls_strips as = ls_gemm_strips(g, out, in);
    ls_segments segments = {1, edge};
    ls_lanes lanes = {0};
    float *x = NULL, *w = NULL, *y = NULL, *d = NULL;
    void *room = NULL;
    ls_status st = ls_lanes_create(1, (ls_tree_range){0, 1}, &lanes);
    if (st == LS_OK)
        st = ls_alloc(rows * in, sizeof *x, "self-test", &x);
    if (st == LS_OK)
        st = ls_alloc(in * out, sizeof *w, "self-test", &w);
    if (st == LS_OK)
        st = ls_alloc(rows * out, sizeof *y, "self-test", &y);
    if (st == LS_OK)
        st = ls_alloc(big, sizeof *d, "self-test", &d);
    if (st == LS_OK)
        st = ls_alloc(ls_gemm_room(g, rows, 1, in, 1, out), 1, "self-test", &room);
    if (st == LS_OK) {
        fill(1, rows * in, x);
        fill(2, in * out, d);
        turn(&as, w, d, false);
        ls_gemm_forward(g, &segments, in, out, x, w, NULL, y, room);
        ls_hasher_add(h, y, rows * out * sizeof *y);
        ls_gemm_backward_input(g, &segments, in, out, y, w, d, room, NULL);
        ls_hasher_add(h, d, rows * in * sizeof *d);
        ls_gemm_backward_weight(g, &segments, &lanes, in, out, x, y, &w, room);
        turn(&as, w, d, true);
        ls_hasher_add(h, d, in * out * sizeof *d);
        st = ls_gemm_status(g);
    }
    ls_lanes_free(&lanes);
    ls_free(x);
    ls_free(w);
    ls_free(y);
    ls_free(d);
    ls_free(room);
    return st;
}

static void add_array(ls_hasher *h, void (*f)(size_t n, const float *x, float *y), float scale,
                      const float *x) {
    float y[FUNCTION_VALUES];
    for (size_t i = 0; i < FUNCTION_VALUES; i++)
        y[i] = scale * x[i];
    f(FUNCTION_VALUES, y, y);
    ls_hasher_add(h, y, sizeof y);
}

/* The maths library chooses variants by the processor, too. */
static void add_functions(ls_hasher *h) {
    float x[FUNCTION_VALUES];
    fill(3, FUNCTION_VALUES, x);
    add_array(h, ls_exp_of, 8, x);
    add_array(h, ls_tanh_of, 3, x);
    add_array(h, ls_log1p_of, 0.99f, x);
    for (size_t i = 0; i < FUNCTION_VALUES; i++) {
        double d[3] = {exp(8.0 * (double)x[i]), log(2.0 + (double)x[i]), cos(3.0 * (double)x[i])};
        ls_hasher_add(h, d, sizeof d);
    }
}

static ls_status hash_all(const ls_gemm *gemm, char *hex) {
    ls_hasher *h = NULL;
    LS_TRY(ls_hasher_create(&h));
    ls_status st = LS_OK;
    for (size_t i = 0; st == LS_OK && i < sizeof shapes / sizeof *shapes; i++)
        st = add_products(gemm, h, shapes[i].rows, shapes[i].in, shapes[i].out);
    add_functions(h);
    ls_print_hash(ls_hasher_result(h), hex);
    ls_hasher_destroy(h);
    return st;
}

ls_status ls_math_fingerprint(const ls_gemm *gemm, char *hex) {
    char alone[40];
    const int threads = ls_math_threads();
    LS_TRY(hash_all(gemm, hex));
    ls_math_set_threads(1);
    ls_status st = hash_all(gemm, alone);
    ls_math_set_threads(threads);
    if (st == LS_OK && strcmp(alone, hex) != 0)
        st = ls_hint(ls_fail(LS_ERR_RUNTIME, ls_gemm_name(gemm),
                             "its results on this machine depend on the number of threads"),
                     "choose another compute.gemm");
    return st;
}
