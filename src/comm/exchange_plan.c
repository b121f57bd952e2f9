/* Who sums and sends what. Why here: see exchange_private.h. */
#include <string.h>

#include "exchange_private.h"
#include "lockstep/base/memory.h"

static size_t ranks_of(const ls_exchange *ex) {
    return (size_t)ex->comm->size;
}

static size_t panels_of(const ls_exchange *ex, ls_tree_range owned) {
    return (owned.count + ex->panel - 1) / ex->panel;
}

static void cut_panels(ls_exchange *ex) {
    ls_panel *panel = ex->plan.panel;
    for (size_t r = 0; r < ranks_of(ex); r++)
        for (size_t at = 0; at < ex->owned[r].count; at += ex->panel) {
            const size_t rest = ex->owned[r].count - at;
            *panel++ = (ls_panel){.first = ex->owned[r].first + at,
                                  .count = rest < ex->panel ? rest : ex->panel};
        }
}

static ls_status allocate(ls_exchange *ex) {
    ls_exchange_plan *p = &ex->plan;
    const size_t ranks = ranks_of(ex);
    LS_TRY(ls_alloc(ranks, sizeof *p->group, "exchange", &p->group));
    LS_TRY(ls_alloc(ranks, sizeof *p->group_of, "exchange", &p->group_of));
    LS_TRY(ls_alloc(ranks, sizeof *p->n_roots, "exchange", &p->n_roots));
    LS_TRY(ls_alloc(ranks + 1, sizeof *p->first_member, "exchange", &p->first_member));
    LS_TRY(ls_alloc(ranks, sizeof *p->panels, "exchange", &p->panels));
    for (size_t r = 0; r < ranks; r++) {
        p->panels[r] = (ls_tree_range){p->n_panels, panels_of(ex, ex->owned[r])};
        p->n_panels += p->panels[r].count;
    }
    LS_TRY(ls_alloc(p->n_panels, sizeof *p->panel, "exchange", &p->panel));
    return ls_alloc(LS_TREE_DEPTH_MAX, sizeof *p->combine, "exchange", &p->combine);
}

/* A group is of consecutive ranks, since lanes are dealt to ranks in order: ranks that are dealt to
 * the machines in turn have groups of one. */
static void group_ranks(ls_exchange *ex, const int *machine, size_t sharing) {
    ls_exchange_plan *p = &ex->plan;
    for (size_t r = 0; r < ranks_of(ex); r++) {
        const ls_tree_range *last = &p->group[p->n_groups > 0 ? p->n_groups - 1 : 0];
        if (r == 0 || machine[r] != machine[r - 1] || (sharing > 0 && last->count == sharing))
            p->group[p->n_groups++] = (ls_tree_range){r, 0};
        p->group[p->n_groups - 1].count++;
        p->group_of[r] = p->n_groups - 1;
    }
}

/* Leaves of consecutive ranks. */
static ls_tree_range leaves_of(const ls_exchange *ex, ls_tree_range ranks) {
    const size_t size = ranks_of(ex);
    const ls_tree_range a = ls_share(ex->n_leaves, size, ranks.first);
    const ls_tree_range b = ls_share(ex->n_leaves, size, ranks.first + ranks.count - 1);
    return (ls_tree_range){a.first, b.first + b.count - a.first};
}

static size_t roots_of(const ls_exchange *ex, ls_tree_range ranks, ls_tree_range *roots) {
    const ls_tree_range leaves = leaves_of(ex, ranks);
    return ls_tree_roots(ex->n_leaves, leaves.first, leaves.first + leaves.count, roots);
}

/* summand[] = the subtrees of all summands. */
static void list_summands(ls_exchange *ex, ls_tree_range *summand) {
    ls_exchange_plan *p = &ex->plan;
    const size_t mine = p->group_of[ex->comm->rank];
    ls_tree_range roots[LS_TREE_DEPTH_MAX];
    for (size_t h = 0; h < p->n_groups; h++) {
        p->n_roots[h] = roots_of(ex, p->group[h], roots);
        if (h != mine) {
            memcpy(summand + p->n_summands, roots, p->n_roots[h] * sizeof *roots);
            p->n_summands += p->n_roots[h];
            continue;
        }
        p->first_member_at = p->n_summands;
        for (size_t i = 0; i < p->group[h].count; i++) {
            const size_t n = roots_of(ex, (ls_tree_range){p->group[h].first + i, 1}, roots);
            memcpy(summand + p->n_summands, roots, n * sizeof *roots);
            p->first_member[i] = p->n_summands - p->first_member_at;
            p->n_summands += n;
        }
        p->first_member[p->group[h].count] = p->n_summands - p->first_member_at;
    }
}

/* A subtree of n leaves is shaped as a tree of n, so its program is that one's. */
static ls_status combine_root(ls_tree_range root, const ls_tree_range *member, size_t n_members,
                              ls_combination *out) {
    ls_tree_range *part = NULL;
    size_t n = 0;
    LS_TRY(ls_alloc(n_members, sizeof *part, "exchange", &part));
    for (size_t i = 0; i < n_members; i++) {
        if (member[i].first < root.first)
            out->first = i + 1;
        else if (member[i].first < root.first + root.count)
            part[n++] = (ls_tree_range){member[i].first - root.first, member[i].count};
    }
    const ls_status st = ls_tree_program_finish(root.count, part, n, &out->program);
    ls_free(part);
    return st;
}

static ls_status write_programs(ls_exchange *ex, const ls_tree_range *summand) {
    ls_exchange_plan *p = &ex->plan;
    const ls_tree_range own = ls_exchange_group(ex);
    ls_tree_range roots[LS_TREE_DEPTH_MAX];
    const size_t n = roots_of(ex, own, roots);
    LS_TRY(ls_tree_program_finish(ex->n_leaves, summand, p->n_summands, &p->finish));
    for (size_t k = 0; k < n; k++)
        LS_TRY(combine_root(roots[k], summand + p->first_member_at, p->first_member[own.count],
                            &p->combine[k]));
    return LS_OK;
}

ls_status ls_exchange_plan_create(ls_exchange *ex, size_t sharing) {
    ls_tree_range *summand = NULL;
    int *machine = NULL;
    ls_status st = allocate(ex);
    if (st == LS_OK)
        st = ls_alloc(ex->n_leaves, sizeof *summand, "exchange", &summand);
    if (st == LS_OK)
        st = ls_alloc(ranks_of(ex), sizeof *machine, "exchange", &machine);
    st = ls_agree(ex->comm, st);
    if (st == LS_OK) {
        ls_comm_machines(ex->comm, machine);
        cut_panels(ex);
        group_ranks(ex, machine, sharing);
        list_summands(ex, summand);
        st = ls_agree(ex->comm, write_programs(ex, summand));
    }
    ls_free(machine);
    ls_free(summand);
    return st;
}

void ls_exchange_plan_free(ls_exchange_plan *p) {
    for (size_t k = 0; p->combine != NULL && k < LS_TREE_DEPTH_MAX; k++)
        ls_tree_program_free(&p->combine[k].program);
    ls_tree_program_free(&p->finish);
    ls_free(p->panels);
    ls_free(p->panel);
    ls_free(p->combine);
    ls_free(p->first_member);
    ls_free(p->n_roots);
    ls_free(p->group_of);
    ls_free(p->group);
    *p = (ls_exchange_plan){0};
}

/* Spread over the group as the owners are over theirs. */
size_t ls_exchange_delegate(const ls_exchange_plan *p, size_t h, size_t owner) {
    const ls_tree_range theirs = p->group[p->group_of[owner]], ours = p->group[h];
    return ours.first + (owner - theirs.first) * ours.count / theirs.count;
}

bool ls_exchange_passes(const ls_exchange *ex, size_t owner) {
    const ls_exchange_plan *p = &ex->plan;
    const size_t rank = (size_t)ex->comm->rank, mine = p->group_of[rank];
    return p->group_of[owner] != mine && ls_exchange_delegate(p, mine, owner) == rank;
}
