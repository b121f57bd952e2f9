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
 * Why here: it is communication with a fixed order and knows nothing of what the floats mean.
 * Never allocates after ls_exchange_allocate.
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

/* This rank's i-th root, a whole slab, for the caller to fill before a reduce. */
float *ls_exchange_root(ls_exchange *ex, size_t i);

/* The slab, which ranks of a machine may have in common: a rank writes to the range that it owns,
 * between reduce and gather, and reads all of it after a gather. */
float *ls_exchange_slab(ls_exchange *ex);

/* The slab takes these values, which all ranks have alike. Sends nothing. Collective. */
void ls_exchange_fill(ls_exchange *ex, const float *values);

/* Gives the sums over all leaves of the range that this rank owns, piece by piece while each is in
 * the cache: sum[j] belongs to float first + j of the slab. Called by any thread. */
typedef void ls_exchange_use(void *context, size_t first, size_t n, const float *sum);

/* When it begins to hand out sums, all ranks of the machine have called it: nobody reads the slab
 * any more. When it returns the roots can be filled anew. Collective. */
ls_status ls_exchange_reduce(ls_exchange *ex, ls_exchange_use *use, void *context) LS_MUST_CHECK;

/* Every rank's owned range of the slab goes to all. Collective. */
ls_status ls_exchange_gather(ls_exchange *ex) LS_MUST_CHECK;

/* Bytes that this rank sends in one reduce and one gather. Not collective. */
size_t ls_exchange_bytes(const ls_exchange *ex);

/* Bytes that ls_exchange_allocate takes on this rank, its part of what ranks share. */
size_t ls_exchange_held(const ls_exchange *ex);

#endif
