/* The exchange of a training step: sums over lanes across the ranks, and the weights back.
 *
 * Every rank holds the sums of its lanes' subtrees (their roots, see base/tree.h), each a slab
 * of all parameters. The owner of a range of the slab receives that range of every root,
 * finishes the tree, and after its update gives the range to all. For powers of two this is as
 * little traffic as a ring; the order of the sum is the tree's on any number of ranks.
 *
 * Why here: it is communication with a fixed order and knows nothing of what the floats mean.
 * Never allocates after its creation.
 */
#ifndef LS_COMM_EXCHANGE_H
#define LS_COMM_EXCHANGE_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/base/tree.h"
#include "lockstep/comm/comm.h"

typedef struct ls_exchange ls_exchange;

/* For n_lanes lanes and a slab that is cut into n_blocks blocks, block b being the floats
 * [edge[b], edge[b + 1]); ownership is of whole, consecutive blocks. Needs n_lanes >= ranks.
 * Collective. Errors: ERR_MEMORY; ERR_CONFIG for more than 2^31 - 1 floats. */
ls_status ls_exchange_create(ls_comm *comm, size_t n_lanes, const size_t *edge, size_t n_blocks,
                             ls_exchange **out) LS_MUST_CHECK;
/* The same where owned[r], consecutive ranges that cover the slab, tells what rank r owns; the
 * leaves of the sum need not be lanes: rank r holds ls_share(n_leaves, ranks, r) of them. Errors:
 * as above. */
ls_status ls_exchange_create_owned(ls_comm *comm, size_t n_leaves, const ls_tree_range *owned,
                                   ls_exchange **out) LS_MUST_CHECK;

void ls_exchange_destroy(ls_exchange *ex);

/* The floats of the slab that a rank owns. Not collective. */
ls_tree_range ls_exchange_owned(const ls_exchange *ex, int rank);

/* root[i] is this rank's i-th root, a whole slab. Gives the sums over all lanes of the range
 * that this rank owns: (*sum)[j] belongs to the slab's float owned.first + j. *sum lives until
 * the next call. Collective. */
ls_status ls_exchange_reduce(ls_exchange *ex, const float *const *root,
                             const float **sum) LS_MUST_CHECK;

/* Every rank's owned range of slab goes to all. Collective. */
ls_status ls_exchange_gather(ls_exchange *ex, float *slab) LS_MUST_CHECK;

/* Bytes that this rank sends in one reduce and one gather. Not collective. */
size_t ls_exchange_bytes(const ls_exchange *ex);

#endif
