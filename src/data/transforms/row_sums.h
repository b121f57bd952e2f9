/* Sums over the training rows, shared out over the ranks, whose bits do not depend on them.
 *
 * Why here: what mixes columns is fitted to such sums. Never knows what is summed. */
#ifndef LS_DATA_TRANSFORMS_ROW_SUMS_H
#define LS_DATA_TRANSFORMS_ROW_SUMS_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"

/* Adds rows [first, first + n) to sum. Not collective. */
typedef ls_status ls_row_term(void *context, size_t first, size_t n, double *sum);

/* The most rows of which this rank adds terms, for progress. */
size_t ls_row_sum_share(const ls_comm *comm, size_t rows);

/* sum[values] of all rows, on rank 0 (others may give NULL): of fixed groups of consecutive rows,
 * one rank each, in the tree of base/tree.h. Collective. Errors: the term's; ERR_MEMORY. */
ls_status ls_row_sum(ls_comm *comm, size_t rows, size_t values, ls_row_term *term, void *context,
                     double *sum) LS_MUST_CHECK;

#endif
