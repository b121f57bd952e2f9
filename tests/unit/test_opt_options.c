/* Tables read from YAML: every kind's value and default, and every error with its place. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "opt_example.h"
#include "unit.h"

static ls_status read_text(const char *text, const char *assignment, example *out) {
    ls_node *root;
    *out = (example){0};
    LS_TRY(ls_node_parse(text, "a.yaml", "/configs", &root));
    ls_status st = assignment != NULL ? ls_node_set(root, assignment) : LS_OK;
    if (st == LS_OK)
        st = ls_options_read(example_table, root, out);
    ls_node_destroy(root);
    return st;
}

static void read_good(const char *text, example *out) {
    if (read_text(text, NULL, out) != LS_OK)
        fail_msg("%s", ls_error_last()->message);
}

static void test_defaults(void **state) {
    (void)state;
    example e;
    read_good("data: {file: x.h5}\n", &e);
    assert_null(e.name);
    assert_int_equal(e.seed, 42);
    assert_int_equal(e.lanes, -1);
    assert_string_equal(e.data.file, "/configs/x.h5");
    assert_int_equal(e.data.block_rows, 32);
    assert_int_equal(e.data.order, 0);
    assert_int_equal(e.data.columns.count, 0);
    assert_false(e.data.split.given);
    assert_true(e.data.split.train == 0.8);
    assert_true(isnan(e.data.split.val)); /* required, but its section is not there */
    assert_int_equal(e.model.count, 0);
    assert_ptr_equal(e.optimizer.row, &adam_row);
    assert_true(((adam_options *)e.optimizer.options)->learning_rate == 1e-3);
    assert_null(e.schedule.row);
    assert_true(e.train.given);
    assert_int_equal(e.train.epochs, 10);
    assert_true(isnan(e.train.clip));
    assert_false(e.train.stop.given);
    assert_int_equal(e.train.stop.patience, 5);
    assert_string_equal(e.train.stop.monitor, "val_loss");
    ls_options_free(example_table, &e);
    ls_options_free(example_table, &e);
}

static void test_values(void **state) {
    (void)state;
    example e;
    read_good("name: 'null'\nseed: 0\nlanes: 8\n"
              "data:\n  file: /abs/./x.h5\n  block_rows: 1024\n  order: off\n"
              "  columns: [a, '1', 2]\n  split: {train: 1, val: 1e-4, group: donor}\n"
              "model:\n  - dense: {units: 3, bias: false, init: zeros}\n  - relu\n  - relu: {}\n"
              "  - dense:\n      units: 2\n      init: {values: [[1, 2.5], [-3e2, 0]]}\n"
              "  - dense: {units: 1, init: {normal: 2}}\n  - relu:\n"
              "optimizer: {adam: {learning_rate: 1.0e-4}}\nschedule: normal\n"
              "train: {epochs: 1, clip: .5, quiet: true, stop: {patience: 2}}\n",
              &e);
    assert_string_equal(e.name, "null");
    assert_int_equal(e.seed, 0);
    assert_int_equal(e.lanes, 8);
    assert_string_equal(e.data.file, "/abs/x.h5");
    assert_int_equal(e.data.order, 2);
    assert_int_equal(e.data.columns.count, 3);
    assert_string_equal(ls_strings_at(&e.data.columns, 2), "2");
    assert_true(e.data.split.given && e.data.split.train == 1 && e.data.split.val == 1e-4);
    assert_int_equal(e.model.count, 6);
    const dense_options *first = e.model.items[0].options, *second = e.model.items[3].options,
                        *third = e.model.items[4].options;
    assert_true(first->units == 3 && !first->bias && first->init.row == &zeros_row);
    assert_null(first->init.options);
    assert_ptr_equal(e.model.items[1].row, &relu_row);
    assert_ptr_equal(e.model.items[5].row, &relu_row);
    assert_true(second->bias && second->init.row == &values_row);
    const values_options *values = second->init.options;
    const float want[] = {1, 2.5f, -300, 0};
    assert_int_equal(values->values.count, 4);
    assert_memory_equal(values->values.values, want, sizeof want);
    assert_true(((normal_options *)third->init.options)->gain == 2);
    assert_true(((adam_options *)e.optimizer.options)->learning_rate == 1e-4);
    assert_true(((normal_options *)e.schedule.options)->gain == 1);
    assert_true(e.train.clip == 0.5 && e.train.quiet);
    assert_true(e.train.stop.given && e.train.stop.patience == 2);
    ls_options_free(example_table, &e);
}

static void test_given(void **state) {
    (void)state;
    example e;
    read_good("data: {file: x, split: }\ntrain:\n", &e);
    assert_false(e.data.split.given);
    assert_true(e.train.given);
    ls_options_free(example_table, &e);
    read_good("data: {file: x, split: {val: 0}}\ntrain: {stop: {}}\n", &e);
    assert_true(e.data.split.given && e.train.stop.given);
    ls_options_free(example_table, &e);
}

static void test_path_from_the_command_line(void **state) {
    (void)state;
    example e;
    char want[512];
    assert_non_null(getcwd(want, 400));
    strcat(want, "/y.h5");
    assert_int_equal(read_text("data: {file: x.h5}\n", "data.file=y.h5", &e), LS_OK);
    assert_string_equal(e.data.file, want);
    ls_options_free(example_table, &e);
}

#define OK "data: {file: x}\n"

typedef struct bad {
    const char *text, *assignment, *message, *hint;
} bad;

static const bad bads[] = {
    /* keys */
    {OK "sed: 1\n", NULL, "a.yaml:2:1: unknown key 'sed'", "did you mean 'seed'?"},
    {OK "optimizer:\n  adam:\n    learning_rat: 1\n", NULL,
     "a.yaml:4:5: unknown key 'learning_rat' in optimizer.adam", "did you mean 'learning_rate'?"},
    {OK "train: {zzz: 1}\n", NULL, "a.yaml:2:9: unknown key 'zzz' in train",
     "the keys here: epochs, clip, quiet, stop"},
    {OK, "optimizer.adam.dekay=1",
     "--set optimizer.adam.dekay=1: unknown key 'dekay' in optimizer.adam",
     "did you mean 'decay'?"},
    {OK "model: [{dense: {units: 1, unts: 2}}]\n", NULL,
     "a.yaml:2:28: unknown key 'unts' in model.0.dense", "did you mean 'units'?"},
    /* missing */
    {"name: x\n", NULL, "a.yaml:1:1: data is missing", "data: what to train on"},
    {"", NULL, "a.yaml:1:1: data is missing", "data: what to train on"},
    {"data: {order: file}\n", NULL, "a.yaml:1:7: data.file is missing", "file: the dataset file"},
    {"name: x\ndata:\n", NULL, "a.yaml:1:1: data.file is missing", "file: the dataset file"},
    {"data: {file: x, split: {train: 1}}\n", NULL, "a.yaml:1:24: data.split.val is missing",
     "val: fraction"},
    {OK "model:\n  - dense\n", NULL, "a.yaml:1:1: model.0.dense.units is missing",
     "units: outputs"},
    {OK "model:\n  - dense: {bias: true}\n", NULL, "a.yaml:3:12: model.0.dense.units is missing",
     "units: outputs"},
    {"data: {file: }\n", NULL, "a.yaml:1:14: data.file: a value is missing",
     "file: the dataset file"},
    {OK "train:\n  epochs:\n", NULL, "a.yaml:3:10: train.epochs: a value is missing",
     "epochs: passes over the rows; leave the line out for the default, 10"},
    /* whole numbers */
    {"data: {file: x,\n  block_rows: x}\n", NULL,
     "a.yaml:2:15: data.block_rows: expected a whole number, got 'x'", ""},
    {OK "seed: 1e3\n", NULL, "a.yaml:2:7: seed: expected a whole number, got '1e3'", ""},
    {OK "seed: 1.0\n", NULL, "a.yaml:2:7: seed: expected a whole number, got '1.0'", ""},
    {OK "seed: 1_000\n", NULL, "a.yaml:2:7: seed: expected a whole number, got '1_000'", ""},
    {OK "seed: '1'\n", NULL, "a.yaml:2:7: seed: expected a whole number, got the text '1'",
     "remove the quotes"},
    {OK "seed: [1]\n", NULL, "a.yaml:2:7: seed: expected a whole number, got a list", ""},
    {OK "seed: {a: 1}\n", NULL, "a.yaml:2:7: seed: expected a whole number, got keys and values",
     ""},
    {OK "seed: -1\n", NULL,
     "a.yaml:2:7: seed: -1 is out of bounds: at least 0 and at most 4294967295", ""},
    {OK "seed: 4294967296\n", NULL, "a.yaml:2:7: seed: 4294967296 is out of bounds: at least 0",
     ""},
    {OK "train: {epochs: 0}\n", NULL, "a.yaml:2:17: train.epochs: 0 is out of bounds: at least 1",
     ""},
    {OK "lanes: atuo\n", NULL,
     "a.yaml:2:8: lanes: expected a whole number or auto, none, got 'atuo'",
     "did you mean 'auto'?"},
    {OK "lanes: 99999999999999999999\n", NULL, "a.yaml:2:8: lanes: expected a whole number", ""},
    {OK, "seed=x", "--set seed=x: seed: expected a whole number, got 'x'", ""},
    /* numbers */
    {OK "train: {clip: a}\n", NULL, "a.yaml:2:15: train.clip: expected a number, got 'a'", ""},
    {OK "train: {clip: .inf}\n", NULL, "a.yaml:2:15: train.clip: expected a number, got '.inf'",
     ""},
    {OK "train: {clip: nan}\n", NULL, "a.yaml:2:15: train.clip: expected a number, got 'nan'", ""},
    {OK "train: {clip: inf}\n", NULL, "a.yaml:2:15: train.clip: expected a number, got 'inf'", ""},
    {OK "optimizer: {adam: {learning_rate: 0}}\n", NULL,
     "a.yaml:2:35: optimizer.adam.learning_rate: 0 is out of bounds: above 0", ""},
    {OK "schedule: {normal: 10}\n", NULL,
     "a.yaml:2:20: schedule.normal.gain: 10 is out of bounds: above 0 and below 10", ""},
    {OK "model: [{dense: {units: 1, init: {values: [1, x]}}}]\n", NULL,
     "a.yaml:2:47: model.0.dense.init.values.values: expected a number, got 'x'", ""},
    {OK "model: [{dense: {units: 1, init: {values: [1e39]}}}]\n", NULL,
     "a.yaml:2:44: model.0.dense.init.values.values: expected a number that fits 32 bits", ""},
    {OK "model: [{dense: {units: 1, init: {values: 1}}}]\n", NULL,
     "a.yaml:2:43: model.0.dense.init.values.values: expected a list of numbers", ""},
    /* the others */
    {OK "train: {quiet: yes}\n", NULL,
     "a.yaml:2:16: train.quiet: expected true or false, got 'yes'",
     "only the words true and false"},
    {OK "train: {quiet: 'true'}\n", NULL,
     "a.yaml:2:16: train.quiet: expected true or false, got the text 'true'", "without quotes"},
    {"data: {file: x, order: fil}\n", NULL,
     "a.yaml:1:24: data.order: expected one of shuffled, file, off, got 'fil'",
     "did you mean 'file'?"},
    {"data: {file: x, order: [a]}\n", NULL,
     "a.yaml:1:24: data.order: expected one of shuffled, file, off, got a list", ""},
    {"data: {file: ''}\n", NULL, "a.yaml:1:14: data.file: expected a path, got the text ''", ""},
    {"data: {file: [x]}\n", NULL, "a.yaml:1:14: data.file: expected a path, got a list", ""},
    {OK "name: [x]\n", NULL, "a.yaml:2:7: name: expected a text, got a list", ""},
    {"data: {file: x, columns: a}\n", NULL,
     "a.yaml:1:26: data.columns: expected a list of texts, as in [a, b], got 'a'", ""},
    {"data: {file: x, columns: [[a]]}\n", NULL,
     "a.yaml:1:27: data.columns: expected a text, got a list", ""},
    {"data: x\n", NULL, "a.yaml:1:7: data: expected keys and values below it, got 'x'", ""},
    {"- data\n", NULL, "a.yaml:1:1: expected keys and values (key: value), got a list", ""},
    {"data\n", NULL, "a.yaml:1:1: expected keys and values (key: value), got 'data'", ""},
    /* choices */
    {OK "model:\n  - rellu\n", NULL, "a.yaml:3:5: unknown layer 'rellu' in model.0",
     "did you mean 'relu'?"},
    {OK "model:\n  - rellu: {}\n", NULL, "a.yaml:3:5: unknown layer 'rellu' in model.0",
     "did you mean 'relu'?"},
    {OK "schedule: gausian\n", NULL, "a.yaml:2:11: unknown initialiser 'gausian' in schedule",
     "did you mean 'gaussian'?"},
    {OK "optimizer: lbfgs_solver\n", NULL,
     "a.yaml:2:12: unknown optimiser 'lbfgs_solver' in optimizer", "every optimiser: adam"},
    {OK "optimizer:\n", NULL, "a.yaml:2:11: optimizer: a value is missing", "default, adam"},
    {OK "model: relu\n", NULL, "a.yaml:2:8: model: expected a list, got 'relu'",
     "begin each layer with '- '"},
    {OK "model:\n", NULL, "a.yaml:2:7: model: a value is missing", "default, []"},
    {OK "model: [{}]\n", NULL, "a.yaml:2:9: model.0: expected a layer, got nothing", ""},
    {OK "model: [[relu]]\n", NULL, "a.yaml:2:9: model.0: expected a layer, got a list", ""},
    {OK "model:\n  - dense:\n    units: 3\n", NULL,
     "a.yaml:3:5: model.0: expected one layer, got 2 keys: dense, units", "indent its options"},
    {OK "model: [{relu: 3}]\n", NULL, "a.yaml:2:16: model.0.relu: expected no options, got '3'",
     ""},
    {OK "model: [{relu: {a: 3}}]\n", NULL, "a.yaml:2:16: model.0.relu: expected no options", ""},
    {OK "model: [{dense: 3}]\n", NULL,
     "a.yaml:2:17: model.0.dense: expected options (key: value), got '3'", ""},
    {OK "model: [relu]\n", "model.0.dense.units=3",
     "--set model.0.dense.units=3: model.0 is relu here, so 'dense' can not be set below it",
     "--set model.0='{dense: {units: 3}}'"},
    {OK "optimizer: {adam: {lr: 1}}\n", "optimizer.lr=3",
     "--set optimizer.lr=3: optimizer is adam here, so 'lr' can not be set below it",
     "--set optimizer.adam.lr=3"},
    {OK "model: [{dense: 3}]\n", "model.0.dense.units=4",
     "a.yaml:2:17: model.0.dense: expected options (key: value), got '3'", ""},
    {"data: 3\n", "data.file=x", "a.yaml:1:7: data: expected keys and values below it, got '3'",
     ""},
};

static void test_errors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        example e;
        ls_status st = read_text(bads[i].text, bads[i].assignment, &e);
        const ls_error *last = ls_error_last();
        bool hint = bads[i].hint[0] == '\0' ? last->hint[0] == '\0'
                                            : strstr(last->hint, bads[i].hint) != NULL;
        if (st != LS_ERR_CONFIG || !hint ||
            strncmp(last->message, bads[i].message, strlen(bads[i].message)) != 0)
            fail_msg("%zu: %d '%s', hint '%s'; not '%s'", i, st, last->message, last->hint,
                     bads[i].message);
        assert_null(e.name); /* what was read before the error is freed */
        assert_null(e.data.file);
        assert_null(e.model.items);
    }
}

static void test_find(void **state) {
    (void)state;
    assert_ptr_equal(ls_opt_find(&layers, "relu"), &relu_row);
    assert_null(ls_opt_find(&layers, "rel"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
        cmocka_unit_test(test_given),    cmocka_unit_test(test_path_from_the_command_line),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
