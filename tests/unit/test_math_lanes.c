/* A rank's lanes: their roots' programs name its lanes only, and every thread has scratch of its
 * own. (Their sums: test_math_gemm.) */
#include <string.h>

#include "lockstep/comm/comm.h"
#include "lockstep/math/lanes.h"
#include "lockstep/math/math.h"
#include "numbers.h"
#include "test_files.h"

/* Pushes of a program name the leaves of its rank, each once, in order; its depth suffices. */
static void programs(void **state) {
    (void)state;
    for (size_t total = 1; total <= 16; total++)
        for (size_t ranks = 1; ranks <= total; ranks++)
            for (size_t r = 0; r < ranks; r++) {
                ls_tree_range mine = ls_share(total, ranks, r);
                ls_lanes lanes;
                OK(ls_lanes_create(total, mine, &lanes));
                size_t next = mine.first;
                for (size_t k = 0; k < lanes.n_roots; k++) {
                    size_t open = 0;
                    for (size_t i = 0; i < lanes.roots[k].count; i++) {
                        if (lanes.roots[k].op[i] == LS_TREE_ADD) {
                            open--;
                            continue;
                        }
                        assert_int_equal(lanes.roots[k].op[i], next++);
                        assert_true(++open <= lanes.depth);
                    }
                    assert_int_equal(open, 1);
                }
                assert_int_equal(next, mine.first + mine.count);
                assert_int_equal(lanes.total, total);
                ls_lanes_free(&lanes);
            }
}

static void scratch_is_a_threads_own(void **state) {
    (void)state;
    use_threads(4);
    ls_lanes lanes;
    OK(ls_lanes_create(8, (ls_tree_range){0, 8}, &lanes));
    size_t floats = lanes.depth * lanes.tile_floats, threads = 0;
    assert_int_equal(ls_lanes_scratch_bytes(&lanes), lanes.n_threads * floats * sizeof(float));
    assert_int_equal(lanes.depth, 4); /* 8 leaves: a sum of 4, of 2, a leaf and its neighbour */
#pragma omp parallel reduction(+ : threads)
    {
        float *mine = ls_lanes_scratch(&lanes);
        for (size_t i = 0; i < floats; i++)
            mine[i] = 1;
        threads++;
    }
    assert_int_equal(threads, lanes.n_threads);
    for (size_t i = 0; i < threads * floats; i++)
        assert_true(lanes.scratch[i] == 1);
    ls_lanes_free(&lanes);
    assert_null(lanes.scratch);
    ls_lanes_free(&lanes); /* twice does no harm */
}

/* One lane has no open sums but the result. */
static void one_lane(void **state) {
    (void)state;
    ls_lanes lanes;
    OK(ls_lanes_create(1, (ls_tree_range){0, 1}, &lanes));
    assert_int_equal(lanes.n_roots, 1);
    assert_int_equal(lanes.depth, 1);
    assert_int_equal(ls_lanes_scratch_bytes(&lanes),
                     lanes.n_threads * lanes.tile_floats * sizeof(float));
    ls_lanes_free(&lanes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(programs),
                                       cmocka_unit_test(scratch_is_a_threads_own),
                                       cmocka_unit_test(one_lane)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
