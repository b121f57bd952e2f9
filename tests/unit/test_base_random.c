/* Philox against its published vectors, by way of a second implementation after the paper
 * (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11): the oracle must give
 * the vectors, and ls_random_quad must give what the oracle does. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "lockstep/base/random.h"
#include "unit.h"

static void oracle(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c[4], k0 = key[0], k1 = key[1];
    memcpy(c, counter, sizeof c);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

typedef struct vector {
    uint32_t counter[4], key[2], draw[4];
} vector;

/* Random123's known answers for philox4x32 with 10 rounds. */
static const vector vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void test_oracle_gives_the_published_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t draw[4];
        oracle(vectors[i].counter, vectors[i].key, draw);
        assert_memory_equal(draw, vectors[i].draw, sizeof draw);
    }
}

static void test_quad_is_philox(void **state) {
    (void)state;
    uint32_t draw[4], want[4];
    ls_random_quad((ls_random_key){0, 0}, 0, 0, 0, draw);
    assert_memory_equal(draw, vectors[0].draw, sizeof draw);
    for (uint32_t i = 1; i < 1000; i++) {
        ls_random_key key = {i * 2654435761u, i * 40503u};
        uint32_t counter[4] = {i, i * 69069u, ~i, 0};
        oracle(counter, (uint32_t[]){key.seed, key.stream}, want);
        ls_random_quad(key, counter[0], counter[1], counter[2], draw);
        assert_memory_equal(draw, want, sizeof draw);
    }
}

static void test_key(void **state) {
    (void)state;
    ls_random_key key = ls_random_key_make(42, LS_RANDOM_DROPOUT, 7);
    assert_int_equal(key.seed, 42);
    assert_int_equal(key.stream, 0x02000007);
}

static void test_units(void **state) {
    (void)state;
    assert_true(ls_random_unit(0, 0) == 0);
    assert_true(ls_random_unit(0x80000000u, 0) == 0.5);
    assert_true(ls_random_unit(~0u, ~0u) == 1 - 0x1p-53);
    assert_true(ls_random_unitf(0) == 0);
    assert_true(ls_random_unitf(~0u) == 1 - 0x1p-24f);
}

static void test_below(void **state) {
    (void)state;
    assert_int_equal(ls_random_below(0, 0, 10), 0);
    assert_int_equal(ls_random_below(~0u, ~0u, 10), 9);
    assert_int_equal(ls_random_below(0x80000000u, 0, 10), 5);
    assert_int_equal(ls_random_below(~0u, ~0u, 1), 0);
    assert_true(ls_random_below(~0u, ~0u, UINT64_MAX) == UINT64_MAX - 1);
}

/* Mean, variance, third and fourth moment of N = 200,000 normal values: each within five of its
 * own standard deviations (sqrt(1, 2, 15, 96) / sqrt(N)) of 0, 1, 0, 3. */
static void test_normal(void **state) {
    (void)state;
    enum { N = 200000 };
    double moment[4] = {0};
    ls_random_key key = ls_random_key_make(1, LS_RANDOM_CHECK, 0);
    for (uint32_t i = 0; i < N / 4; i++) {
        uint32_t draw[4];
        double x[4];
        ls_random_quad(key, 0, i, 0, draw);
        ls_random_normal2(draw[0], draw[1], x);
        ls_random_normal2(draw[2], draw[3], x + 2);
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++)
                moment[k] += pow(x[j], k + 1) / N;
    }
    const double mean[] = {0, 1, 0, 3}, variance[] = {1, 2, 15, 96};
    for (int k = 0; k < 4; k++)
        assert_true(fabs(moment[k] - mean[k]) < 5 * sqrt(variance[k] / N));
}

static void test_normal_is_finite_at_the_ends(void **state) {
    (void)state;
    double x[2];
    ls_random_normal2(0, 0, x);
    assert_true(isfinite(x[0]) && x[0] > 6 && x[1] == 0);
    ls_random_normal2(~0u, ~0u, x);
    assert_true(isfinite(x[0]) && isfinite(x[1]));
}

static void test_permutation_has_all(void **state) {
    (void)state;
    uint32_t order[1000];
    bool seen[1000] = {false};
    ls_random_key key = ls_random_key_make(3, LS_RANDOM_CHECK, 1);
    ls_random_permutation(key, 5, order, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = true;
    }
    uint32_t other[1000];
    ls_random_permutation(key, 6, other, 1000);
    assert_memory_not_equal(order, other, sizeof order);
    ls_random_permutation(key, 5, other, 1000);
    assert_memory_equal(order, other, sizeof order);
    ls_random_permutation(key, 0, order, 0);
}

/* All 24 orders of four, 24,000 times: chi square with 23 degrees of freedom exceeds 62 with a
 * probability of about 2e-5; the draw is fixed, so the test cannot fail by chance later. */
static void test_permutation_is_uniform(void **state) {
    (void)state;
    double count[256] = {0}, chi = 0;
    ls_random_key key = ls_random_key_make(9, LS_RANDOM_CHECK, 2);
    for (uint32_t epoch = 0; epoch < 24000; epoch++) {
        uint32_t o[4];
        ls_random_permutation(key, epoch, o, 4);
        count[o[0] << 6 | o[1] << 4 | o[2] << 2 | o[3]]++;
    }
    size_t orders = 0;
    for (size_t i = 0; i < 256; i++)
        if (count[i] > 0) {
            orders++;
            chi += (count[i] - 1000) * (count[i] - 1000) / 1000;
        }
    assert_int_equal(orders, 24);
    assert_true(chi < 62);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oracle_gives_the_published_vectors),
        cmocka_unit_test(test_quad_is_philox),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_normal_is_finite_at_the_ends),
        cmocka_unit_test(test_permutation_has_all),
        cmocka_unit_test(test_permutation_is_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
