/* The exchange's memory: the slab, the roots, what is received. Why here: see exchange_private.h.
 */
#include "lockstep/comm/exchange.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "exchange_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* 1 MB: most of a network's speed, and little beside what there is to send. */
#define PANEL_FLOATS ((size_t)1 << 18)
/* The slab and the roots begin at pages of their own. */
#define PAGE_FLOATS ((size_t)1024)

/* Rank r owns the blocks that begin in [n * r / ranks, n * (r + 1) / ranks) of the slab. */
void ls_exchange_deal(size_t ranks, const size_t *edge, size_t n_blocks, ls_tree_range *owned) {
    size_t block = 0, n = edge[n_blocks];
    for (size_t r = 0; r < ranks; r++) {
        size_t first = edge[block], end = ls_share(n, ranks, r).first + ls_share(n, ranks, r).count;
        while (block < n_blocks && (edge[block] < end || r + 1 == ranks))
            block++;
        owned[r] = (ls_tree_range){first, edge[block] - first};
    }
}

static size_t ranks_of(const ls_exchange *ex) {
    return (size_t)ex->comm->size;
}

static size_t own_group(const ls_exchange *ex) {
    return ex->plan.group_of[ls_exchange_rank(ex)];
}

static size_t n_members(const ls_exchange *ex) {
    return ex->plan.first_member[ls_exchange_group(ex).count];
}

static size_t floats_of(const ls_exchange_spec *spec, size_t ranks) {
    if (spec->owned == NULL)
        return spec->edge[spec->n_blocks];
    return spec->owned[ranks - 1].first + spec->owned[ranks - 1].count;
}

ls_status ls_exchange_create(ls_comm *comm, const ls_exchange_spec *spec, ls_exchange **out) {
    ls_exchange *ex = NULL;
    const size_t size = (size_t)comm->size, all = floats_of(spec, size);
    if (all > INT_MAX) /* MPI counts in ints */
        return ls_fail(LS_ERR_CONFIG, "model", "%zu numbers to exchange, at most %d can be", all,
                       INT_MAX);
    ls_status st = ls_alloc(1, sizeof *ex, "exchange", &ex);
    if (st == LS_OK) {
        *ex = (ls_exchange){.comm = comm,
                            .n_leaves = spec->n_leaves,
                            .panel = spec->panel > 0 ? spec->panel : PANEL_FLOATS,
                            .slab = spec->slab,
                            .slab_is_given = spec->slab != NULL};
        st = ls_alloc(size, sizeof *ex->owned, "exchange", &ex->owned);
    }
    st = ls_agree(comm, st);
    if (st == LS_OK) {
        if (spec->owned != NULL)
            memcpy(ex->owned, spec->owned, size * sizeof *ex->owned);
        else
            ls_exchange_deal(size, spec->edge, spec->n_blocks, ex->owned);
        st = ls_exchange_plan_create(ex, ex->slab_is_given ? 1 : spec->sharing);
    }
    if (st != LS_OK) {
        ls_exchange_destroy(ex);
        return st;
    }
    *out = ex;
    return LS_OK;
}

static void free_memory(ls_exchange *ex) {
    ls_shared_destroy(ex->shared);
    ls_free(ex->member);
    ls_free(ex->summand);
    ls_free(ex->received);
    ls_mail_free(&ex->mail);
    ex->shared = NULL;
}

void ls_exchange_destroy(ls_exchange *ex) {
    if (ex == NULL)
        return;
    free_memory(ex);
    ls_exchange_plan_free(&ex->plan);
    ls_free(ex->owned);
    ls_free(ex);
}

/* ---- memory ---- */

static size_t paged(size_t floats) {
    return (floats + PAGE_FLOATS - 1) / PAGE_FLOATS * PAGE_FLOATS;
}

/* Floats of the group's memory: the slab where it is not a given one, and all members' roots. */
static size_t group_floats(const ls_exchange *ex) {
    const size_t a_slab = paged(ls_exchange_floats(ex));
    return a_slab * (n_members(ex) + (ex->slab_is_given ? 0 : 1));
}

static size_t received_floats(const ls_exchange *ex) {
    return (ex->plan.n_summands - n_members(ex)) * ex->owned[ls_exchange_rank(ex)].count;
}

static ls_status allocate_own(ls_exchange *ex) {
    LS_TRY(ls_alloc(n_members(ex), sizeof *ex->member, "exchange", &ex->member));
    LS_TRY(ls_alloc(ex->plan.n_summands, sizeof *ex->summand, "exchange", &ex->summand));
    LS_TRY(ls_alloc(received_floats(ex), sizeof(float), "received gradients", &ex->received));
    return ls_mail_allocate(ex);
}

/* Says where everything lies; touches this rank's roots first. */
static void lay_out(ls_exchange *ex) {
    const ls_exchange_plan *p = &ex->plan;
    const ls_tree_range own = ex->owned[ls_exchange_rank(ex)], group = ls_exchange_group(ex);
    const size_t a_slab = paged(ls_exchange_floats(ex)), me = ls_exchange_rank(ex) - group.first;
    float *at = (float *)(void *)ls_shared_at(ex->shared);
    if (!ex->slab_is_given) {
        ex->slab = at;
        at += a_slab;
    }
    for (size_t i = 0; i < n_members(ex); i++, at += a_slab) {
        ex->member[i] = at;
        ex->summand[p->first_member_at + i] = at + own.first;
        if (i >= p->first_member[me] && i < p->first_member[me + 1])
            ls_zero(at, ls_exchange_floats(ex) * sizeof *at);
    }
    ls_flags_place(ex, at);
    float *received = ex->received;
    for (size_t i = 0; i < p->n_summands; i++)
        if (i < p->first_member_at || i >= p->first_member_at + n_members(ex)) {
            ex->summand[i] = received;
            received += own.count;
        }
}

static ls_status allocate(ls_exchange *ex) {
    LS_TRY(ls_agree(ex->comm, allocate_own(ex)));
    LS_TRY(ls_shared_create(ex->comm, ls_exchange_group(ex),
                            group_floats(ex) * sizeof(float) + ls_flags_bytes(ex), &ex->shared));
    lay_out(ex);
    ls_shared_barrier(ex->shared, "exchange"); /* nobody writes before it is all 0 */
    return LS_OK;
}

ls_tree_range ls_exchange_group_owned(const ls_exchange *ex) {
    const ls_tree_range group = ls_exchange_group(ex);
    const ls_tree_range last = ex->owned[group.first + group.count - 1];
    const size_t first = ex->owned[group.first].first;
    return (ls_tree_range){first, last.first + last.count - first};
}

size_t ls_exchange_panel(const ls_exchange *ex) {
    return ex->plan.n_groups > 1 ? ex->panel : ls_exchange_floats(ex);
}

ls_status ls_exchange_allocate(ls_exchange *ex, const char **why) {
    ls_status st = allocate(ex);
    if (st == LS_ERR_RUNTIME) {
        snprintf(ex->why, sizeof ex->why, "%.255s", ls_error_last()->message);
        free_memory(ex);
        ls_exchange_plan_free(&ex->plan);
        LS_TRY(ls_exchange_plan_create(ex, 1));
        st = allocate(ex);
    }
    if (why != NULL)
        *why = ex->why[0] != '\0' ? ex->why : NULL;
    return st;
}

ls_tree_range ls_exchange_owned(const ls_exchange *ex, int rank) {
    return ex->owned[rank];
}

float *ls_exchange_root(ls_exchange *ex, size_t i) {
    const size_t me = ls_exchange_rank(ex) - ls_exchange_group(ex).first;
    return (float *)ex->member[ex->plan.first_member[me] + i];
}

float *ls_exchange_slab(ls_exchange *ex) {
    return ex->slab;
}

/* Each of those who share it fills a part. */
void ls_exchange_fill(ls_exchange *ex, const float *values) {
    const ls_tree_range group = ls_exchange_group(ex);
    const ls_tree_range part =
        ls_share(ls_exchange_floats(ex), group.count, ls_exchange_rank(ex) - group.first);
    if (part.count > 0)
        memcpy(ex->slab + part.first, values + part.first, part.count * sizeof *values);
    ls_shared_barrier(ex->shared, "exchange");
}

/* ---- figures ---- */

size_t ls_exchange_bytes(const ls_exchange *ex) {
    size_t floats = (ex->plan.n_groups - 1) * ex->owned[ls_exchange_rank(ex)].count;
    for (size_t r = 0; r < ranks_of(ex); r++)
        if (ls_exchange_passes(ex, r))
            floats += ex->plan.n_roots[own_group(ex)] * ex->owned[r].count;
    return floats * sizeof(float);
}

size_t ls_exchange_held(const ls_exchange *ex) {
    const size_t floats = group_floats(ex) / ls_exchange_group(ex).count + received_floats(ex);
    return floats * sizeof(float) + ls_mail_bytes(ex);
}
