/* Sums over groups of rows in a tree. Why here: see row_sums.h. */
#include "row_sums.h"

#include <string.h>

#include "lockstep/base/memory.h"

/* Groups of rows, so ranks that share the work at most. Part of what fixes the bits. */
#define GROUPS ((size_t)16)

typedef struct job {
    ls_comm *comm;
    size_t rows, groups, values;
    ls_row_term *term;
    void *context;
} job;

static size_t groups_of(size_t rows) {
    return rows < GROUPS ? rows : GROUPS;
}

static ls_tree_range share_of(const ls_comm *comm, size_t groups, size_t rank) {
    return ls_share(groups, (size_t)ls_comm_size(comm), rank);
}

size_t ls_row_sum_share(const ls_comm *comm, size_t rows) {
    const size_t groups = groups_of(rows);
    const ls_tree_range mine = share_of(comm, groups, (size_t)ls_comm_rank(comm));
    size_t count = 0;
    for (size_t g = mine.first; g < mine.first + mine.count; g++)
        count += ls_share(rows, groups, g).count;
    return count;
}

static void add(size_t n, const double *x, double *sum) {
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

/* sum = that of a subtree of groups. */
static ls_status sum_node(const job *j, ls_tree_range node, double *sum) {
    if (node.count == 1) {
        const ls_tree_range rows = ls_share(j->rows, j->groups, node.first);
        memset(sum, 0, j->values * sizeof *sum);
        return j->term(j->context, rows.first, rows.count, sum);
    }
    const size_t left = ls_tree_left(node.count);
    double *right = NULL;
    LS_TRY(sum_node(j, (ls_tree_range){node.first, left}, sum));
    LS_TRY(ls_alloc(j->values, sizeof *right, "sums over rows", &right));
    const ls_status st = sum_node(j, (ls_tree_range){node.first + left, node.count - left}, right);
    if (st == LS_OK)
        add(j->values, right, sum);
    ls_free(right);
    return st;
}

/* Finishes a subtree from its roots, in place; *next is the first of them not used yet. */
static double *finish(const job *j, ls_tree_range node, const ls_tree_range *root, double *value,
                      size_t *next) {
    if (root[*next].first == node.first && root[*next].count == node.count)
        return value + (*next)++ * j->values;
    const size_t left = ls_tree_left(node.count);
    double *sum = finish(j, (ls_tree_range){node.first, left}, root, value, next);
    const double *right =
        finish(j, (ls_tree_range){node.first + left, node.count - left}, root, value, next);
    add(j->values, right, sum);
    return sum;
}

/* Appends the roots of a rank's share; their number. */
static size_t roots_of(const job *j, size_t rank, ls_tree_range *root) {
    const ls_tree_range share = share_of(j->comm, j->groups, rank);
    if (share.count == 0)
        return 0;
    return ls_tree_roots(j->groups, share.first, share.first + share.count, root);
}

/* The sums of this rank's roots; on rank 0 room for all. */
static ls_status sum_roots(const job *j, size_t all_roots, double **mine, double **all) {
    ls_tree_range root[LS_TREE_DEPTH_MAX];
    const size_t n = roots_of(j, (size_t)ls_comm_rank(j->comm), root);
    if (ls_comm_rank(j->comm) == 0)
        LS_TRY(ls_alloc(all_roots * j->values, sizeof **all, "sums over rows", all));
    LS_TRY(ls_alloc(n * j->values, sizeof **mine, "sums over rows", mine));
    for (size_t k = 0; k < n; k++)
        LS_TRY(sum_node(j, root[k], *mine + k * j->values));
    return LS_OK;
}

ls_status ls_row_sum(ls_comm *comm, size_t rows, size_t values, ls_row_term *term, void *context,
                     double *sum) {
    const job j = {comm, rows, groups_of(rows), values, term, context};
    const size_t ranks = (size_t)ls_comm_size(comm);
    ls_tree_range root[GROUPS + LS_TREE_DEPTH_MAX] = {{0}};
    size_t *bytes = NULL, n_roots = 0, next = 0;
    double *mine = NULL, *all = NULL;
    ls_status st = ls_alloc(ranks, sizeof *bytes, "ranks", &bytes);
    for (size_t r = 0; st == LS_OK && r < ranks; r++) {
        const size_t n = roots_of(&j, r, root + n_roots);
        bytes[r] = n * values * sizeof *mine;
        n_roots += n;
    }
    if (st == LS_OK)
        st = sum_roots(&j, n_roots, &mine, &all);
    st = ls_agree(comm, st);
    if (st == LS_OK)
        st = ls_gather_blocks(comm, mine, bytes, all);
    if (st == LS_OK && ls_comm_rank(comm) == 0)
        memcpy(sum, finish(&j, (ls_tree_range){0, j.groups}, root, all, &next),
               values * sizeof *sum);
    ls_free(bytes);
    ls_free(mine);
    ls_free(all);
    return st;
}
