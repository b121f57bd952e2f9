/* Text: numbers there and back, lists, the index, order of classes, the nearest word; memory
 * and the error record. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/random.h"
#include "lockstep/base/text.h"
#include "unit.h"

static void test_print_double(void **state) {
    (void)state;
    static const struct {
        double x;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {0.1, "0.1"},
                 {100000, "100000"},
                 {1e15, "1e+15"},
                 {1e-5, "1e-05"},
                 {0.0001, "0.0001"},
                 {1.0 / 3, "0.3333333333333333"},
                 {17382, "17382"},
                 {123456789012345.0, "123456789012345"},
                 {-2.5, "-2.5"},
                 {DBL_MAX, "1.7976931348623157e+308"},
                 {INFINITY, "inf"},
                 {-INFINITY, "-inf"},
                 {NAN, "nan"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buffer[32];
        assert_string_equal(ls_print_double(cases[i].x, buffer), cases[i].text);
    }
}

/* Random bit patterns read back as the same bits, and no text with fewer digits does. */
static void test_double_round_trip(void **state) {
    (void)state;
    ls_random_key key = ls_random_key_make(1, LS_RANDOM_CHECK, 3);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t draw[4];
        double x, back;
        ls_random_quad(key, 0, i, 0, draw);
        memcpy(&x, draw, sizeof x);
        char buffer[32];
        if (!isfinite(x))
            continue;
        assert_true(ls_parse_double(ls_print_double(x, buffer), &back));
        assert_memory_equal(&x, &back, sizeof x);
        assert_true(strlen(buffer) < 32);
    }
}

static void test_parse_double(void **state) {
    (void)state;
    static const char *const bad[] = {"",     " 1",    "1 ",  "0x10",   "1e",  "1e400", "e5",
                                      "nana", "1.2.3", "1,5", "nan(1)", "--1", "+",     "."};
    double x = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (ls_parse_double(bad[i], &x))
            fail_msg("'%s' was read as %g", bad[i], x);
        assert_true(x == 7);
    }
    assert_true(ls_parse_double("+1.5e3", &x) && x == 1500);
    assert_true(ls_parse_double(".5", &x) && x == 0.5);
    assert_true(ls_parse_double("5.", &x) && x == 5);
    assert_true(ls_parse_double("1e-400", &x) && x == 0);
    assert_true(ls_parse_double("NaN", &x) && isnan(x));
    assert_true(ls_parse_double("-Inf", &x) && x == -INFINITY);
    assert_true(ls_parse_double("infinity", &x) && x == INFINITY);
}

static void test_parse_int64(void **state) {
    (void)state;
    static const char *const bad[] = {"",  " 1",  "1 ", "1.0", "1e3", "0x1", "9223372036854775808",
                                      "-", "+-1", "a"};
    int64_t x = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ls_parse_int64(bad[i], &x));
    assert_true(x == 7);
    assert_true(ls_parse_int64("-9223372036854775808", &x) && x == INT64_MIN);
    assert_true(ls_parse_int64("+12", &x) && x == 12);
    assert_true(ls_parse_int64("007", &x) && x == 7);
}

static void test_print_others(void **state) {
    (void)state;
    char b[32];
    assert_string_equal(ls_print_count(0, b), "0");
    assert_string_equal(ls_print_count(999, b), "999");
    assert_string_equal(ls_print_count(17382, b), "17,382");
    assert_string_equal(ls_print_count(UINT64_MAX, b), "18,446,744,073,709,551,615");
    assert_string_equal(ls_print_bytes(12, b), "12 B");
    assert_string_equal(ls_print_bytes(3.907e9, b), "3.9 GB");
    assert_string_equal(ls_print_bytes(460e6, b), "460 MB");
    assert_string_equal(ls_print_bytes(999.9e6, b), "1.0 GB");
    assert_string_equal(ls_print_duration(4.23, b), "4.2 s");
    assert_string_equal(ls_print_duration(59.99, b), "1 min 00 s");
    assert_string_equal(ls_print_duration(192, b), "3 min 12 s");
    assert_string_equal(ls_print_duration(7500, b), "2 h 05 min");
    assert_string_equal(ls_print_duration(3599.9, b), "1 h 00 min");
    assert_int_equal(strlen(ls_clock_iso(b)), 20);
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const words[] = {"relu", "sigmoid",  "dense", "dropout",
                                        "lr",   "momentum", "seed",  "learning_rate"};
    const size_t count = sizeof words / sizeof words[0];
    assert_string_equal(ls_nearest("rellu", words, count), "relu");
    assert_string_equal(ls_nearest("ReLU", words, count), "relu");
    assert_string_equal(ls_nearest("sigmiod", words, count), "sigmoid");
    assert_string_equal(ls_nearest("learning_rat", words, count), "learning_rate");
    assert_string_equal(ls_nearest("learnnig-rate", words, count), "learning_rate");
    assert_string_equal(ls_nearest("rl", words, count), "lr");
    assert_string_equal(ls_nearest("sed", words, count), "seed");
    assert_null(ls_nearest("transformer", words, count));
    assert_null(ls_nearest("", words, count));
    assert_null(ls_nearest("x", words, count));
    assert_null(ls_nearest("batch", words, count));
    char long_word[200];
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    assert_null(ls_nearest(long_word, words, count));
}

static void expect_hint(const char *given, const char *hint) {
    static const char *const names[] = {"softmax_cross_entropy", "binary_cross_entropy", "mse"};
    (void)ls_hint_nearest(ls_fail(LS_ERR_CONFIG, NULL, "x"), given, names, 3, "all");
    assert_string_equal(ls_error_last()->hint, hint);
}

static void test_hint_nearest(void **state) {
    (void)state;
    expect_hint("Cross_Entropy", "did you mean 'softmax_cross_entropy' or 'binary_cross_entropy'?");
    expect_hint("softmax", "did you mean 'softmax_cross_entropy'?");
    expect_hint("binary_cros_entropy", "did you mean 'binary_cross_entropy'?");
    expect_hint("m", "all: softmax_cross_entropy, binary_cross_entropy, mse");
}

static void test_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t valid;
    } cases[] = {{"", 0},
                 {"twelve bytes and more", 21},
                 {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9},
                 {"eight ok\xe9", 8},
                 {"sixteen is fine, \xc3", 17},
                 {"\xc0\x80", 0},          /* overlong */
                 {"\xe0\x9f\xbf", 0},      /* overlong */
                 {"\xf0\x8f\xbf\xbf", 0},  /* overlong */
                 {"a\xed\xa0\x80", 1},     /* a surrogate */
                 {"a\xf4\x90\x80\x80", 1}, /* beyond U+10FFFF */
                 {"a\xf5\x80\x80\x80", 1}, /* no first byte */
                 {"ab\x80", 2},            /* a second byte first */
                 {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ls_utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
    ls_buffer b = {0};
    ls_buffer_add_utf8(&b, "f\xfcr \xc3\xa9 \xff\xfe");
    assert_string_equal(b.data, "f\\xfcr \xc3\xa9 \\xff\\xfe");
    ls_buffer_free(&b);
}

static void test_buffer(void **state) {
    (void)state;
    ls_buffer b = {0};
    for (int i = 0; i < 1000; i++)
        ls_buffer_addf(&b, "%d,", i % 10);
    ls_buffer_addn(&b, "xyz", 2);
    assert_int_equal(b.status, LS_OK);
    assert_int_equal(b.length, 2002);
    assert_int_equal(strlen(b.data), 2002);
    assert_string_equal(b.data + 1996, "8,9,xy");
    ls_buffer_free(&b);
    assert_null(b.data);
}

static void add_all(ls_strings *list, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ls_strings_add(list, words[i]), LS_OK);
}

static void test_string_index(void **state) {
    (void)state;
    ls_strings list = {0}, copy;
    ls_string_index *index;
    size_t duplicate;
    for (int i = 0; i < 5000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "ENSG%05d", i);
        assert_int_equal(ls_strings_add(&list, name), LS_OK);
    }
    assert_int_equal(ls_string_index_create(&list, &duplicate, &index), LS_OK);
    assert_true(duplicate == LS_NOT_FOUND);
    assert_int_equal(ls_string_index_find(index, "ENSG00000"), 0);
    assert_int_equal(ls_string_index_find(index, "ENSG04999"), 4999);
    assert_true(ls_string_index_find(index, "ENSG05000") == LS_NOT_FOUND);
    assert_true(ls_string_index_find(index, "") == LS_NOT_FOUND);
    ls_string_index_destroy(index);
    assert_int_equal(ls_strings_copy(&list, &copy), LS_OK);
    ls_strings_free(&list);
    assert_int_equal(ls_strings_addn(&copy, "ENSG00017xx", 9), LS_OK);
    assert_int_equal(ls_string_index_create(&copy, &duplicate, &index), LS_OK);
    assert_int_equal(duplicate, 5000);
    assert_int_equal(ls_string_index_find(index, "ENSG00017"), 17);
    ls_string_index_destroy(index);
    ls_strings_free(&copy);
    assert_int_equal(ls_string_index_create(&list, &duplicate, &index), LS_OK);
    assert_true(ls_string_index_find(index, "a") == LS_NOT_FOUND);
    ls_string_index_destroy(index);
}

static void check_classes(const char *const *words, size_t count, const char *const *want,
                          size_t n) {
    ls_strings list = {0}, sorted;
    add_all(&list, words, count);
    assert_int_equal(ls_strings_sort_classes(&list, &sorted), LS_OK);
    assert_int_equal(sorted.count, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(ls_strings_at(&sorted, i), want[i]);
    ls_strings_free(&list);
    ls_strings_free(&sorted);
}

static void test_classes(void **state) {
    (void)state;
    check_classes((const char *[]){"10", "9", "-1", "10", "2.5"}, 5,
                  (const char *[]){"-1", "2.5", "9", "10"}, 4);
    check_classes((const char *[]){"10", "9", "b", "Lung", "b"}, 5,
                  (const char *[]){"10", "9", "Lung", "b"}, 4);
    check_classes((const char *[]){"nan", "10", "9"}, 3, (const char *[]){"10", "9", "nan"}, 3);
    check_classes(NULL, 0, NULL, 0);
}

static void test_memory(void **state) {
    (void)state;
    const size_t sizes[] = {0, 1, 63, 4096, ((size_t)5 << 20) + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *p;
        assert_int_equal(ls_alloc(sizes[i], 1, "test", &p), LS_OK);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % LS_ALIGNMENT, 0);
        for (size_t j = 0; j < sizes[i]; j++)
            if (p[j] != 0)
                fail_msg("byte %zu of %zu is not zero", j, sizes[i]);
        memset(p, 0xff, sizes[i]); /* what the next one may be given again */
        ls_free(p);
    }
    double *big = (double *)&state;
    assert_int_equal(ls_alloc(SIZE_MAX / 2, 8, "weights of layer 3", &big), LS_ERR_MEMORY);
    assert_null(big);
    assert_non_null(strstr(ls_error_last()->message, "weights of layer 3: no memory for "));
    assert_true(ls_peak_rss_bytes() > (5u << 20));
}

static void test_grow(void **state) {
    (void)state;
    int *array = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(ls_grow(&array, &capacity, (size_t)i + 1, sizeof *array, "test"), LS_OK);
        array[i] = i;
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(array[i], i);
    assert_true(capacity >= 10000 && capacity <= 20000);
    int *kept = array;
    assert_int_equal(ls_grow(&array, &capacity, SIZE_MAX / 2, sizeof *array, "t"), LS_ERR_MEMORY);
    assert_ptr_equal(array, kept);
    ls_free(array);
}

static void test_error_record(void **state) {
    (void)state;
    const ls_error *last = ls_error_last();
    assert_int_equal(ls_hint(ls_fail(LS_ERR_DATA, "a.gct", "line %d", 812), "try %s", "this"),
                     LS_ERR_DATA);
    assert_string_equal(last->message, "a.gct: line 812");
    assert_string_equal(last->hint, "try this");
    assert_int_equal(last->status, LS_ERR_DATA);
    assert_int_equal(ls_fail_in(LS_ERR_DATA, "import"), LS_ERR_DATA);
    assert_string_equal(last->message, "import: a.gct: line 812");
    assert_string_equal(last->hint, "try this");
    assert_int_equal(ls_fail_in(LS_OK, "never"), LS_OK);
    assert_int_equal(ls_hint(LS_OK, "never"), LS_OK);
    assert_string_equal(last->message, "import: a.gct: line 812");
    (void)ls_fail(LS_ERR_IO, NULL, "%s", last->message);
    assert_string_equal(last->message, "import: a.gct: line 812");
    assert_string_equal(last->hint, "");
    errno = ENOSPC;
    assert_int_equal(ls_fail_errno(LS_ERR_IO, "out.h5", "write"), LS_ERR_IO);
    assert_string_equal(last->message, "out.h5: write: No space left on device");
    assert_string_equal(last->hint, "free some space, or write to another disk");
    errno = EACCES;
    assert_int_equal(ls_fail_errno(LS_ERR_IO, "out.h5", "write"), LS_ERR_IO);
    assert_string_equal(last->hint, "");
    char text[2 * LS_ERROR_MESSAGE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)ls_fail(LS_ERR_IO, text, "%s", text);
    assert_int_equal(strlen(last->message), LS_ERROR_MESSAGE_MAX - 1);
    ls_error other = {.status = LS_STOPPED, .message = "other"};
    ls_error_set(&other);
    assert_string_equal(last->message, "other");
}

static void test_status(void **state) {
    (void)state;
    assert_string_equal(ls_status_name(LS_ERR_CONFIG), "ERR_CONFIG");
    assert_int_equal(ls_status_exit_code(LS_OK), 0);
    assert_int_equal(ls_status_exit_code(LS_ERR_BUSY), 2);
    assert_int_equal(ls_status_exit_code(LS_ERR_DATA), 3);
    assert_int_equal(ls_status_exit_code(LS_STOPPED), 75);
    assert_int_equal(ls_status_exit_code((ls_status)999), 1);
    assert_string_equal(ls_status_name((ls_status)-1), "?");
    assert_string_equal(ls_status_sentence(LS_ERR_MEMORY), "out of memory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_double), cmocka_unit_test(test_double_round_trip),
        cmocka_unit_test(test_parse_double), cmocka_unit_test(test_parse_int64),
        cmocka_unit_test(test_print_others), cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_buffer),       cmocka_unit_test(test_string_index),
        cmocka_unit_test(test_classes),      cmocka_unit_test(test_memory),
        cmocka_unit_test(test_grow),         cmocka_unit_test(test_error_record),
        cmocka_unit_test(test_status),       cmocka_unit_test(test_hint_nearest),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
