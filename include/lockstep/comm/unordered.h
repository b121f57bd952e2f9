/* The sum of floats over the ranks in whatever order MPI likes.
 *
 * Why here: a benchmark has to say how fast the exchange (exchange.h) is beside what MPI offers for
 * the same bytes. Never for a result: the order of these sums, and with it their bits, depends on
 * the number of ranks, on the library and on the message's size. The linter lets src/bench alone
 * call it.
 */
#ifndef LS_COMM_UNORDERED_H
#define LS_COMM_UNORDERED_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"

/* sum[i] = the sum of mine[i] of all ranks, by MPI_Allreduce; at most 2^31 - 1 floats. Waits inside
 * MPI: a rank that stalls meanwhile is not noticed before the next call that watches. Collective.
 */
ls_status ls_allreduce_unordered(ls_comm *comm, const float *mine, size_t floats,
                                 float *sum) LS_MUST_CHECK;

#endif
