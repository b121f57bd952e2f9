/* Every bit of libxsmm's products is known, whatever the processor: each sum is the plain chain
 * s = fmaf(a, b, s) from +0. */
#include <math.h>

#include "gemms.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/lanes.h"

enum { ROWS = 23 };

/* The library that is tested. */
static const ls_gemm *gemm;

/* Strips that are narrow, whole, one of each; steps of the sum that are short, whole, many. */
static const struct {
    size_t in, out;
} shapes[] = {{1, 1},    {3, 5},     {7, 255},  {255, 31},  {256, 33},   {257, 64},
              {513, 65}, {300, 128}, {1025, 7}, {511, 257}, {1025, 511}, {9001, 3}};

static float *numbers(size_t n, uint32_t seed) {
    float *x = NULL;
    OK(ls_alloc(n, sizeof *x, "test", &x));
    fill(x, n, seed);
    return x;
}

static float chain(size_t n, const float *a, size_t a_step, const float *b, size_t b_step) {
    float s = 0.0f;
    for (size_t i = 0; i < n; i++)
        s = fmaf(a[i * a_step], b[i * b_step], s);
    return s;
}

static void same_float(const char *what, size_t at, float got, float want) {
    if (memcmp(&got, &want, sizeof got) != 0)
        fail_msg("%s: [%zu] = %a, wanted %a", what, at, (double)got, (double)want);
}

static void check_shape(size_t in, size_t out) {
    static const size_t edge[] = {0, ROWS};
    const ls_segments rows = {1, edge};
    const ls_strips as = ls_gemm_strips(gemm, out, in);
    float *x = numbers(ROWS * in, 1), *w = numbers(out * in, 2), *dy = numbers(ROWS * out, 3);
    float *strips = numbers(out * in, 4), *y = numbers(ROWS * out, 5), *dx = numbers(ROWS * in, 6);
    float *dw = numbers(out * in, 7);
    void *room = NULL;
    ls_lanes lanes;
    OK(ls_alloc(ls_gemm_room(gemm, ROWS, 1, in, 1, out), 1, "test", &room));
    OK(ls_lanes_create(1, (ls_tree_range){0, 1}, &lanes));
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            strips[ls_strips_at(&as, o, i)] = w[o * in + i];
    ls_gemm_forward(gemm, &rows, in, out, x, strips, NULL, y, room);
    ls_gemm_backward_input(gemm, &rows, in, out, dy, strips, dx, room, NULL);
    ls_gemm_backward_weight(gemm, &rows, &lanes, in, out, x, dy, &dw, room);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t o = 0; o < out; o++)
            same_float("y", r * out + o, y[r * out + o], chain(in, x + r * in, 1, w + o * in, 1));
        for (size_t i = 0; i < in; i++)
            same_float("dx", r * in + i, dx[r * in + i], chain(out, dy + r * out, 1, w + i, in));
    }
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            same_float("dw", o * in + i, dw[ls_strips_at(&as, o, i)],
                       chain(ROWS, dy + o, out, x + i, in));
    float *all[] = {x, w, dy, strips, y, dx, dw};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ls_free(all[i]);
    ls_free(room);
    ls_lanes_free(&lanes);
}

static void known_bits(void **state) {
    (void)state;
    if (strcmp(ls_gemm_name(gemm), "libxsmm") != 0)
        return;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_shape(shapes[s].in, shapes[s].out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_bits)};
    return run_for_gemms(tests, sizeof tests / sizeof *tests, &gemm);
}
