/* The exchange of a step at every number of ranks: the sum over lanes has the bits of the serial
 * tree, and what the owners made of it reaches all. */
#include <string.h>

#include "lockstep/comm/exchange.h"
#include "numbers.h"
#include "test_files.h"

static ls_comm *comm;

/* Slabs as edges of their blocks: even, uneven, one block, fewer blocks than ranks, a block that
 * is most of the slab, and more floats than the chunk of 2048 that a thread sums at a time. */
#define EDGES(...)                                                                                 \
    { (size_t[]){__VA_ARGS__}, sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t) - 1 }

static const struct slab {
    const size_t *edge;
    size_t n_blocks;
} slabs[] = {
    EDGES(0, 16),
    EDGES(0, 1, 2),
    EDGES(0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160),
    EDGES(0, 4096, 8192, 9001, 9008, 9024),
    EDGES(0, 3, 20000, 20001, 20017),
    EDGES(0, 20000, 20001, 20002),
    EDGES(0, 4096, 8192, 12288, 16384, 20480, 24576, 28672, 32768, 36864, 40000),
};

static const size_t lane_counts[] = {8, 9, 16};

static float *room(size_t n) {
    float *p = NULL;
    OK(ls_alloc(n, sizeof *p, "test", &p));
    return p;
}

/* A lane's gradient: numbers of several sizes, so that another order has other bits. */
static void fill_lane(float *x, size_t n, size_t lane, uint32_t round) {
    fill(x, n, (uint32_t)(1000 * lane) + round);
    for (size_t i = 0; i < n; i++)
        x[i] *= (float)(1 << (i + 3 * lane) % 11) / 3.0f;
}

/* The tree over lanes [first, first + n) by its definition: the left child has the largest power
 * of two below n lanes. */
static void serial_tree(float *out, size_t floats, size_t first, size_t n, uint32_t round) {
    if (n == 1) {
        fill_lane(out, floats, first, round);
        return;
    }
    size_t left = 1;
    while (left * 2 < n)
        left *= 2;
    float *right = room(floats);
    serial_tree(out, floats, first, left, round);
    serial_tree(right, floats, first + left, n - left, round);
    for (size_t i = 0; i < floats; i++)
        out[i] += right[i];
    ls_free(right);
}

/* Whole, consecutive blocks that cover the slab; a rank's part begins with the first block that
 * begins in or behind its even share. */
static void check_ownership(const ls_exchange *ex, const struct slab *s) {
    size_t at = 0;
    for (int r = 0; r < ls_comm_size(comm); r++) {
        ls_tree_range own = ls_exchange_owned(ex, r);
        bool begins = false, ends = false;
        size_t n = s->edge[s->n_blocks], next = 0;
        while (s->edge[next] < ls_share(n, (size_t)ls_comm_size(comm), (size_t)r).first)
            next++;
        assert_int_equal(own.first, s->edge[next]);
        assert_int_equal(own.first, at);
        at += own.count;
        for (size_t b = 0; b <= s->n_blocks; b++) {
            begins = begins || s->edge[b] == own.first;
            ends = ends || s->edge[b] == at;
        }
        assert_true(begins && ends);
    }
    assert_int_equal(at, s->edge[s->n_blocks]);
}

/* A step: every rank sums the lanes of its roots, the owners halve the sum, all get it. */
static void check_step(ls_exchange *ex, const struct slab *s, size_t lanes, uint32_t round) {
    size_t floats = s->edge[s->n_blocks];
    int rank = ls_comm_rank(comm);
    ls_tree_range mine = ls_share(lanes, (size_t)ls_comm_size(comm), (size_t)rank);
    ls_tree_range own = ls_exchange_owned(ex, rank), roots[LS_TREE_DEPTH_MAX];
    float *root[LS_TREE_DEPTH_MAX], *want = room(floats), *slab = room(floats);
    size_t n = ls_tree_roots(lanes, mine.first, mine.first + mine.count, roots);
    const float *sum = NULL;
    for (size_t k = 0; k < n; k++) {
        root[k] = room(floats);
        serial_tree(root[k], floats, roots[k].first, roots[k].count, round);
    }
    serial_tree(want, floats, 0, lanes, round);
    OK(ls_exchange_reduce(ex, (const float *const *)root, &sum));
    bool same = memcmp(sum, want + own.first, own.count * sizeof *sum) == 0;
    for (size_t i = 0; i < own.count; i++)
        slab[own.first + i] = sum[i] * 0.5f;
    for (size_t i = 0; i < floats; i++)
        want[i] *= 0.5f;
    OK(ls_exchange_gather(ex, slab));
    bool gathered = memcmp(slab, want, floats * sizeof *slab) == 0;
    for (size_t k = 0; k < n; k++)
        ls_free(root[k]);
    ls_free(want);
    ls_free(slab);
    assert_true(same);
    assert_true(gathered);
}

static void sums_are_the_trees(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof slabs / sizeof *slabs; s++)
        for (size_t l = 0; l < sizeof lane_counts / sizeof *lane_counts; l++) {
            ls_exchange *ex = NULL;
            OK(ls_exchange_create(comm, lane_counts[l], slabs[s].edge, slabs[s].n_blocks, &ex));
            check_ownership(ex, &slabs[s]);
            for (uint32_t round = 0; round < 3; round++)
                check_step(ex, &slabs[s], lane_counts[l], round);
            ls_exchange_destroy(ex);
        }
}

/* As many lanes as ranks: one root each. */
static void one_lane_a_rank(void **state) {
    (void)state;
    size_t lanes = (size_t)ls_comm_size(comm);
    ls_exchange *ex = NULL;
    OK(ls_exchange_create(comm, lanes, slabs[3].edge, slabs[3].n_blocks, &ex));
    check_step(ex, &slabs[3], lanes, 9);
    ls_exchange_destroy(ex);
}

/* Whoever owns what: even shares of ten, and everything with the last rank. */
static void owners_as_told(void **state) {
    (void)state;
    enum { FLOATS = 9010 };
    const size_t size = (size_t)ls_comm_size(comm), edge[] = {0, FLOATS};
    const struct slab s = {edge, 1};
    for (int last = 0; last < 2; last++) {
        ls_tree_range owned[64] = {{0}};
        ls_exchange *ex = NULL;
        for (size_t r = 0; r < size; r++) {
            const ls_tree_range tenths = ls_share(FLOATS / 10, size, r);
            owned[r] = (ls_tree_range){10 * tenths.first, 10 * tenths.count};
            if (last)
                owned[r] = (ls_tree_range){0, r + 1 == size ? FLOATS : 0};
        }
        OK(ls_exchange_create_owned(comm, 9, owned, &ex));
        check_step(ex, &s, 9, 4);
        ls_exchange_destroy(ex);
    }
}

/* Sent: the other owners' ranges of every own root, and the own range to each of the others. */
static void bytes(void **state) {
    (void)state;
    size_t size = (size_t)ls_comm_size(comm), rank = (size_t)ls_comm_rank(comm);
    for (size_t s = 0; s < sizeof slabs / sizeof *slabs; s++) {
        ls_exchange *ex = NULL;
        ls_tree_range roots[LS_TREE_DEPTH_MAX], mine = ls_share(9, size, rank);
        OK(ls_exchange_create(comm, 9, slabs[s].edge, slabs[s].n_blocks, &ex));
        size_t n = ls_tree_roots(9, mine.first, mine.first + mine.count, roots);
        size_t own = ls_exchange_owned(ex, (int)rank).count, all = slabs[s].edge[slabs[s].n_blocks];
        assert_int_equal(ls_exchange_bytes(ex), 4 * (n * (all - own) + own * (size - 1)));
        ls_exchange_destroy(ex);
    }
}

/* A slab that MPI's ints can not count is refused before anything is allocated. */
static void too_many_weights(void **state) {
    (void)state;
    static const size_t edge[] = {0, 4096, (size_t)1 << 31};
    ls_exchange *ex = NULL;
    FAILS(LS_ERR_CONFIG, "2147483648 numbers to exchange",
          ls_exchange_create(comm, 8, edge, 2, &ex));
    assert_null(ex);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_are_the_trees),
                                       cmocka_unit_test(one_lane_a_rank), cmocka_unit_test(bytes),
                                       cmocka_unit_test(owners_as_told),
                                       cmocka_unit_test(too_many_weights)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ls_comm_finalize(comm);
    return failed;
}
