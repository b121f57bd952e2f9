/* Agreement, broadcasts and gathers at every number of ranks, blocks of no bytes among them. */
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/comm/comm.h"
#include "test_files.h"

static ls_comm *comm;
static int rank, size;

/* Consecutive shares cover all things; their sizes differ by one at most. */
static void shares(void **state) {
    (void)state;
    for (size_t n = 0; n < 40; n++)
        for (size_t parts = 1; parts <= 9; parts++) {
            size_t next = 0;
            for (size_t p = 0; p < parts; p++) {
                ls_tree_range share = ls_share(n, parts, p);
                assert_int_equal(share.first, next);
                assert_true(share.count == n / parts || share.count == n / parts + 1);
                next += share.count;
            }
            assert_int_equal(next, n);
        }
}

/* All well: LS_OK, whatever an earlier failure left in the records. */
static void agreement_on_success(void **state) {
    (void)state;
    (void)ls_fail(LS_ERR_IO, "old", "failure");
    OK(ls_agree(comm, LS_OK));
}

/* Rank `first` and those of `others` above it fail, each in its own way: all get first's. */
static void check_agreement(int first, bool others) {
    static const ls_status statuses[] = {LS_ERR_DATA, LS_ERR_CONFIG, LS_ERR_IO, LS_STOPPED};
    char message[64], hint[64];
    ls_status st = LS_OK, want = statuses[first % 4];
    (void)ls_fail(LS_ERR_MEMORY, "stale", "rank %d", rank);
    if (rank == first || (others && rank > first))
        st = ls_hint(ls_fail(statuses[rank % 4], "file", "rank %d fails", rank), "hint %d", rank);
    (void)snprintf(message, sizeof message, "file: rank %d fails", first);
    (void)snprintf(hint, sizeof hint, "hint %d", first);
    ls_status got = ls_agree(comm, st);
    assert_int_equal(got, want);
    assert_int_equal(ls_error_last()->status, want);
    assert_string_equal(ls_error_last()->message, message);
    assert_string_equal(ls_error_last()->hint, hint);
}

static void the_lowest_rank_speaks(void **state) {
    (void)state;
    for (int r = 0; r < size; r++) {
        check_agreement(r, false);
        check_agreement(r, true);
    }
}

/* The bytes of rank r, n of them. */
static void pattern(unsigned char *out, size_t n, int r) {
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)(i * 7 + (size_t)r * 31 + 1);
}

static void broadcasts(void **state) {
    (void)state;
    for (int root = 0; root < size; root++) {
        unsigned char data[1000] = {0}, want[1000];
        pattern(want, sizeof want, root);
        if (rank == root)
            memcpy(data, want, sizeof data);
        OK(ls_broadcast(comm, data, sizeof data, root));
        assert_memory_equal(data, want, sizeof want);
        OK(ls_broadcast(comm, NULL, 0, root));
    }
}

static void broadcasts_that_allocate(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 100000};
    for (int root = 0; root < size; root++)
        for (size_t l = 0; l < 3; l++) {
            size_t n = lengths[l], bytes = rank == root ? n : 77;
            unsigned char *want = NULL;
            void *data = NULL;
            OK(ls_alloc(n, 1, "test", &want));
            pattern(want, n, root);
            if (rank == root)
                data = want;
            OK(ls_broadcast_alloc(comm, &data, &bytes, root));
            assert_int_equal(bytes, n);
            assert_non_null(data);
            assert_int_equal(memcmp(data, want, n), 0);
            if (rank == root)
                assert_ptr_equal(data, want);
            else
                ls_free(data);
            ls_free(want);
        }
}

/* Blocks of uneven sizes, every third rank's of none, and where each begins in all. */
static size_t blocks(size_t *bytes, size_t *first) {
    size_t n = 0;
    for (int r = 0; r < size; r++) {
        bytes[r] = r % 3 == 1 ? 0 : (size_t)(10 + 1000 * r);
        first[r] = n;
        n += bytes[r];
    }
    return n;
}

static void check_blocks(const unsigned char *all, const size_t *bytes, const size_t *first) {
    for (int r = 0; r < size; r++) {
        unsigned char want[10000];
        pattern(want, bytes[r], r);
        assert_int_equal(memcmp(all + first[r], want, bytes[r]), 0);
    }
}

static void gathers_to_all(void **state) {
    (void)state;
    size_t bytes[8], first[8], n = blocks(bytes, first);
    unsigned char *all = NULL;
    OK(ls_alloc(n, 1, "test", &all));
    memset(all, 0xee, n);
    pattern(all + first[rank], bytes[rank], rank);
    OK(ls_allgather_blocks(comm, all, bytes));
    check_blocks(all, bytes, first);
    ls_free(all);
}

static void gathers_numbers(void **state) {
    (void)state;
    double *all = NULL;
    OK(ls_allgather_numbers(comm, 0.5 * rank, &all));
    for (int r = 0; r < size; r++)
        assert_true(all[r] == 0.5 * r);
    ls_free(all);
}

static void gathers_to_the_first(void **state) {
    (void)state;
    size_t bytes[8], first[8], n = blocks(bytes, first);
    unsigned char *all = NULL, mine[10000];
    pattern(mine, bytes[rank], rank);
    if (rank == 0)
        OK(ls_alloc(n, 1, "test", &all));
    OK(ls_gather_blocks(comm, mine, bytes, all));
    if (rank == 0)
        check_blocks(all, bytes, first);
    ls_free(all);
    ls_barrier(comm);
}

/* Pairs: each even rank to the next one. */
static void sends(void **state) {
    (void)state;
    unsigned char data[5000], want[5000];
    int even = rank - rank % 2;
    pattern(want, sizeof want, even);
    if (rank == even && rank + 1 < size)
        ls_send(comm, want, sizeof want, rank + 1);
    if (rank != even) {
        ls_receive(comm, data, sizeof data, even);
        assert_memory_equal(data, want, sizeof want);
    }
    ls_barrier(comm);
}

/* Data longer than a message goes in pieces, and arrives as if it did not. */
static void in_pieces(void **state) {
    static const size_t limits[] = {1000, 997};
    for (size_t i = 0; i < 2; i++) {
        ls_comm_limit_messages(comm, limits[i]);
        broadcasts(state);
        broadcasts_that_allocate(state);
        gathers_to_all(state);
        gathers_to_the_first(state);
        sends(state);
        the_lowest_rank_speaks(state);
    }
    ls_comm_limit_messages(comm, (size_t)1 << 30);
}

/* The test runs on one machine. */
static void gathers_on_a_machine(void **state) {
    (void)state;
    int mine = rank * rank, *all;
    void *gathered = NULL;
    size_t ranks = 0, me = 0;
    assert_int_equal(ls_allgather_node(comm, &mine, sizeof mine, &gathered, &ranks, &me), LS_OK);
    all = gathered;
    assert_int_equal(ranks, size);
    assert_int_equal(me, rank);
    for (int r = 0; r < size; r++)
        assert_int_equal(all[r], r * r);
    ls_free(gathered);
}

static void facts(void **state) {
    (void)state;
    char version[64], cut[8];
    assert_true(strlen(ls_comm_version(version, sizeof version)) > 0);
    assert_null(strchr(version, '\n'));
    assert_int_equal(strncmp(ls_comm_version(cut, sizeof cut), version, 7), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shares),
                                       cmocka_unit_test(agreement_on_success),
                                       cmocka_unit_test(broadcasts),
                                       cmocka_unit_test(the_lowest_rank_speaks),
                                       cmocka_unit_test(sends),
                                       cmocka_unit_test(broadcasts_that_allocate),
                                       cmocka_unit_test(gathers_on_a_machine),
                                       cmocka_unit_test(facts),
                                       cmocka_unit_test(gathers_to_all),
                                       cmocka_unit_test(gathers_numbers),
                                       cmocka_unit_test(gathers_to_the_first),
                                       cmocka_unit_test(in_pieces)};
    if (ls_comm_init(&argc, &argv, &comm) != LS_OK)
        return 1;
    rank = ls_comm_rank(comm);
    size = ls_comm_size(comm);
    int failed = size <= 8 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    ls_comm_finalize(comm);
    return failed;
}
