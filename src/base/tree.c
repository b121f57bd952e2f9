/* The tree's shape, its roots over a range, and its sums as programs.
 *
 * Why here: see tree.h. Recursion goes at most 64 levels deep. Never adds anything itself, but
 * for doubles.
 */
#include "lockstep/base/tree.h"

#include <stdbool.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

size_t ls_tree_left(size_t n) {
    size_t left = 1;
    while (left < n - left)
        left *= 2;
    return left;
}

static ls_tree_range left_of(ls_tree_range node) {
    return (ls_tree_range){node.first, ls_tree_left(node.count)};
}

static ls_tree_range right_of(ls_tree_range node) {
    size_t left = ls_tree_left(node.count);
    return (ls_tree_range){node.first + left, node.count - left};
}

static size_t add_roots(ls_tree_range node, size_t first, size_t last, ls_tree_range *roots,
                        size_t count) {
    size_t end = node.first + node.count;
    if (end <= first || node.first >= last || count >= LS_TREE_DEPTH_MAX)
        return count;
    if (node.first >= first && end <= last) {
        roots[count] = node;
        return count + 1;
    }
    count = add_roots(left_of(node), first, last, roots, count);
    return add_roots(right_of(node), first, last, roots, count);
}

size_t ls_tree_roots(size_t n, size_t first, size_t last, ls_tree_range roots[LS_TREE_DEPTH_MAX]) {
    if (n == 0 || first >= last)
        return 0;
    return add_roots((ls_tree_range){0, n}, first, last, roots, 0);
}

/* A program being written. Its values are leaves, or positions in roots where there are some. */
typedef struct writer {
    ls_tree_program *program;
    const ls_tree_range *roots;
    size_t n_roots;
    size_t next_root;
    size_t stack; /* values on the stack after what was written */
} writer;

static void write_push(writer *w, size_t value) {
    w->program->op[w->program->count++] = value;
    w->stack++;
    if (w->stack > w->program->depth)
        w->program->depth = w->stack;
}

static bool is_next_root(const writer *w, ls_tree_range node) {
    return w->next_root < w->n_roots && w->roots[w->next_root].first == node.first &&
           w->roots[w->next_root].count == node.count;
}

/* False when the roots do not cover node. */
static bool write_node(writer *w, ls_tree_range node) {
    if (is_next_root(w, node)) {
        write_push(w, w->next_root++);
        return true;
    }
    if (node.count == 1) {
        if (w->roots != NULL)
            return false;
        write_push(w, node.first);
        return true;
    }
    if (!write_node(w, left_of(node)) || !write_node(w, right_of(node)))
        return false;
    w->program->op[w->program->count++] = LS_TREE_ADD;
    w->stack--;
    return true;
}

ls_status ls_tree_program_create(size_t n, ls_tree_range range, ls_tree_program *out) {
    *out = (ls_tree_program){0};
    size_t leaves = range.first < n ? range.count : 0;
    LS_TRY(ls_alloc(2 * leaves, sizeof(size_t), "tree program", &out->op));
    writer w = {.program = out};
    if (leaves > 0)
        (void)write_node(&w, range); /* without roots there is nothing to miss */
    return LS_OK;
}

ls_status ls_tree_program_finish(size_t n, const ls_tree_range *roots, size_t n_roots,
                                 ls_tree_program *out) {
    *out = (ls_tree_program){0};
    LS_TRY(ls_alloc(2 * n_roots, sizeof(size_t), "tree program", &out->op));
    writer w = {.program = out, .roots = roots, .n_roots = n_roots};
    bool covered = n == 0 || (n_roots > 0 && write_node(&w, (ls_tree_range){0, n}));
    if (!covered || w.next_root != n_roots) {
        ls_tree_program_free(out);
        return ls_fail(LS_ERR_RUNTIME, NULL, "%zu roots do not cover a tree of %zu leaves", n_roots,
                       n);
    }
    return LS_OK;
}

void ls_tree_program_free(ls_tree_program *program) {
    ls_free(program->op);
    *program = (ls_tree_program){0};
}

double ls_tree_sum(const double *value, size_t n, size_t stride) {
    if (n == 0)
        return 0;
    if (n == 1)
        return value[0];
    size_t left = ls_tree_left(n);
    return ls_tree_sum(value, left, stride) + ls_tree_sum(value + left * stride, n - left, stride);
}
