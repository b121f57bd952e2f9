/* The exchange of a training step: sums over lanes across the ranks, and the weights back.
 *
 * Every rank holds the sums of its lanes' subtrees (their roots, see base/tree.h), each a slab
 * of all parameters. The owner of a range of the slab receives that range of every root,
 * finishes the tree, and after its update gives the range to all. The order of the sum is the
 * tree's on any number of ranks and machines.
 *
 * Ranks of one machine share memory: an owner reads the roots where they were computed, and there
 * is one slab. Between machines a root of all lanes of a machine is sent, and the updated range
 * once to each: for powers of two as little traffic as a ring of machines.
 *
 * A round has no order but that of each sum: what a rank says that it has done is on its way while
 * it computes the rest, and who needs what owners have updated waits for no more than that, panel
 * by panel.
 *
 * Why here: it is communication with a fixed order and knows nothing of what the floats mean.
 * Never allocates after ls_exchange_allocate. A rank moves messages on while it is in a function of
 * a round: who has begun one ends it before it waits for others in any other way.
 */
#ifndef LS_COMM_EXCHANGE_H
#define LS_COMM_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/base/tree.h"
#include "lockstep/comm/comm.h"

typedef struct ls_exchange ls_exchange;

typedef struct ls_exchange_spec {
    size_t n_leaves; /* of the sum: rank r holds ls_share(n_leaves, ranks, r) of them, at least 1 */
    /* [ranks] consecutive ranges that cover the slab: what a rank owns. NULL: as ls_exchange_deal
     * deals the n_blocks blocks of edge */
    const ls_tree_range *owned;
    const size_t *edge; /* [n_blocks + 1] */
    size_t n_blocks;
    size_t sharing; /* at most so many ranks of a machine share memory; 0: all of them */
    size_t panel;   /* floats that travel together, at most; 0: as many as was found best */
    float *slab;    /* the rank's own slab, for which nobody shares memory; NULL: the exchange's */
} ls_exchange_spec;

/* Deals n_blocks blocks of a slab, block b being the floats [edge[b], edge[b + 1]), to the ranks:
 * whole, consecutive blocks, as even as can be. Not collective. */
void ls_exchange_deal(size_t ranks, const size_t *edge, size_t n_blocks, ls_tree_range *owned);

/* Plans who sums and sends what. Collective. Errors: ERR_MEMORY; ERR_CONFIG for more than 2^31 - 1
 * floats. */
ls_status ls_exchange_create(ls_comm *comm, const ls_exchange_spec *spec,
                             ls_exchange **out) LS_MUST_CHECK;
void ls_exchange_destroy(ls_exchange *ex);

/* The memory for it, all 0. Where a system lets its processes share none, all ranks send messages;
 * *why (NULL: nobody asks) then tells what failed and is else NULL; it lives as long as ex.
 * Collective. Errors: ERR_MEMORY. */
ls_status ls_exchange_allocate(ls_exchange *ex, const char **why) LS_MUST_CHECK;

/* The floats of the slab that a rank owns. Not collective. */
ls_tree_range ls_exchange_owned(const ls_exchange *ex, int rank);

/* This rank's i-th root, a whole slab, for the caller to fill in a round. */
float *ls_exchange_root(ls_exchange *ex, size_t i);

/* The slab, which ranks of a machine may have in common: a rank writes to the range that it owns,
 * and reads all of it. */
float *ls_exchange_slab(ls_exchange *ex);

/* The slab takes these values, which all ranks have alike. Sends nothing. Collective. */
void ls_exchange_fill(ls_exchange *ex, const float *values);

/* Gives the sums over all leaves of the range that this rank owns, piece by piece while each is in
 * the cache: sum[j] belongs to float first + j of the slab. Called by any thread. */
typedef void ls_exchange_use(void *context, size_t first, size_t n, const float *sum);

/* What a round does. */
typedef struct ls_exchange_round {
    ls_exchange_use *use; /* gets the sums; NULL: nothing is summed */
    void *context;
    bool gathers; /* owned ranges go to all, where there are sums after their use */
} ls_exchange_round;

/* Begins a round; from now on the roots can be filled. Waits for the ranks of the machine.
 * Collective. */
void ls_exchange_begin(ls_exchange *ex, const ls_exchange_round *round);

/* This rank has filled this range of its roots, and does not read it in the slab again before
 * ls_exchange_need; where nothing is summed, it has written what it owns there. A float once in a
 * round. An owner's panels travel from the last to the first, so that order hides most, and what
 * the own machine owns (ls_exchange_group_owned) had better come last. Does not wait. */
void ls_exchange_done(ls_exchange *ex, ls_tree_range range);

/* The same for all that is left, and then returns when all sums that this rank owns have been
 * used. */
void ls_exchange_sum(ls_exchange *ex);

/* Moves messages on, if there are any. Does not wait. */
void ls_exchange_poll(ls_exchange *ex);

/* Whether this range of the slab is what the owners made of it. */
bool ls_exchange_has(ls_exchange *ex, ls_tree_range range);

/* Returns when it is, after ls_exchange_sum of all ranks. */
void ls_exchange_need(ls_exchange *ex, ls_tree_range range);

/* Ends a round: all that is left of it. Safe where none was begun. */
void ls_exchange_end(ls_exchange *ex);

/* A whole round at once, of roots that nobody reads any more when they are filled. Collective. */
void ls_exchange_go_round(ls_exchange *ex, const ls_exchange_round *round);

/* How many floats it pays to call done or need for: all where ranks share one memory. */
size_t ls_exchange_panel(const ls_exchange *ex);

/* The floats that the ranks which share this rank's memory own. */
ls_tree_range ls_exchange_group_owned(const ls_exchange *ex);

/* Bytes that this rank sends in a round that sums and gathers. Not collective. */
size_t ls_exchange_bytes(const ls_exchange *ex);

/* Bytes that ls_exchange_allocate takes on this rank, its part of what ranks share. */
size_t ls_exchange_held(const ls_exchange *ex);

#endif
