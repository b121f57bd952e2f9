/* The exchange's plan: who shares memory with whom, who sums and sends what.
 *
 * Why here: exchange_plan.c draws it up, exchange.c follows it. */
#ifndef LS_COMM_EXCHANGE_PRIVATE_H
#define LS_COMM_EXCHANGE_PRIVATE_H

#include "internal.h"
#include "lockstep/comm/exchange.h"
#include "shared.h"

/* A root of the lanes of a whole group, as a sum of its members' roots. */
typedef struct ls_combination {
    size_t first; /* of the members' roots */
    ls_tree_program program;
} ls_combination;

typedef struct ls_exchange_plan {
    size_t n_groups;         /* of ranks that share memory */
    ls_tree_range *group;    /* [n_groups] consecutive ranks */
    size_t *group_of;        /* [ranks] */
    size_t *n_roots;         /* [n_groups] roots of the group's lanes */
    size_t *first_member;    /* [own group + 1]: where a member's roots begin among the group's */
    ls_combination *combine; /* [roots of the own group] */
    size_t n_summands;       /* of the whole sum: in the order of leaves, the roots of the other */
    size_t first_member_at;  /* groups and, from here on, those of the own group's members */
    ls_tree_program finish;  /* pushes summands */
} ls_exchange_plan;

struct ls_exchange {
    ls_comm *comm;
    size_t n_leaves;
    ls_tree_range *owned; /* [ranks] */
    ls_exchange_plan plan;
    ls_shared *shared;
    const float **member;  /* [members' roots] whole slabs */
    const float **summand; /* [summands] of the own range */
    float *received;       /* the other groups' roots, own range only */
    float *combined;       /* what this rank sums for owners in other groups */
    float *slab;
    bool slab_is_given;
    MPI_Request *request;
    char why[256]; /* memory is not shared, or "" */
};

/* sharing: as in ls_exchange_spec. Collective. Errors: ERR_MEMORY, agreed. */
ls_status ls_exchange_plan_create(ls_exchange *ex, size_t sharing) LS_MUST_CHECK;
void ls_exchange_plan_free(ls_exchange_plan *plan);

/* The group that this rank is in, and its rank's place there. */
static inline ls_tree_range ls_exchange_group(const ls_exchange *ex) {
    return ex->plan.group[ex->plan.group_of[ex->comm->rank]];
}

/* The rank of group h that passes on what rank `owner` of another group owns. */
size_t ls_exchange_delegate(const ls_exchange_plan *plan, size_t h, size_t owner);

/* Whether this rank is that of its group. */
bool ls_exchange_passes(const ls_exchange *ex, size_t owner);

#endif
