/* The order of training rows: what holds for every epoch of every shape of run. (The very order
 * is compared with a second implementation in tests/parity.) */
#include <math.h>

#include "lockstep/comm/comm.h"
#include "lockstep/data/sampler.h"
#include "test_files.h"

enum { MOST = 5000, LANES_MOST = 16 };

/* n_rows, batch, lanes, block_rows, window, drop_last, seed: even and uneven lanes, a short last
 * block, fewer blocks than lanes, fewer rows than a batch, one lane, windows of all kinds. */
static const ls_sampler_spec specs[] = {
    {1024, 64, 8, 32, 1024, false, 1}, {1000, 64, 8, 32, 16, false, 2},
    {997, 48, 8, 7, 30, false, 3},     {100, 64, 8, 32, 1024, false, 4},
    {5, 32, 8, 32, 1024, false, 5},    {1, 8, 8, 1, 1, false, 6},
    {333, 10, 1, 32, 50, false, 7},    {4999, 256, 16, 32, 100, false, 8},
    {600, 60, 3, 1, 7, false, 9},      {1000, 64, 8, 32, 1, true, 10},
    {997, 48, 8, 7, 30, true, 11},     {1024, 64, 8, 32, 1024, true, 12},
    {100, 64, 8, 32, 1024, true, 13},
};
enum { SPECS = sizeof specs / sizeof *specs };

/* An epoch in full: order[l][k] is the k-th row of lane l. */
typedef struct epoch_order {
    size_t steps, count[LANES_MOST];
    uint32_t order[LANES_MOST][MOST];
} epoch_order;

static ls_sampler *sampler_of(const ls_sampler_spec *spec, ls_tree_range mine) {
    ls_sampler *s = NULL;
    OK(ls_sampler_create(spec, mine, &s));
    return s;
}

static ls_tree_range all_lanes(const ls_sampler_spec *spec) {
    return (ls_tree_range){0, spec->lanes};
}

/* Walks an epoch and checks each step: lanes give batch / lanes rows until theirs run out, a
 * position tells step, lane and place, the count is of all lanes. */
static void walk(const ls_sampler_spec *spec, ls_sampler *s, ls_tree_range mine, uint32_t epoch,
                 epoch_order *out) {
    size_t first[LANES_MOST + 1], slot[MOST], per_lane = spec->batch / spec->lanes;
    uint32_t position[MOST];
    memset(out, 0, sizeof *out);
    ls_sampler_begin_epoch(s, epoch);
    out->steps = ls_sampler_steps(s);
    for (size_t step = 0; step < out->steps; step++) {
        size_t want = 0;
        for (size_t l = 0; l < spec->lanes; l++) {
            size_t rows = ls_sampler_lane_rows(s, l), used = step * per_lane;
            want += rows < used ? 0 : rows - used < per_lane ? rows - used : per_lane;
        }
        assert_int_equal(ls_sampler_step(s, step, first, slot, position), want);
        assert_int_equal(first[0], 0);
        for (size_t i = 0; i < mine.count; i++)
            for (size_t k = first[i]; k < first[i + 1]; k++) {
                size_t lane = mine.first + i, place = lane * per_lane + k - first[i];
                assert_true(slot[k] < ls_sampler_rows(s));
                assert_int_equal(position[k], step * spec->batch + place);
                out->order[lane][out->count[lane]++] = ls_sampler_row(s)[slot[k]];
            }
    }
}

/* Each row once an epoch; with drop_last all steps are full and no more could be. */
static void every_row_once(void **state) {
    (void)state;
    static epoch_order e;
    for (size_t c = 0; c < SPECS; c++) {
        ls_sampler *s = sampler_of(&specs[c], all_lanes(&specs[c]));
        for (uint32_t epoch = 0; epoch < 3; epoch++) {
            uint8_t seen[MOST] = {0};
            size_t used = 0, least = MOST, per_lane = specs[c].batch / specs[c].lanes;
            walk(&specs[c], s, all_lanes(&specs[c]), epoch, &e);
            for (size_t l = 0; l < specs[c].lanes; l++) {
                size_t rows = ls_sampler_lane_rows(s, l);
                least = rows < least ? rows : least;
                used += e.count[l];
                assert_int_equal(e.count[l], specs[c].drop_last ? e.steps * per_lane : rows);
                for (size_t k = 0; k < e.count[l]; k++)
                    assert_int_equal(seen[e.order[l][k]]++, 0);
            }
            if (specs[c].drop_last)
                assert_int_equal(e.steps, least / per_lane);
            else
                assert_int_equal(used, specs[c].n_rows);
        }
        ls_sampler_destroy(s);
    }
}

/* A block stays in one lane; lanes have as many blocks as each other, but for one; the slots of
 * a lane ascend. */
static void blocks_are_dealt_evenly(void **state) {
    (void)state;
    for (size_t c = 0; c < SPECS; c++) {
        const ls_sampler_spec *spec = &specs[c];
        ls_sampler *s = sampler_of(spec, all_lanes(spec));
        size_t n_blocks = (spec->n_rows - 1) / spec->block_rows + 1, at = 0;
        assert_int_equal(ls_sampler_rows(s), spec->n_rows);
        for (size_t l = 0; l < spec->lanes; l++) {
            size_t blocks = 0, end = at + ls_sampler_lane_rows(s, l);
            for (; at < end; at++) {
                uint32_t row = ls_sampler_row(s)[at];
                bool begins = row % spec->block_rows == 0;
                blocks += begins;
                if (!begins)
                    assert_int_equal(ls_sampler_row(s)[at - 1], row - 1);
            }
            assert_true(blocks == n_blocks / spec->lanes || blocks == n_blocks / spec->lanes + 1);
        }
        assert_int_equal(at, spec->n_rows);
        ls_sampler_destroy(s);
    }
}

/* Rows that stand at the same place in two orders. */
static size_t in_common(const epoch_order *a, const epoch_order *b, size_t lanes) {
    size_t same = 0;
    for (size_t l = 0; l < lanes; l++)
        for (size_t k = 0; k < a->count[l] && k < b->count[l]; k++)
            same += a->order[l][k] == b->order[l][k];
    return same;
}

/* Of 1024 rows about one a lane stays in place by chance; the same epoch comes again. */
static void epochs_and_seeds_differ(void **state) {
    (void)state;
    static epoch_order a, b;
    ls_sampler_spec spec = specs[0];
    ls_sampler *s = sampler_of(&spec, all_lanes(&spec));
    walk(&spec, s, all_lanes(&spec), 4, &a);
    walk(&spec, s, all_lanes(&spec), 5, &b);
    assert_true(in_common(&a, &b, spec.lanes) < 40);
    ls_sampler_destroy(s);
    s = sampler_of(&spec, all_lanes(&spec));
    walk(&spec, s, all_lanes(&spec), 4, &b); /* without the epochs before it */
    assert_int_equal(in_common(&a, &b, spec.lanes), spec.n_rows);
    ls_sampler_destroy(s);
    spec.seed = 99;
    s = sampler_of(&spec, all_lanes(&spec));
    walk(&spec, s, all_lanes(&spec), 4, &b);
    assert_true(in_common(&a, &b, spec.lanes) < 40);
    ls_sampler_destroy(s);
}

/* A lane's order is the same whichever lanes a rank holds. */
static void ranges_of_lanes_agree(void **state) {
    (void)state;
    static epoch_order all, part;
    for (size_t c = 0; c < SPECS; c++) {
        const ls_sampler_spec *spec = &specs[c];
        ls_sampler *s = sampler_of(spec, all_lanes(spec));
        walk(spec, s, all_lanes(spec), 1, &all);
        ls_sampler_destroy(s);
        for (size_t ranks = 1; ranks <= spec->lanes; ranks++)
            for (size_t r = 0; r < ranks; r++) {
                ls_tree_range mine = ls_share(spec->lanes, ranks, r);
                s = sampler_of(spec, mine);
                walk(spec, s, mine, 1, &part);
                assert_int_equal(part.steps, all.steps);
                for (size_t l = mine.first; l < mine.first + mine.count; l++) {
                    assert_int_equal(part.count[l], all.count[l]);
                    assert_int_equal(
                        memcmp(part.order[l], all.order[l], all.count[l] * sizeof(uint32_t)), 0);
                }
                ls_sampler_destroy(s);
            }
    }
}

/* A window of one row leaves the permuted blocks as they are: that order is what a wider window
 * shuffles. From it no row comes earlier than window - 1 places before its own. */
static void the_window_bounds_moves(void **state) {
    (void)state;
    static epoch_order before, after;
    for (size_t c = 0; c < SPECS; c++) {
        ls_sampler_spec spec = specs[c];
        ls_sampler *s = sampler_of(&spec, all_lanes(&spec));
        walk(&spec, s, all_lanes(&spec), 2, &after);
        ls_sampler_destroy(s);
        size_t window = spec.window, farthest = 0;
        spec.window = 1;
        s = sampler_of(&spec, all_lanes(&spec));
        walk(&spec, s, all_lanes(&spec), 2, &before);
        ls_sampler_destroy(s);
        for (size_t l = 0; l < spec.lanes; l++) {
            size_t was[MOST] = {0};
            for (size_t k = 0; k < before.count[l]; k++)
                was[before.order[l][k]] = k;
            for (size_t k = 0; k < after.count[l]; k++) {
                size_t from = was[after.order[l][k]];
                if (!spec.drop_last)
                    assert_true(from < k + window);
                farthest = from > k && from - k > farthest ? from - k : farthest;
            }
        }
        /* And it is used: some row comes from its far half. */
        if (!spec.drop_last && window > 1 && spec.n_rows > 4 * window * spec.lanes)
            assert_true(farthest > window / 2);
    }
}

/* Before the window shuffles, rows of a block follow each other and blocks stand in any order. */
static void blocks_are_permuted(void **state) {
    (void)state;
    static epoch_order e;
    ls_sampler_spec spec = {1024, 64, 8, 16, 1, false, 3};
    ls_sampler *s = sampler_of(&spec, all_lanes(&spec));
    size_t ascents = 0;
    walk(&spec, s, all_lanes(&spec), 0, &e);
    for (size_t l = 0; l < 8; l++)
        for (size_t k = 1; k < e.count[l]; k++) {
            if (k % 16 != 0)
                assert_int_equal(e.order[l][k], e.order[l][k - 1] + 1);
            else
                ascents += e.order[l][k] > e.order[l][k - 1];
        }
    assert_true(ascents > 10 && ascents < 46); /* of 56; file order would have all */
    ls_sampler_destroy(s);
}

/* In a window as wide as the lane a row's place says nothing of its place before the shuffle:
 * over 500 epochs the mean place of what stood at each of 40 places is 19.5 within 5 standard
 * errors, sqrt(133 / 500) each. */
static void a_whole_lane_is_shuffled_evenly(void **state) {
    (void)state;
    enum { N = 40, EPOCHS = 500 };
    static epoch_order before, after;
    ls_sampler_spec spec = {N, 8, 1, 4, 1024, false, 3}, blocks_only = spec;
    blocks_only.window = 1;
    ls_sampler *s = sampler_of(&spec, all_lanes(&spec)),
               *b = sampler_of(&blocks_only, all_lanes(&spec));
    double mean[N] = {0};
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        size_t place[N];
        walk(&spec, s, all_lanes(&spec), epoch, &after);
        walk(&blocks_only, b, all_lanes(&spec), epoch, &before);
        for (size_t k = 0; k < N; k++)
            place[after.order[0][k]] = k;
        for (size_t k = 0; k < N; k++)
            mean[k] += (double)place[before.order[0][k]] / EPOCHS;
    }
    for (size_t k = 0; k < N; k++)
        assert_true(fabs(mean[k] - 19.5) < 5 * sqrt((N * N - 1) / 12.0 / EPOCHS));
    ls_sampler_destroy(s);
    ls_sampler_destroy(b);
}

/* Classes of very different sizes, spread over the rows: class 2 has every 50th row, class 1 every
 * 10th of the others. */
static int32_t class_of(uint32_t row) {
    return row % 50 == 7 ? 2 : row % 10 == 3 ? 1 : 0;
}

static ls_sampler *balanced_of(const ls_sampler_spec *spec, ls_tree_range mine) {
    static int32_t label[MOST];
    ls_sampler *s = sampler_of(spec, mine);
    for (uint32_t r = 0; r < spec->n_rows; r++)
        label[r] = class_of(r);
    OK(ls_sampler_balance(s, label, 4)); /* the last class has no rows */
    memset(label, 0, sizeof label);      /* not kept */
    return s;
}

/* A lane draws as many rows as it has, of its own only. Over E draws each of its C classes comes
 * E / C times and each of a class's n rows E / (C n) times, within 6 standard deviations of a
 * binomial number. */
static void balanced_draws_are_even(void **state) {
    (void)state;
    enum { EPOCHS = 400 };
    static epoch_order e;
    static size_t drawn[MOST];
    const ls_sampler_spec spec = {997, 48, 8, 7, 30, false, 3};
    ls_sampler *s = balanced_of(&spec, all_lanes(&spec));
    memset(drawn, 0, sizeof drawn);
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        walk(&spec, s, all_lanes(&spec), epoch, &e);
        for (size_t l = 0; l < 8; l++)
            for (size_t k = 0; k < e.count[l]; k++)
                drawn[e.order[l][k]]++;
    }
    for (size_t l = 0, at = 0; l < 8; l++) {
        const size_t rows = ls_sampler_lane_rows(s, l);
        const uint32_t *row = ls_sampler_row(s) + at;
        double all = (double)rows * EPOCHS, classes = 0, sum = 0;
        size_t count[3] = {0};
        for (size_t k = 0; k < rows; k++)
            classes += count[class_of(row[k])]++ == 0;
        for (size_t k = 0; k < rows; k++) {
            const double p = 1 / (classes * (double)count[class_of(row[k])]);
            assert_true(fabs((double)drawn[row[k]] - all * p) < 6 * sqrt(all * p * (1 - p)));
            sum += (double)drawn[row[k]];
        }
        assert_true(sum == all);
        at += rows;
    }
    ls_sampler_destroy(s);
}

/* A lane's draws are the same whichever lanes a rank holds, and whatever epochs came before; other
 * epochs have others. */
static void balanced_ranges_of_lanes_agree(void **state) {
    (void)state;
    static epoch_order all, part;
    for (size_t c = 0; c < SPECS; c++) {
        const ls_sampler_spec *spec = &specs[c];
        ls_sampler *s = balanced_of(spec, all_lanes(spec));
        walk(spec, s, all_lanes(spec), 0, &part);
        walk(spec, s, all_lanes(spec), 1, &all);
        if (spec->n_rows > 900)
            assert_true(in_common(&all, &part, spec->lanes) < spec->n_rows / 8);
        ls_sampler_destroy(s);
        for (size_t ranks = 1; ranks <= spec->lanes; ranks++)
            for (size_t r = 0; r < ranks; r++) {
                ls_tree_range mine = ls_share(spec->lanes, ranks, r);
                s = balanced_of(spec, mine);
                walk(spec, s, mine, 1, &part);
                assert_int_equal(part.steps, all.steps);
                for (size_t l = mine.first; l < mine.first + mine.count; l++) {
                    assert_int_equal(part.count[l], all.count[l]);
                    assert_int_equal(
                        memcmp(part.order[l], all.order[l], all.count[l] * sizeof(uint32_t)), 0);
                }
                ls_sampler_destroy(s);
            }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_once),
                                       cmocka_unit_test(blocks_are_dealt_evenly),
                                       cmocka_unit_test(epochs_and_seeds_differ),
                                       cmocka_unit_test(ranges_of_lanes_agree),
                                       cmocka_unit_test(the_window_bounds_moves),
                                       cmocka_unit_test(blocks_are_permuted),
                                       cmocka_unit_test(a_whole_lane_is_shuffled_evenly),
                                       cmocka_unit_test(balanced_draws_are_even),
                                       cmocka_unit_test(balanced_ranges_of_lanes_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
