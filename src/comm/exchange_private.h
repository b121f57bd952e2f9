/* The exchange's plan: who shares memory with whom, who sums and sends what; and what a round is
 * at.
 *
 * Why here: exchange_plan.c draws the plan up, exchange.c has the memory for it, exchange_round.c
 * follows it by exchange_mail.c (messages), exchange_flags.c (shared memory) and exchange_sum.c. */
#ifndef LS_COMM_EXCHANGE_PRIVATE_H
#define LS_COMM_EXCHANGE_PRIVATE_H

#include <stdatomic.h>

#include "internal.h"
#include "lockstep/comm/exchange.h"
#include "shared.h"

/* A root of the lanes of a whole group, as a sum of its members' roots. */
typedef struct ls_combination {
    size_t first; /* of the members' roots */
    ls_tree_program program;
} ls_combination;

/* Messages that a rank sends at a time. */
enum { LS_EXCHANGE_SENDS = 8 };

/* A part of an owner's range that travels by itself. */
typedef struct ls_panel {
    size_t first, count; /* floats of the slab */
    size_t undone;       /* floats that this rank has not filled yet */
    size_t missing;      /* messages of this round that this rank still waits for */
} ls_panel;

/* In memory that ranks share: the number of the last round in which something was so. */
typedef _Atomic uint64_t ls_flag;

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
    size_t n_panels;         /* of the slab, ascending; none spans two owners' ranges */
    ls_panel *panel;         /* [n_panels] */
    ls_tree_range *panels;   /* [ranks] those of a rank's range */
} ls_exchange_plan;

/* What this rank sends to one other: panels from the last to the first, messages of each. */
typedef struct ls_outbox {
    int to;
    ls_tree_range panels;
    size_t messages; /* of a panel */
    size_t left;     /* panels of this round that are not sent yet, or not with all messages */
    size_t sent;     /* messages of the next one of them */
} ls_outbox;

/* The messages of a rank that are on their way: to others, then from others. */
typedef struct ls_mail {
    MPI_Request *request; /* [LS_EXCHANGE_SENDS + receives] */
    int *completed;       /* as many: room for MPI_Testsome */
    size_t *panel;        /* [receives] of which panel a message is */
    size_t n_receives, n_sends;
    size_t n_roots, n_updated; /* outboxes: to owners, and from this one as an owner */
    ls_outbox *box;            /* [n_roots + n_updated] */
    size_t next;               /* the one to begin to look at */
    float *room;               /* [LS_EXCHANGE_SENDS][panel] combined roots, or NULL */
} ls_mail;

/* Where a round is. */
typedef struct ls_round_state {
    ls_exchange_round what;
    uint64_t number;
    bool is_open;
    size_t undone;        /* panels that this rank has not filled yet */
    size_t summed;        /* of this rank's own panels those from here on have been used */
    ls_tree_range wanted; /* floats that are waited for */
    /* What the ranks of this memory tell each other: */
    ls_flag *done;    /* [members][panels]: filled, and not read any more */
    ls_flag *arrived; /* [panels]: what owners made of it */
} ls_round_state;

struct ls_exchange {
    ls_comm *comm;
    size_t n_leaves;
    size_t panel;         /* floats of one, at most */
    ls_tree_range *owned; /* [ranks] */
    ls_exchange_plan plan;
    ls_shared *shared;
    const float **member;  /* [members' roots] whole slabs */
    const float **summand; /* [summands] of the own range */
    float *received;       /* the other groups' roots, own range only */
    float *slab;
    bool slab_is_given;
    ls_mail mail;
    ls_round_state round;
    char why[256]; /* memory is not shared, or "" */
};

/* sharing: as in ls_exchange_spec. Collective. Errors: ERR_MEMORY, agreed. */
ls_status ls_exchange_plan_create(ls_exchange *ex, size_t sharing) LS_MUST_CHECK;
void ls_exchange_plan_free(ls_exchange_plan *plan);

/* The group that this rank is in, and its rank's place there. */
static inline ls_tree_range ls_exchange_group(const ls_exchange *ex) {
    return ex->plan.group[ex->plan.group_of[ex->comm->rank]];
}

static inline size_t ls_exchange_rank(const ls_exchange *ex) {
    return (size_t)ex->comm->rank;
}

static inline ls_tree_range ls_exchange_own_panels(const ls_exchange *ex) {
    return ex->plan.panels[ls_exchange_rank(ex)];
}

static inline bool ls_exchange_owns(const ls_exchange *ex, size_t panel) {
    const ls_tree_range own = ls_exchange_own_panels(ex);
    return panel >= own.first && panel < own.first + own.count;
}

/* Floats of the slab. */
static inline size_t ls_exchange_floats(const ls_exchange *ex) {
    const ls_tree_range last = ex->owned[ex->comm->size - 1];
    return last.first + last.count;
}

/* Floats of a range that are in a panel. */
static inline size_t ls_panel_common(const ls_panel *panel, ls_tree_range range) {
    const size_t end = range.first + range.count, panel_end = panel->first + panel->count;
    const size_t first = range.first > panel->first ? range.first : panel->first;
    const size_t last = end < panel_end ? end : panel_end;
    return last > first ? last - first : 0;
}

/* The rank of group h that passes on what rank `owner` of another group owns. */
size_t ls_exchange_delegate(const ls_exchange_plan *plan, size_t h, size_t owner);

/* Whether this rank is that of its group. */
bool ls_exchange_passes(const ls_exchange *ex, size_t owner);

/* Bytes of shared memory for a round's flags, and where they are. */
size_t ls_flags_bytes(const ls_exchange *ex);
void ls_flags_place(ls_exchange *ex, void *memory);

/* Sets a flag for this round: who sees it sees what this rank wrote before. */
void ls_flags_set(const ls_exchange *ex, ls_flag *flag);
void ls_flags_set_done(ls_exchange *ex, size_t panel);

/* All ranks of this memory have filled the panel, and read it no more. */
bool ls_flags_all_done(const ls_exchange *ex, size_t panel);

/* All panels that have some of these floats are what their owners made of them. */
bool ls_flags_have_arrived(const ls_exchange *ex, ls_tree_range floats);

/* Room for the messages of rounds. Errors: ERR_MEMORY. */
ls_status ls_mail_allocate(ls_exchange *ex) LS_MUST_CHECK;
void ls_mail_free(ls_mail *mail);

/* Bytes of that room that count. */
size_t ls_mail_bytes(const ls_exchange *ex);

/* Posts the receives of a round, moves messages on, tells whether all are sent. */
void ls_mail_begin(ls_exchange *ex);
void ls_mail_look_after(ls_exchange *ex);
bool ls_mail_is_sent(const ls_exchange *ex);

/* Whether this rank sums root k of its group for others, rather than send what one member has. */
static inline bool ls_exchange_combines(const ls_exchange *ex, size_t k) {
    return ex->plan.combine[k].program.count > 1;
}

/* Root k of this group's lanes over a panel of another group's rank. */
void ls_exchange_combine(const ls_exchange *ex, size_t k, const ls_panel *panel, float *out);

/* The sums over all lanes of a panel that this rank owns go to their use. */
void ls_exchange_use_sums(const ls_exchange *ex, const ls_panel *panel);

#endif
