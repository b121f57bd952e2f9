/* The tree of sums: its shape against another definition of it, and that a sum cut into ranges
 * of any kind and finished from their roots is the whole tree's, sign for sign. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/tree.h"
#include "unit.h"

#define MAX_LEAVES 23
#define TEXT 512

typedef struct text {
    char s[TEXT];
} text;

static text leaf_text(size_t i) {
    text t;
    (void)snprintf(t.s, TEXT, "%zu", i);
    return t;
}

static text sum_text(const text *a, const text *b) {
    text t = {"("};
    assert_true(strlen(a->s) + strlen(b->s) + 4 < TEXT);
    strcat(t.s, a->s);
    strcat(t.s, "+");
    strcat(t.s, b->s);
    strcat(t.s, ")");
    return t;
}

/* The same tree from the leaves up, as a binary counter: equal neighbours are joined at once,
 * what is left over at the end is joined from the right. */
static text expected(size_t n) {
    text stack[64];
    size_t size[64], depth = 0;
    for (size_t i = 0; i < n; i++) {
        stack[depth] = leaf_text(i);
        size[depth++] = 1;
        while (depth > 1 && size[depth - 1] == size[depth - 2]) {
            stack[depth - 2] = sum_text(&stack[depth - 2], &stack[depth - 1]);
            size[depth - 2] *= 2;
            depth--;
        }
    }
    for (; depth > 1; depth--)
        stack[depth - 2] = sum_text(&stack[depth - 2], &stack[depth - 1]);
    return stack[0];
}

/* Runs a program on texts; its pushes name leaves where values is NULL. */
static text run(const ls_tree_program *program, const text *values) {
    text stack[64];
    size_t depth = 0, most = 0;
    for (size_t i = 0; i < program->count; i++) {
        if (program->op[i] == LS_TREE_ADD) {
            assert_true(depth >= 2);
            stack[depth - 2] = sum_text(&stack[depth - 2], &stack[depth - 1]);
            depth--;
        } else {
            stack[depth++] = values ? values[program->op[i]] : leaf_text(program->op[i]);
        }
        most = depth > most ? depth : most;
    }
    assert_int_equal(depth, 1);
    assert_int_equal(most, program->depth);
    return stack[0];
}

static void test_left(void **state) {
    (void)state;
    const size_t n[] = {2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 1000};
    const size_t left[] = {1, 2, 2, 4, 4, 4, 4, 8, 8, 16, 512};
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
        assert_int_equal(ls_tree_left(n[i]), left[i]);
}

static void test_whole_tree(void **state) {
    (void)state;
    for (size_t n = 1; n <= MAX_LEAVES; n++) {
        ls_tree_program program;
        assert_int_equal(ls_tree_program_create(n, (ls_tree_range){0, n}, &program), LS_OK);
        text got = run(&program, NULL), want = expected(n);
        assert_string_equal(got.s, want.s);
        ls_tree_program_free(&program);
    }
}

/* Sums the ranges cut[0]..cut[1], cut[1]..cut[2], ... by their roots, then finishes. */
static void check_split(size_t n, const size_t *cut, size_t parts) {
    ls_tree_range all[256];
    text value[256];
    size_t count = 0;
    for (size_t part = 0; part < parts; part++) {
        ls_tree_range roots[LS_TREE_DEPTH_MAX];
        size_t found = ls_tree_roots(n, cut[part], cut[part + 1], roots);
        size_t next = cut[part];
        for (size_t i = 0; i < found; i++) {
            assert_int_equal(roots[i].first, next);
            next += roots[i].count;
            ls_tree_program program;
            assert_int_equal(ls_tree_program_create(n, roots[i], &program), LS_OK);
            value[count] = run(&program, NULL);
            all[count++] = roots[i];
            ls_tree_program_free(&program);
        }
        assert_int_equal(next, cut[part + 1]);
    }
    ls_tree_program finish;
    assert_int_equal(ls_tree_program_finish(n, all, count, &finish), LS_OK);
    text got = run(&finish, value), want = expected(n);
    assert_string_equal(got.s, want.s);
    ls_tree_program_free(&finish);
}

static void test_every_split_in_three(void **state) {
    (void)state;
    for (size_t n = 1; n <= MAX_LEAVES; n++)
        for (size_t a = 0; a <= n; a++)
            for (size_t b = a; b <= n; b++)
                check_split(n, (size_t[]){0, a, b, n}, 3);
}

static void test_one_leaf_each(void **state) {
    (void)state;
    size_t cut[MAX_LEAVES + 1];
    for (size_t i = 0; i <= MAX_LEAVES; i++)
        cut[i] = i;
    for (size_t n = 1; n <= MAX_LEAVES; n++)
        check_split(n, cut, n);
}

static void test_roots_are_few(void **state) {
    (void)state;
    ls_tree_range roots[LS_TREE_DEPTH_MAX];
    assert_int_equal(ls_tree_roots(8, 0, 8, roots), 1);
    assert_int_equal(ls_tree_roots(8, 0, 4, roots), 1);
    assert_int_equal(ls_tree_roots(8, 0, 3, roots), 2);
    assert_int_equal(ls_tree_roots(8, 3, 3, roots), 0);
    assert_int_equal(ls_tree_roots((size_t)1 << 32, 1, ((size_t)1 << 32) - 1, roots), 62);
}

static void test_roots_with_a_hole(void **state) {
    (void)state;
    const ls_tree_range roots[] = {{0, 2}, {3, 1}};
    ls_tree_program program;
    assert_int_equal(ls_tree_program_finish(4, roots, 2, &program), LS_ERR_RUNTIME);
    assert_null(program.op);
}

/* Values whose float sum depends on the order: the tree's order must be kept. */
static void test_sum(void **state) {
    (void)state;
    const double v[] = {1e16, 1, -1e16, 1, 3};
    assert_true(ls_tree_sum(v, 5, 1) == ((1e16 + 1) + (-1e16 + 1)) + 3);
    assert_true(ls_tree_sum(v, 3, 2) == (1e16 + -1e16) + 3);
    assert_true(ls_tree_sum(v, 1, 1) == 1e16);
    assert_true(ls_tree_sum(v, 0, 1) == 0 && !signbit(ls_tree_sum(v, 0, 1)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_whole_tree),
        cmocka_unit_test(test_every_split_in_three),
        cmocka_unit_test(test_one_leaf_each),
        cmocka_unit_test(test_roots_are_few),
        cmocka_unit_test(test_roots_with_a_hole),
        cmocka_unit_test(test_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
