/* The one binary tree in which lockstep sums over lanes and over blocks.
 *
 * A tree over n leaves: the left child gets the largest power of two below n leaves, the right
 * child the rest. The order of every sum is this tree's and nothing else's, so a result does
 * not depend on who computes which part. A range of leaves (a rank's lanes) is covered by its
 * roots: the largest subtrees that lie inside the range.
 *
 * Why here: the kernels that sum over lanes, the exchange between ranks and the validation all
 * walk it. Never adds anything itself, but for doubles.
 */
#ifndef LS_BASE_TREE_H
#define LS_BASE_TREE_H

#include <stddef.h>

#include "lockstep/base/status.h"

/* At most this many roots cover a range, and at most this many partial sums are open at once. */
#define LS_TREE_DEPTH_MAX 64

typedef struct ls_tree_range {
    size_t first, count; /* leaves */
} ls_tree_range;

/* Leaves of the left child of a tree over n >= 2 leaves. */
size_t ls_tree_left(size_t n);

/* The roots that cover leaves [first, last) of a tree over n, from left to right.
 * Returns their number, at most LS_TREE_DEPTH_MAX. */
size_t ls_tree_roots(size_t n, size_t first, size_t last, ls_tree_range roots[LS_TREE_DEPTH_MAX]);

/* A sum as a program for a small stack machine: LS_TREE_ADD replaces the two topmost values
 * a, b (b on top) by a + b; any other value pushes the leaf of that number. */
#define LS_TREE_ADD ((size_t)-1)

typedef struct ls_tree_program {
    size_t *op; /* [count] */
    size_t count;
    size_t depth; /* values on the stack at once, at most */
} ls_tree_program;

/* The program of the subtree `range` of a tree over n leaves; its pushes name leaves of the
 * whole tree. Needs: range is a subtree (ls_tree_roots gives such). Errors: ERR_MEMORY. */
ls_status ls_tree_program_create(size_t n, ls_tree_range range, ls_tree_program *out) LS_MUST_CHECK;

/* The program that finishes the sum from roots (left to right, together covering all n
 * leaves): its pushes name positions in roots. Errors: ERR_MEMORY. */
ls_status ls_tree_program_finish(size_t n, const ls_tree_range *roots, size_t n_roots,
                                 ls_tree_program *out) LS_MUST_CHECK;

void ls_tree_program_free(ls_tree_program *program);

/* The tree sum of value[0], value[stride], ..., value[(n-1) * stride]; 0 for n = 0. */
double ls_tree_sum(const double *value, size_t n, size_t stride);

#endif
