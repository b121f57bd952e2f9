/* The resolved dump, the comparison of two sets of options, and the reference text. */
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/random.h"
#include "opt_example.h"
#include "unit.h"

static void read_text(const char *text, example *out) {
    ls_node *root;
    *out = (example){0};
    ls_status st = ls_node_parse(text, "a.yaml", "/configs", &root);
    if (st == LS_OK) {
        st = ls_options_read(example_table, root, out);
        ls_node_destroy(root);
    }
    if (st != LS_OK)
        fail_msg("%s in %s", ls_error_last()->message, text);
}

static char *dump(const example *e) {
    ls_buffer b = {0};
    ls_options_dump(example_table, e, &b);
    assert_int_equal(b.status, LS_OK);
    return b.data;
}

static const char default_dump[] = "name: null\n"
                                   "seed: 42\n"
                                   "lanes: auto\n"
                                   "data:\n"
                                   "  file: /configs/x.h5\n"
                                   "  block_rows: 32\n"
                                   "  order: shuffled\n"
                                   "  columns: []\n"
                                   "  split: null\n"
                                   "model: []\n"
                                   "optimizer:\n"
                                   "  adam:\n"
                                   "    learning_rate: 0.001\n"
                                   "    decay: 0.0\n"
                                   "schedule: null\n"
                                   "train:\n"
                                   "  epochs: 10\n"
                                   "  clip: null\n"
                                   "  quiet: false\n"
                                   "  stop: null\n";

static void test_default_dump(void **state) {
    (void)state;
    example e;
    read_text("data: {file: x.h5}\n", &e);
    char *text = dump(&e);
    assert_string_equal(text, default_dump);
    ls_free(text);
    ls_options_free(example_table, &e);
}

static const char full[] =
    "name: 'a: b'\nlanes: 4\ndata: {file: 'x y/#z', order: off, columns: ['1', a b, 'yes', "
    "'é\"']\n,"
    " split: {val: 1e-5, group: 'a\\b\n  c'}}\n"
    "model:\n- relu\n- dense: {units: 3, init: {values: [0.1, 1e-5, 3, 16777216, 1e10, -0.0, 7,\n"
    " 8, 9, 10, 11, 12, 13, 14]}}\n- dense: {units: 1, init: zeros}\n"
    "optimizer: {adam: {learning_rate: 1e22, decay: -2.5e-300}}\nschedule: {normal: 3}\n"
    "train: {epochs: 3, clip: 3, quiet: true, stop: {}}\n";

static const char full_dump[] =
    "name: \"a: b\"\n"
    "seed: 42\n"
    "lanes: 4\n"
    "data:\n"
    "  file: \"/configs/x y/#z\"\n"
    "  block_rows: 32\n"
    "  order: \"off\"\n"
    "  columns: [\"1\", a b, \"yes\", \"é\\\"\"]\n"
    "  split:\n"
    "    train: 0.8\n"
    "    val: 1.0e-05\n"
    "    group: \"a\\\\b c\"\n"
    "model:\n"
    "  - relu: {}\n"
    "  - dense:\n"
    "      units: 3\n"
    "      bias: true\n"
    "      init:\n"
    "        values:\n"
    "          values: [0.1, 1.0e-05, 3.0, 16777216.0, 10000000000.0, -0.0, 7.0, 8.0, 9.0, 10.0, "
    "11.0, 12.0,\n"
    "            13.0, 14.0]\n"
    "  - dense:\n"
    "      units: 1\n"
    "      bias: true\n"
    "      init:\n"
    "        zeros: {}\n"
    "optimizer:\n"
    "  adam:\n"
    "    learning_rate: 1.0e+22\n"
    "    decay: -2.5e-300\n"
    "schedule:\n"
    "  normal:\n"
    "    gain: 3.0\n"
    "train:\n"
    "  epochs: 3\n"
    "  clip: 3.0\n"
    "  quiet: true\n"
    "  stop:\n"
    "    patience: 5\n"
    "    monitor: val_loss\n";

static void test_full_dump_reads_back(void **state) {
    (void)state;
    example e, again;
    char *key;
    read_text(full, &e);
    char *text = dump(&e);
    assert_string_equal(text, full_dump);
    read_text(text, &again);
    assert_int_equal(ls_options_compare(example_table, &e, &again, &key), LS_OK);
    assert_string_equal(key, "");
    ls_free(key);
    char *text_again = dump(&again);
    assert_string_equal(text_again, text);
    ls_free(text_again);
    ls_free(text);
    ls_options_free(example_table, &e);
    ls_options_free(example_table, &again);
}

/* Texts that a reader could take for something else come back as they were. */
static void test_strings_read_back(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",     "null", "~",    "true",     "Yes",        "on",     "12",         "1e5",
        ".inf", "0x1f", "- a",  "a:",       "a: b",       "a #b",   "#a",         "'",
        "\"",   "\\",   "a\tb", "\n",       " a",         "a ",     "a  b",       "a\r\n",
        "[a]",  "{a}",  "*a",   "&a",       "!a",         "%a",     "@a",         "`a",
        "|",    ">",    "?",    "---",      "...",        "=",      "<<",         "2026-01-31",
        "é",    "日本", "\x7f", "\xc2\x85", "a \u2028 b", "\ufeff", "\U0001f600", "a,b",
        "1:30", "a\x01"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        example e, again;
        read_text("data: {file: x}\n", &e);
        assert_int_equal(ls_strdup(texts[i], &e.name), LS_OK);
        assert_int_equal(ls_strings_add(&e.data.columns, texts[i]), LS_OK);
        char *text = dump(&e);
        read_text(text, &again);
        assert_string_equal(again.name, texts[i]);
        assert_string_equal(ls_strings_at(&again.data.columns, 0), texts[i]);
        ls_free(text);
        ls_options_free(example_table, &e);
        ls_options_free(example_table, &again);
    }
}

/* What is not UTF-8 (bytes, overlong forms, surrogates, beyond U+10FFFF, a cut end) is written
 * byte by byte, so that the dump is still YAML. */
static void test_bad_strings_stay_yaml(void **state) {
    (void)state;
    static const struct {
        const char *text, *dump;
    } cases[] = {{"caf\xe9", "\"caf\\xE9\""},
                 {"\xc0\xaf", "\"\\xC0\\xAF\""},
                 {"\xe0\x80\xaf", "\"\\xE0\\x80\\xAF\""},
                 {"\xed\xa0\x80", "\"\\xED\\xA0\\x80\""},
                 {"\xf4\x90\x80\x80", "\"\\xF4\\x90\\x80\\x80\""},
                 {"a\xf0\x9f\x98", "\"a\\xF0\\x9F\\x98\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        example e, again;
        char line[64];
        read_text("data: {file: x}\n", &e);
        assert_int_equal(ls_strdup(cases[i].text, &e.name), LS_OK);
        char *text = dump(&e);
        (void)snprintf(line, sizeof line, "name: %s\n", cases[i].dump);
        assert_memory_equal(text, line, strlen(line));
        read_text(text, &again);
        ls_free(text);
        ls_options_free(example_table, &e);
        ls_options_free(example_table, &again);
    }
}

/* YAML 1.1's form of a decimal number (yaml.org/type/float.html, without base 60): what is not
 * of it, PyYAML reads as text. */
static void test_numbers_read_back_everywhere(void **state) {
    (void)state;
    regex_t form;
    assert_int_equal(
        regcomp(&form, "^[-+]?[0-9]+\\.[0-9]*([eE][-+][0-9]+)?$", REG_EXTENDED | REG_NOSUB), 0);
    ls_random_key key = ls_random_key_make(4, LS_RANDOM_CHECK, 0);
    for (uint32_t i = 0; i < 2000; i++) {
        example e, again;
        uint32_t draw[4];
        double x;
        float y;
        ls_random_quad(key, 0, i, 0, draw);
        memcpy(&x, draw, sizeof x);
        memcpy(&y, draw + 2, sizeof y);
        if (!isfinite(x) || !isfinite(y))
            continue;
        read_text("data: {file: x}\nmodel: [{dense: {units: 1, init: {values: [1]}}}]\n", &e);
        e.train.clip = i % 10 == 0 ? (double)(int32_t)draw[3] : x;
        values_options *values = ((dense_options *)e.model.items[0].options)->init.options;
        values->values.values[0] = y;
        char *text = dump(&e), number[64];
        assert_int_equal(sscanf(strstr(text, "clip: "), "clip: %63s", number), 1);
        assert_int_equal(regexec(&form, number, 0, NULL, 0), 0);
        assert_int_equal(sscanf(strstr(text, "values: ["), "values: [%63[^]]", number), 1);
        assert_int_equal(regexec(&form, number, 0, NULL, 0), 0);
        assert_true(strlen(number) <= 18); /* 9 digits, and up to 6 zeros before the '.' */
        read_text(text, &again);
        assert_memory_equal(&again.train.clip, &e.train.clip, sizeof x);
        values = ((dense_options *)again.model.items[0].options)->init.options;
        assert_memory_equal(values->values.values, &y, sizeof y);
        ls_free(text);
        ls_options_free(example_table, &e);
        ls_options_free(example_table, &again);
    }
    regfree(&form);
}

static void check_compare(const char *a_text, const char *b_text, const char *want) {
    example a, b;
    char *key;
    read_text(a_text, &a);
    read_text(b_text, &b);
    assert_int_equal(ls_options_compare(example_table, &a, &b, &key), LS_OK);
    assert_string_equal(key, want);
    ls_free(key);
    assert_int_equal(ls_options_compare(example_table, &b, &a, &key), LS_OK);
    assert_string_equal(key, want);
    ls_free(key);
    ls_options_free(example_table, &a);
    ls_options_free(example_table, &b);
}

#define OK "data: {file: x}\n"
#define DENSE(options) OK "model: [relu, {dense: {" options "}}]\n"

static void test_compare(void **state) {
    (void)state;
    check_compare(full, full, "");
    check_compare(OK, OK "name: b\n", "name");
    check_compare(OK "seed: 1\n", OK "seed: 2\n", "seed");
    check_compare(OK, OK "lanes: none\n", "lanes");
    check_compare(OK, "data: {file: y}\n", "data.file");
    check_compare(OK, "data: {file: x, order: file}\n", "data.order");
    check_compare(OK, "data: {file: x, split: {val: 0.1}}\n", "data.split");
    check_compare("data: {file: x, split: {val: 0.2}}\n", "data: {file: x, split: {val: 0.1}}\n",
                  "data.split.val");
    check_compare("data: {file: x, columns: [a, b]}\n", "data: {file: x, columns: [a, c]}\n",
                  "data.columns.1");
    check_compare("data: {file: x, columns: [a]}\n", "data: {file: x, columns: []}\n",
                  "data.columns");
    check_compare(DENSE("units: 1"), DENSE("units: 2"), "model.1.dense.units");
    check_compare(DENSE("units: 1"), OK "model: [relu, relu]\n", "model.1");
    check_compare(DENSE("units: 1"), OK "model: [relu]\n", "model");
    check_compare(DENSE("units: 1"), DENSE("units: 1, init: zeros"), "model.1.dense.init");
    check_compare(DENSE("units: 1, init: {values: [1, 2]}"),
                  DENSE("units: 1, init: {values: [1, 3]}"), "model.1.dense.init.values.values.1");
    check_compare(DENSE("units: 1, init: {normal: 2}"), DENSE("units: 1, init: {gaussian: 2}"), "");
    check_compare(DENSE("units: 1, init: normal"), DENSE("units: 1, init: {gaussian: 2}"),
                  "model.1.dense.init.normal.gain");
    check_compare(OK, OK "optimizer: {adam: {decay: -0.0}}\n", "optimizer.adam.decay");
    check_compare(OK, OK "schedule: zeros\n", "schedule");
    check_compare(OK, OK "train: {epochs: 99}\n", "");
    check_compare(OK, OK "train: {clip: 1}\n", "train.clip");
    check_compare(OK, OK "train: {}\n", "");
    check_compare(OK, OK "train: {stop: {}}\n", "train.stop");
}

/* A list of numbers that a word or nothing can stand for. */
typedef struct shares {
    ls_float_list list;
} shares;

static const ls_opt shares_table[] = {{.key = "list",
                                       .kind = LS_OPT_FLOAT_LIST,
                                       .offset = offsetof(shares, list),
                                       .fallback = "null",
                                       .max = 9,
                                       .words = "even|odd",
                                       .help = "numbers or a word"},
                                      {0}};

static ls_status read_shares(const char *text, shares *out) {
    ls_node *root = NULL;
    *out = (shares){0};
    assert_int_equal(ls_node_parse(text, "a.yaml", "/", &root), LS_OK);
    ls_status st = ls_options_read(shares_table, root, out);
    ls_node_destroy(root);
    return st;
}

static void test_list_or_word(void **state) {
    (void)state;
    static const struct {
        const char *text, *dump;
        size_t count;
        int word;
    } good[] = {{"", "list: null\n", 0, 0},
                {"list: null\n", "list: null\n", 0, 0},
                {"list: [1, 2.5]\n", "list: [1.0, 2.5]\n", 2, 0},
                {"list: even\n", "list: even\n", 0, 1},
                {"list: odd\n", "list: odd\n", 0, 2}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        shares a, b;
        ls_buffer text = {0};
        char *key = NULL;
        assert_int_equal(read_shares(good[i].text, &a), LS_OK);
        assert_int_equal(a.list.count, good[i].count);
        assert_int_equal(a.list.word, good[i].word);
        ls_options_dump(shares_table, &a, &text);
        assert_string_equal(text.data, good[i].dump);
        assert_int_equal(read_shares(text.data, &b), LS_OK); /* it reads back */
        assert_int_equal(ls_options_compare(shares_table, &a, &b, &key), LS_OK);
        assert_string_equal(key, "");
        ls_free(key);
        ls_options_free(shares_table, &b);
        assert_int_equal(read_shares("list: [2, 2.5]\n", &b), LS_OK);
        assert_int_equal(ls_options_compare(shares_table, &a, &b, &key), LS_OK);
        assert_string_equal(key, good[i].count > 0 ? "list.0" : "list");
        ls_free(key);
        ls_options_free(shares_table, &b);
        assert_int_equal(read_shares("list: odd\n", &b), LS_OK);
        assert_int_equal(ls_options_compare(shares_table, &a, &b, &key), LS_OK);
        assert_string_equal(key, good[i].word == 2 ? "" : "list");
        ls_free(key);
        ls_options_free(shares_table, &a);
        ls_options_free(shares_table, &b);
        ls_buffer_free(&text);
    }
    shares a;
    assert_int_equal(read_shares("list: evn\n", &a), LS_ERR_CONFIG);
    assert_string_equal(ls_error_last()->message,
                        "a.yaml:1:7: list: expected a list of numbers, as in [1, 2], or even, odd, "
                        "got 'evn'");
    assert_string_equal(ls_error_last()->hint, "did you mean 'even'?");
    assert_int_equal(read_shares("list: [1, 10]\n", &a), LS_ERR_CONFIG);
    assert_non_null(strstr(ls_error_last()->message, "10 is out of bounds"));
    ls_buffer help = {0};
    ls_options_help(shares_table, false, &help);
    assert_non_null(strstr(help.data, "list of numbers at least 0 and at most 9 or even, odd; "
                                      "default: none\n"));
    ls_buffer_free(&help);
}

static void test_help(void **state) {
    (void)state;
    ls_buffer plain = {0}, table = {0};
    ls_options_help(example_table, false, &plain);
    ls_options_help(example_table, true, &table);
    static const char *const lines[] = {
        "  seed                         of all random numbers\n"
        "                               whole number at least 0 and at most 4294967295; default: "
        "42\n",
        "whole number or auto, none; default: auto\n",
        "  data.file                    the dataset file\n"
        "                               path; required\n",
        "one of shuffled, file, off; default: shuffled\n",
        "  data.split.val               fraction\n",
        "list, each a layer; default: []\n",
        "\nlayer dense: x W + b\n  units ",
        "\ninitialiser normal: normal values; normal: VALUE gives gain; also gaussian\n"
        "  gain ",
        "number above 0 and below 10; default: 1\n",
        "section; default: none\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (strstr(plain.data, lines[i]) == NULL)
            fail_msg("'%s' is not in:\n%s", lines[i], plain.data);
    static const char *const rows[] = {
        "| key | value | default | |\n|---|---|---|---|\n| `name` | text | none | of the run |\n",
        "| `train.epochs` | whole number at least 1 | `10` | passes over the rows |\n",
        "| `data.order` | one of `shuffled`, `file`, `off` | `shuffled` | of the rows |\n",
        "\n**layer `relu`**: max(x, 0)\n",
        "\n**layer `dense`**: x W + b\n\n| key |",
        "**initialiser `values`**: these numbers; `values: VALUE` gives `values`\n",
        "**initialiser `normal`**: normal values; `normal: VALUE` gives `gain`; also `gaussian`\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(table.data, rows[i]) == NULL)
            fail_msg("'%s' is not in:\n%s", rows[i], table.data);
    const char *first = strstr(plain.data, "initialiser zeros");
    assert_non_null(first);
    assert_null(strstr(first + 1, "initialiser zeros")); /* once, though two options take it */
    ls_buffer_free(&plain);
    ls_buffer_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_dump),
        cmocka_unit_test(test_full_dump_reads_back),
        cmocka_unit_test(test_strings_read_back),
        cmocka_unit_test(test_bad_strings_stay_yaml),
        cmocka_unit_test(test_numbers_read_back_everywhere),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_list_or_word),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
