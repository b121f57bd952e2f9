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
static void check_dealing(const ls_tree_range *owned, const struct slab *s) {
    const size_t ranks = (size_t)ls_comm_size(comm), n = s->edge[s->n_blocks];
    size_t at = 0;
    for (size_t r = 0; r < ranks; r++) {
        bool begins = false, ends = false;
        size_t next = 0;
        while (s->edge[next] < ls_share(n, ranks, r).first)
            next++;
        assert_int_equal(owned[r].first, s->edge[next]);
        assert_int_equal(owned[r].first, at);
        at += owned[r].count;
        for (size_t b = 0; b <= s->n_blocks; b++) {
            begins = begins || s->edge[b] == owned[r].first;
            ends = ends || s->edge[b] == at;
        }
        assert_true(begins && ends);
    }
    assert_int_equal(at, n);
}

/* How many ranks of the machine share memory: all, none, and what does not divide some of the rank
 * counts: those who do not are like ranks of other machines to each other. */
static const size_t sharing[] = {0, 1, 2, 3};
#define FOR_SHARING(s) for (size_t s = 0; s < sizeof sharing / sizeof *sharing; s++)

/* Owners' ranges travel in one panel or in many. */
enum { PANEL = 3000 };

static ls_exchange *create(const ls_tree_range *owned, size_t leaves, size_t share, float *slab) {
    const ls_exchange_spec spec = {
        .n_leaves = leaves, .owned = owned, .sharing = share, .panel = PANEL, .slab = slab};
    ls_exchange *ex = NULL;
    const char *why = NULL;
    OK(ls_exchange_create(comm, &spec, &ex));
    OK(ls_exchange_allocate(ex, &why));
    assert_null(why);
    for (int r = 0; r < ls_comm_size(comm); r++) {
        assert_int_equal(ls_exchange_owned(ex, r).first, owned[r].first);
        assert_int_equal(ls_exchange_owned(ex, r).count, owned[r].count);
    }
    return ex;
}

/* The round in which sums and results travel in rounds of their own. */
enum { ROUNDS = 4, SUMS_ONLY = 2 };

static void halve(void *context, size_t first, size_t n, const float *sum) {
    for (size_t i = 0; i < n; i++)
        ((float *)context)[first + i] = sum[i] * 0.5f;
}

static ls_tree_range part_of(size_t floats, size_t parts, size_t i) {
    return ls_share(floats, parts, i % parts);
}

/* A rank has its gradients a part at a time, each in parts and an order of its own, and some only
 * at the end; the next pass takes the weights likewise. */
static void tell_done(ls_exchange *ex, size_t floats, uint32_t round) {
    const size_t me = (size_t)ls_comm_rank(comm) + round, parts = 1 + me % 4;
    for (size_t i = me % 3 == 0 ? 1 : 0; i < parts; i++)
        ls_exchange_done(ex, part_of(floats, parts, me + parts - i));
    ls_exchange_sum(ex);
}

static bool take_in_parts(ls_exchange *ex, size_t floats, const float *want) {
    const float *slab = ls_exchange_slab(ex);
    bool same = true;
    enum { PARTS = 3 };
    for (size_t i = 0; i < PARTS; i++) {
        const ls_tree_range part = part_of(floats, PARTS, (size_t)ls_comm_rank(comm) + i);
        if (i % 2 == 0 || !ls_exchange_has(ex, part))
            ls_exchange_need(ex, part);
        same = same && memcmp(slab + part.first, want + part.first, part.count * sizeof *slab) == 0;
    }
    ls_exchange_end(ex);
    return same;
}

/* A step: every rank sums the lanes of its roots, the owners halve the sum, all get it. */
static void check_step(ls_exchange *ex, size_t floats, size_t lanes, uint32_t round) {
    const int rank = ls_comm_rank(comm);
    const ls_tree_range mine = ls_share(lanes, (size_t)ls_comm_size(comm), (size_t)rank);
    ls_tree_range roots[LS_TREE_DEPTH_MAX];
    float *want = room(floats), *slab = ls_exchange_slab(ex);
    const size_t n = ls_tree_roots(lanes, mine.first, mine.first + mine.count, roots);
    ls_exchange_begin(
        ex, &(ls_exchange_round){.use = halve, .context = slab, .gathers = round != SUMS_ONLY});
    for (size_t k = 0; k < n; k++)
        serial_tree(ls_exchange_root(ex, k), floats, roots[k].first, roots[k].count, round);
    serial_tree(want, floats, 0, lanes, round);
    for (size_t i = 0; i < floats; i++)
        want[i] *= 0.5f;
    tell_done(ex, floats, round);
    if (round == SUMS_ONLY) { /* and a round that gathers only */
        ls_exchange_end(ex);
        ls_exchange_go_round(ex, &(ls_exchange_round){.gathers = true});
    }
    const bool same = take_in_parts(ex, floats, want);
    ls_free(want);
    assert_true(same);
}

static void sums_are_the_trees(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof slabs / sizeof *slabs; s++)
        for (size_t l = 0; l < sizeof lane_counts / sizeof *lane_counts; l++)
            FOR_SHARING(k) {
                const size_t floats = slabs[s].edge[slabs[s].n_blocks];
                ls_tree_range owned[64];
                ls_exchange_deal((size_t)ls_comm_size(comm), slabs[s].edge, slabs[s].n_blocks,
                                 owned);
                check_dealing(owned, &slabs[s]);
                ls_exchange *ex = create(owned, lane_counts[l], sharing[k], NULL);
                for (uint32_t round = 0; round < ROUNDS; round++)
                    check_step(ex, floats, lane_counts[l], round);
                ls_exchange_destroy(ex);
            }
}

/* A slab of the rank's own: by messages alone, into where it lies. */
static void into_a_given_slab(void **state) {
    (void)state;
    enum { FLOATS = 9024 };
    ls_tree_range owned[64];
    float *slab = room(FLOATS);
    ls_exchange_deal((size_t)ls_comm_size(comm), slabs[3].edge, slabs[3].n_blocks, owned);
    ls_exchange *ex = create(owned, 8, 0, slab);
    assert_ptr_equal(ls_exchange_slab(ex), slab);
    check_step(ex, FLOATS, 8, 1);
    ls_exchange_destroy(ex);
    ls_free(slab);
}

static void filled(void **state) {
    (void)state;
    enum { FLOATS = 9024 };
    ls_tree_range owned[64];
    float *values = room(FLOATS);
    fill(values, FLOATS, 5);
    ls_exchange_deal((size_t)ls_comm_size(comm), slabs[3].edge, slabs[3].n_blocks, owned);
    FOR_SHARING(k) {
        ls_exchange *ex = create(owned, 8, sharing[k], NULL);
        ls_exchange_fill(ex, values);
        const bool same = memcmp(ls_exchange_slab(ex), values, FLOATS * sizeof *values) == 0;
        ls_exchange_destroy(ex);
        assert_true(same);
    }
    ls_free(values);
}

/* Reduce after reduce, without a gather between: roots are not written while others read them. */
static size_t wrong_sums;
static float *wanted;

static void compare(void *context, size_t first, size_t n, const float *sum) {
    (void)context;
    if (memcmp(sum, wanted + first, n * sizeof *sum) != 0) {
#pragma omp atomic
        wrong_sums++;
    }
}

static void reduce_after_reduce(void **state) {
    (void)state;
    enum { FLOATS = 40000, LANES = 9 };
    const ls_tree_range mine =
        ls_share(LANES, (size_t)ls_comm_size(comm), (size_t)ls_comm_rank(comm));
    ls_tree_range owned[64], roots[LS_TREE_DEPTH_MAX];
    const size_t n = ls_tree_roots(LANES, mine.first, mine.first + mine.count, roots);
    ls_exchange_deal((size_t)ls_comm_size(comm), slabs[6].edge, slabs[6].n_blocks, owned);
    ls_exchange *ex = create(owned, LANES, 0, NULL);
    wanted = room(FLOATS);
    wrong_sums = 0;
    for (uint32_t round = 0; round < 20; round++) {
        ls_exchange_begin(ex, &(ls_exchange_round){.use = compare});
        for (size_t k = 0; k < n; k++)
            serial_tree(ls_exchange_root(ex, k), FLOATS, roots[k].first, roots[k].count, round);
        serial_tree(wanted, FLOATS, 0, LANES, round);
        ls_exchange_sum(ex);
        ls_exchange_end(ex);
    }
    ls_free(wanted);
    ls_exchange_destroy(ex);
    assert_int_equal(wrong_sums, 0);
}

/* As many lanes as ranks: one root each. */
static void one_lane_a_rank(void **state) {
    (void)state;
    const size_t lanes = (size_t)ls_comm_size(comm);
    ls_tree_range owned[64];
    ls_exchange_deal(lanes, slabs[3].edge, slabs[3].n_blocks, owned);
    FOR_SHARING(k) {
        ls_exchange *ex = create(owned, lanes, sharing[k], NULL);
        check_step(ex, 9024, lanes, 9);
        ls_exchange_destroy(ex);
    }
}

/* Whoever owns what: even shares of ten, and everything with the last rank. */
static void owners_as_told(void **state) {
    (void)state;
    enum { FLOATS = 9010 };
    const size_t size = (size_t)ls_comm_size(comm);
    for (int last = 0; last < 2; last++)
        FOR_SHARING(k) {
            ls_tree_range owned[64] = {{0}};
            for (size_t r = 0; r < size; r++) {
                const ls_tree_range tenths = ls_share(FLOATS / 10, size, r);
                owned[r] = (ls_tree_range){10 * tenths.first, 10 * tenths.count};
                if (last)
                    owned[r] = (ls_tree_range){0, r + 1 == size ? FLOATS : 0};
            }
            ls_exchange *ex = create(owned, 9, sharing[k], NULL);
            check_step(ex, FLOATS, 9, 4);
            ls_exchange_destroy(ex);
        }
}

/* Sent by all together: for every group of ranks and range of another group's rank the roots of the
 * group's lanes, and every range once to every other group. */
static void bytes(void **state) {
    (void)state;
    const size_t size = (size_t)ls_comm_size(comm), lanes = 9;
    for (size_t s = 0; s < sizeof slabs / sizeof *slabs; s++)
        FOR_SHARING(k) {
            const size_t all = slabs[s].edge[slabs[s].n_blocks];
            const size_t a_group = sharing[k] > 0 ? sharing[k] : size;
            ls_tree_range owned[64], roots[LS_TREE_DEPTH_MAX];
            double sent[64] = {0}, total = 0, want = 0;
            size_t sizes[64];
            ls_exchange_deal(size, slabs[s].edge, slabs[s].n_blocks, owned);
            const ls_exchange_spec spec = {.n_leaves = lanes,
                                           .edge = slabs[s].edge,
                                           .n_blocks = slabs[s].n_blocks,
                                           .sharing = sharing[k]};
            ls_exchange *ex = NULL;
            OK(ls_exchange_create(comm, &spec, &ex));
            for (size_t r = 0; r < size; r++)
                assert_int_equal(ls_exchange_owned(ex, (int)r).first, owned[r].first);
            sent[ls_comm_rank(comm)] = (double)ls_exchange_bytes(ex);
            for (size_t r = 0; r < size; r++)
                sizes[r] = sizeof *sent;
            OK(ls_allgather_blocks(comm, sent, sizes));
            for (size_t r = 0; r < size; r++)
                total += sent[r];
            for (size_t first = 0; first < size; first += a_group) {
                const size_t end = first + a_group < size ? first + a_group : size;
                const ls_tree_range a = ls_share(lanes, size, first);
                const ls_tree_range z = ls_share(lanes, size, end - 1);
                const size_t n = ls_tree_roots(lanes, a.first, z.first + z.count, roots);
                size_t own = 0;
                for (size_t r = first; r < end; r++)
                    own += owned[r].count;
                want +=
                    4.0 * (double)(n * (all - own) + own * ((size + a_group - 1) / a_group - 1));
            }
            assert_true(total == want);
            ls_exchange_destroy(ex);
        }
}

/* A slab that MPI's ints can not count is refused before anything is allocated. */
static void too_many_weights(void **state) {
    (void)state;
    ls_tree_range owned[64] = {{0, (size_t)1 << 31}};
    for (int r = 1; r < ls_comm_size(comm); r++)
        owned[r].first = (size_t)1 << 31;
    const ls_exchange_spec spec = {.n_leaves = 8, .owned = owned, .sharing = 0};
    ls_exchange *ex = NULL;
    FAILS(LS_ERR_CONFIG, "2147483648 numbers to exchange", ls_exchange_create(comm, &spec, &ex));
    assert_null(ex);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_are_the_trees),
                                       cmocka_unit_test(one_lane_a_rank),
                                       cmocka_unit_test(bytes),
                                       cmocka_unit_test(owners_as_told),
                                       cmocka_unit_test(into_a_given_slab),
                                       cmocka_unit_test(filled),
                                       cmocka_unit_test(reduce_after_reduce),
                                       cmocka_unit_test(too_many_weights)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ls_comm_finalize(comm);
    return failed;
}
