/* Cells of a table: the same bits as strtof, and what is no number. */
#include <math.h>

#include "lockstep/format/number.h"
#include "text_files.h"

static void expect_strtof(const char *text) {
    char cell[128];
    float x = 0;
    const int n = snprintf(cell, sizeof cell, "%s\t9", text); /* as in a line of a table */
    const float expected = strtof(text, NULL);
    const ls_cell kind = ls_parse_cell(cell, (size_t)n - 2, &x);
    if (memcmp(&x, &expected, sizeof x) != 0)
        fail_msg("%s: got %a, strtof gives %a", text, (double)x, (double)expected);
    assert_int_equal(kind, isinf(expected) ? LS_CELL_INFINITE : LS_CELL_NUMBER);
}

static uint64_t next(uint64_t *state) { /* SplitMix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void has_the_bits_of_strtof(void **state) {
    (void)state;
    static const char *const chosen[] = {
        "0",
        "-0",
        "+1",
        "1.",
        ".5",
        "-.5e1",
        "0.1",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "3.4028235e38",
        "3.4028236e38",
        "3.5e38",
        "1e-45",
        "1e-46",
        "1.17549435e-38",
        "1.17549421e-38",
        "16777217",
        "16777217.0000000001",
        "1.000000059604644775390625",
        "1.00000005960464478",
        "1e400",
        "1e-400",
        "123456789012345678901234567890",
        "0.000000000000000000000000000000123",
        "000000000000000000001.5",
        "9007199791611904.5",
        "1E+5",
        "1e99999999999",
        "0e99999999999",
    };
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
        expect_strtof(chosen[i]);
    uint64_t s = 1;
    char text[64];
    for (int i = 0; i < 300000; i++) {
        const uint64_t a = next(&s), b = next(&s);
        const int digits = 1 + (int)(b % 18), exponent = (int)((b >> 8) % 60) - 30;
        uint64_t limit = 1;
        for (int k = 0; k < digits; k++)
            limit *= 10;
        snprintf(text, sizeof text, "%s%llue%d", b >> 63 ? "-" : "",
                 (unsigned long long)(a % limit), exponent);
        expect_strtof(text);
        snprintf(text, sizeof text, "%.*g", 2 + (int)(b % 16),
                 ldexp((double)a, -40 - (int)(b % 24)));
        expect_strtof(text);
        /* Just between two floats, and beside. */
        const uint32_t bits = 0x30000000u + (uint32_t)(a % 0x20000000u);
        float f;
        memcpy(&f, &bits, sizeof f);
        const double half = ((double)f + (double)nextafterf(f, INFINITY)) / 2;
        snprintf(text, sizeof text, "%.*g", 9 + (int)(b % 9), half);
        expect_strtof(text);
    }
}

static ls_cell kind_of(const char *text) {
    float x;
    return ls_parse_cell(text, strlen(text), &x);
}

static void knows_what_is_no_number(void **state) {
    (void)state;
    static const char *const missing[] = {"",    "  ",  "NA",   "na", "N/A",
                                          "NaN", "nan", "null", "?",  " NA "};
    static const char *const infinite[] = {"inf", "-Inf", "+INFINITY", "1e39", "-1e39"};
    static const char *const text[] = {"x",   "1x",   "1 2", "0x10", "1e",     "e5",   ".",   "-",
                                       "1,5", "1..2", "--1", "1e+",  "nan(1)", "NAN1", "true"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_int_equal(kind_of(missing[i]), LS_CELL_MISSING);
    for (size_t i = 0; i < sizeof infinite / sizeof *infinite; i++)
        assert_int_equal(kind_of(infinite[i]), LS_CELL_INFINITE);
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        assert_int_equal(kind_of(text[i]), LS_CELL_TEXT);
    float x = 0;
    assert_int_equal(ls_parse_cell(" 2.5 ", 5, &x), LS_CELL_NUMBER);
    assert_true(x == 2.5f);
    assert_int_equal(ls_parse_cell("12345", 2, &x), LS_CELL_NUMBER);
    assert_true(x == 12.0f);
}

static void prints_the_shortest_text(void **state) {
    (void)state;
    char b[16];
    assert_string_equal(ls_print_float(0.1f, b), "0.1");
    assert_string_equal(ls_print_float(-3.0f, b), "-3");
    assert_string_equal(ls_print_float(16777216.0f, b), "16777216");
    assert_string_equal(ls_print_float(1e-30f, b), "1e-30");
    uint64_t s = 2;
    for (int i = 0; i < 100000; i++) {
        const uint32_t bits = (uint32_t)next(&s);
        float x;
        memcpy(&x, &bits, sizeof x);
        if (isfinite(x))
            assert_true(strtof(ls_print_float(x, b), NULL) == x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_bits_of_strtof),
        cmocka_unit_test(knows_what_is_no_number),
        cmocka_unit_test(prints_the_shortest_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
