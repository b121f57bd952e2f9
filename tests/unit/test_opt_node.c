/* YAML to a tree: positions, what is refused and where, and --set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/opt/node.h"
#include "unit.h"

static ls_node *parse(const char *text) {
    ls_node *root;
    if (ls_node_parse(text, "a.yaml", "configs", &root) != LS_OK)
        fail_msg("%s", ls_error_last()->message);
    return root;
}

/* The tree in one line: {a: [1, 'x']}; quoted scalars in quotes, null as ~. */
static void write_tree(const ls_node *node, ls_buffer *out) {
    if (node->kind == LS_NODE_SCALAR) {
        const char *quote = node->quoted ? "'" : "";
        ls_buffer_addf(out, "%s%s%s", quote, ls_node_is_null(node) ? "~" : node->text, quote);
        return;
    }
    ls_buffer_add(out, node->kind == LS_NODE_LIST ? "[" : "{");
    for (size_t i = 0; i < node->count; i++) {
        ls_buffer_add(out, i > 0 ? ", " : "");
        if (node->kind == LS_NODE_MAP)
            ls_buffer_addf(out, "%s: ", node->key[i]);
        write_tree(node->child[i], out);
    }
    ls_buffer_add(out, node->kind == LS_NODE_LIST ? "]" : "}");
}

static void assert_tree(const ls_node *node, const char *want) {
    ls_buffer b = {0};
    write_tree(node, &b);
    assert_string_equal(b.data, want);
    ls_buffer_free(&b);
}

static void test_shapes(void **state) {
    (void)state;
    ls_node *root = parse("a: 1\nb: [x, 'y', \"3\", ~, ]\nc:\n  - d: null\n    e:\n  - {f: {}}\n"
                          "g: |\n  text\n");
    assert_tree(root, "{a: 1, b: [x, 'y', '3', ~], c: [{d: ~, e: ~}, {f: {}}], g: 'text\n'}");
    assert_ptr_equal(ls_node_get(root, "a"), root->child[0]);
    assert_null(ls_node_get(root, "z"));
    assert_null(ls_node_get(NULL, "z"));
    assert_null(ls_node_get(root->child[0], "z"));
    ls_node_destroy(root);
    ls_node_destroy(NULL);
}

static void test_positions(void **state) {
    (void)state;
    ls_node *root = parse("# remark\na: 1\nb:\n  key:   [x, y]\n");
    const ls_node *b = ls_node_get(root, "b"), *key = ls_node_get(b, "key");
    assert_int_equal(key->key_line, 4);
    assert_int_equal(key->key_column, 3);
    assert_int_equal(key->line, 4);
    assert_int_equal(key->column, 10);
    assert_int_equal(key->child[1]->column, 14);
    assert_string_equal(key->origin, "a.yaml");
    assert_string_equal(key->directory, "configs");
    assert_int_equal(ls_node_fail(key, "no %s", "good"), LS_ERR_CONFIG);
    assert_string_equal(ls_error_last()->message, "a.yaml:4:10: no good");
    ls_node_destroy(root);
}

static void test_empty(void **state) {
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "\n\n"};
    for (size_t i = 0; i < 3; i++) {
        ls_node *root = parse(texts[i]);
        assert_tree(root, "{}");
        ls_node_destroy(root);
    }
    ls_node *root = parse("---\n");
    assert_true(ls_node_is_null(root));
    ls_node_destroy(root);
    assert_true(ls_node_is_null(NULL));
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message, *hint;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "a.yaml:3:1: key 'a' is given twice", "remove one of the two"},
        {"a: &x [1]\nb: *x\n", "a.yaml:1:4: anchors and aliases (&name, *name) are not supported",
         "write the value out"},
        {"a: *x\n", "a.yaml:1:4: anchors and aliases (&name, *name) are not supported", "write"},
        {"a:\n  b: &x 1\n", "a.yaml:2:6: anchors and aliases", "write"},
        {"a: !!str 1\n", "a.yaml:1:4: tags (!name) are not supported", "leave it out"},
        {"a: 1\n---\nb: 2\n", "a.yaml:3:1: a second document begins here", "one document"},
        {"a:\n\tb: 1\n", "a.yaml:2:1: found character that cannot start any token", "not tabs"},
        {"a: b: c\n", "a.yaml:1:5: mapping values are not allowed in this context", "indentation"},
        {"a: [1, 2\n", "a.yaml:2:1: did not find expected ',' or ']'", "flow sequence"},
        {"[a]: 1\n", "a.yaml:1:1: a key must be a word", "key: value"},
        {"a: \"x\\0y\"\n", "a.yaml:1:4: a text holds the character 0", ""},
        {"\x89HDF\r\n", "a.yaml: byte 0: invalid", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ls_node *root = (ls_node *)&cases;
        assert_int_equal(ls_node_parse(cases[i].text, "a.yaml", "", &root), LS_ERR_CONFIG);
        assert_null(root);
        const ls_error *e = ls_error_last();
        if (strncmp(e->message, cases[i].message, strlen(cases[i].message)) != 0 ||
            strstr(e->hint, cases[i].hint) == NULL)
            fail_msg("%zu: '%s', hint '%s'", i, e->message, e->hint);
    }
}

/* A text of count times piece, in a list. */
static char *repeated(const char *piece, size_t count, const char *end) {
    ls_buffer b = {0};
    for (size_t i = 0; i < count; i++)
        ls_buffer_add(&b, piece);
    ls_buffer_add(&b, end);
    assert_int_equal(b.status, LS_OK);
    return b.data;
}

static void test_hostile(void **state) {
    (void)state;
    ls_node *root;
    char *text = repeated("[", 100000, "");
    assert_int_equal(ls_node_parse(text, "a.yaml", "", &root), LS_ERR_CONFIG);
    assert_string_equal(ls_error_last()->message, "a.yaml:1:65: nested more than 64 levels deep");
    ls_free(text);
    text = repeated("- 1\n", 1000001, "");
    assert_int_equal(ls_node_parse(text, "a.yaml", "", &root), LS_ERR_CONFIG);
    assert_string_equal(ls_error_last()->message, "a.yaml:1000000:3: more than 1,000,000 values");
    ls_free(text);
    text = repeated("################", (size_t)1 << 20, "#");
    assert_int_equal(ls_node_parse(text, "a.yaml", "", &root), LS_ERR_CONFIG);
    assert_string_equal(ls_error_last()->message, "a.yaml: larger than 16 MiB: not a config");
    ls_free(text);
    ls_buffer b = {0};
    for (int i = 0; i < 1001; i++)
        ls_buffer_addf(&b, "k%d: 1\n", i);
    assert_int_equal(ls_node_parse(b.data, "a.yaml", "", &root), LS_ERR_CONFIG);
    assert_string_equal(ls_error_last()->message,
                        "a.yaml:1001:1: more than 1,000 keys at one place");
    ls_buffer_free(&b);
    text = repeated("[", 64, "");
    char *close = repeated("]", 64, "");
    ls_buffer_addf(&b, "%s%s", text, close);
    assert_int_equal(ls_node_parse(b.data, "a.yaml", "", &root), LS_OK);
    ls_node_destroy(root);
    ls_buffer_free(&b);
    ls_free(text);
    ls_free(close);
}

static void test_files(void **state) {
    (void)state;
    ls_node *root;
    char name[] = "/tmp/lockstep_test_XXXXXX", path[64];
    assert_non_null(mkdtemp(name));
    (void)snprintf(path, sizeof path, "%s/c.yaml", name);
    assert_int_equal(ls_node_parse_file(path, &root), LS_ERR_CONFIG);
    assert_non_null(strstr(ls_error_last()->message, "c.yaml: no such file"));
    assert_int_equal(ls_error_last()->status, LS_ERR_CONFIG);
    assert_int_equal(ls_node_parse_file(name, &root), LS_ERR_CONFIG);
    assert_non_null(strstr(ls_error_last()->message, ": a directory, not a config file"));
    assert_int_equal(ls_write_file(path, "a: 1\0b: 2", 9), LS_OK);
    assert_int_equal(ls_node_parse_file(path, &root), LS_ERR_CONFIG);
    assert_non_null(strstr(ls_error_last()->hint, "data.file"));
    assert_int_equal(truncate(path, ((off_t)16 << 20) + 1), 0);
    assert_int_equal(ls_node_parse_file(path, &root), LS_ERR_CONFIG);
    assert_non_null(strstr(ls_error_last()->message, "c.yaml: larger than 16 MiB: not a config"));
    assert_non_null(strstr(ls_error_last()->hint, "data.file"));
    assert_int_equal(ls_node_parse_file("/dev/null", &root), LS_ERR_CONFIG);
    assert_non_null(strstr(ls_error_last()->message, "/dev/null: not a regular file"));
    assert_int_equal(ls_write_file(path, "a: 1\n", 5), LS_OK);
    assert_int_equal(ls_node_parse_file(path, &root), LS_OK);
    assert_tree(root, "{a: 1}");
    assert_string_equal(root->directory, name);
    assert_string_equal(root->child[0]->origin, path);
    ls_node_destroy(root);
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(name), 0);
}

static void check_set(const char *text, const char *assignment, const char *want) {
    ls_node *root = parse(text);
    if (ls_node_set(root, assignment) != LS_OK)
        fail_msg("%s", ls_error_last()->message);
    assert_tree(root, want);
    ls_node_destroy(root);
}

static void test_set(void **state) {
    (void)state;
    check_set("a: 1\n", "a=2", "{a: 2}");
    check_set("a: 1\n", "b=2", "{a: 1, b: 2}");
    check_set("", "a.b.c=2", "{a: {b: {c: 2}}}");
    check_set("a:\n", "a.b=2", "{a: {b: 2}}");
    check_set("a: {b: 1}\n", "a={c: [1, 'x']}", "{a: {c: [1, 'x']}}");
    check_set("a: {b: {c: 1}}\n", "a.b.d=x=y", "{a: {b: {c: 1, d: x=y}}}");
    check_set("a: 1\n", "a=", "{a: ~}");
    check_set("a: 1\n", "a=''", "{a: ''}");
    check_set("m: [dense: {units: 1}, relu]\n", "m.0.dense.units=7",
              "{m: [{dense: {units: 7}}, relu]}");
    check_set("m: [dense: {units: 1}, relu]\n", "m.1=tanh", "{m: [{dense: {units: 1}}, tanh]}");
    check_set("m: [relu]\n", "m.1={dense: {units: 3}}", "{m: [relu, {dense: {units: 3}}]}");
    check_set("m: [relu]\n", "m.1.dense.units=3", "{m: [relu, {dense: {units: 3}}]}");
    check_set("m: [relu]\n", "m.0.relu.slope=0.1", "{m: [{relu: {slope: 0.1}}]}");
    check_set("o: adam\n", "o.adam.lr=0.1", "{o: {adam: {lr: 0.1}}}");
    check_set("", "m.0=relu", "{m: [relu]}");
    check_set("m: []\n", "m.0=relu", "{m: [relu]}");
    check_set("---\n", "a=1", "{a: 1}");
    check_set("# nothing", "a=1", "{a: 1}");
    check_set("a: [[1, 2], [3, 4]]\n", "a.1.0=9", "{a: [[1, 2], [9, 4]]}");
}

static void test_set_again(void **state) {
    (void)state;
    ls_node *root = parse("a: 1\n");
    assert_int_equal(ls_node_set(root, "b.c=[1]"), LS_OK);
    assert_int_equal(ls_node_set(root, "b.d=x"), LS_OK);
    assert_int_equal(ls_node_set(root, "b.c.1=2"), LS_OK);
    assert_int_equal(ls_node_set(root, "a=3"), LS_OK);
    assert_int_equal(ls_node_set(root, "a=4"), LS_OK);
    assert_tree(root, "{a: 4, b: {c: [1, 2], d: x}}");
    const ls_node *c = ls_node_get(ls_node_get(root, "b"), "c");
    assert_string_equal(c->child[0]->origin, "--set b.c=[1]");
    assert_string_equal(c->child[1]->origin, "--set b.c.1=2");
    assert_string_equal(c->directory, "");
    assert_int_equal(ls_node_fail(c->child[0], "no good"), LS_ERR_CONFIG);
    assert_string_equal(ls_error_last()->message, "--set b.c=[1]: no good");
    ls_node_destroy(root);
}

static void test_set_errors(void **state) {
    (void)state;
    static const struct {
        const char *assignment, *message, *hint;
    } cases[] = {
        {"a", "--set a: there is no '='", "--set key=value"},
        {"=1", "--set =1: not a key: a part of it is empty", "--set key=value"},
        {"a..b=1", "--set a..b=1: not a key: a part of it is empty", ""},
        {"a.=1", "--set a.=1: not a key: a part of it is empty", ""},
        {"m.x=1", "--set m.x=1: 'x' is not a position in a list of 2", ""},
        {"m.-1=1", "--set m.-1=1: '-1' is not a position in a list of 2", ""},
        {"m.3=1", "--set m.3=1: there is no position 3 in a list of 2", "position 2 appends"},
        {"m.0.99999999999999999999=1", "--set m.0.99999999999999999999=1: ", ""},
        {"a=[1", "--set a=[1: did not find expected ',' or ']'", ""},
        {"a=*b", "--set a=*b: anchors and aliases", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ls_node *root = parse("a: {b: 1}\nm: [[], y]\n");
        assert_int_equal(ls_node_set(root, cases[i].assignment), LS_ERR_CONFIG);
        const ls_error *e = ls_error_last();
        if (strncmp(e->message, cases[i].message, strlen(cases[i].message)) != 0 ||
            strstr(e->hint, cases[i].hint) == NULL)
            fail_msg("%zu: '%s', hint '%s'", i, e->message, e->hint);
        ls_node_destroy(root);
    }
    char *deep = repeated("a.", 100, "a=1");
    ls_node *root = parse("");
    assert_int_equal(ls_node_set(root, deep), LS_ERR_CONFIG);
    assert_non_null(strstr(ls_error_last()->message, "...: more than 64 levels deep"));
    ls_node_destroy(root);
    ls_free(deep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),     cmocka_unit_test(test_positions),
        cmocka_unit_test(test_empty),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile),    cmocka_unit_test(test_files),
        cmocka_unit_test(test_set),        cmocka_unit_test(test_set_again),
        cmocka_unit_test(test_set_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
