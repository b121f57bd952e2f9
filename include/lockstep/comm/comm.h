/* The ranks of a run: agreement, broadcast, ordered exchange.
 *
 * Why here: the only caller of MPI. A function that takes an ls_comm is collective: all ranks
 * call it in the same order and it returns the same status on every rank, except where it says
 * otherwise. An error of MPI itself is a panic: one line, then MPI_Abort. No floating-point
 * number of a result is ever summed by MPI. Never sees a layer or a file.
 */
#ifndef LS_COMM_COMM_H
#define LS_COMM_COMM_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/tree.h"

typedef struct ls_comm ls_comm;

/* The consecutive share [n * part / parts, n * (part + 1) / parts) of n things: how lanes and
 * blocks are dealt to ranks. Not collective. */
ls_tree_range ls_share(size_t n, size_t parts, size_t part);

/* Starts MPI (MPI_THREAD_FUNNELED) and gives the communicator of all ranks. Errors:
 * ERR_RUNTIME. */
ls_status ls_comm_init(int *argc, char ***argv, ls_comm **out) LS_MUST_CHECK;

/* Ends MPI and frees. Collective. */
void ls_comm_finalize(ls_comm *comm);

/* From now on the ranks notice when one of them stalls. When one has kept the others waiting for
 * notice_s seconds, the lowest rank that waits names it, with its host and process, in a warning
 * to its log (NULL: to stderr); after timeout_s (INFINITY: never; at most notice_s later) the same
 * as the run's one error line, then MPI_Abort with the exit code of ERR_RUNTIME. The log must live
 * until ls_comm_finalize. Collective, once. Errors: ERR_MEMORY, agreed. */
ls_status ls_comm_watch(ls_comm *comm, double notice_s, double timeout_s,
                        ls_log *log) LS_MUST_CHECK;

/* Seconds that this rank has waited for others so far. Not collective. */
double ls_comm_waited_s(const ls_comm *comm);

/* What the program is at, for these messages: "epoch 3, step 17". Not collective. */
void ls_comm_activity(ls_comm *comm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The most bytes that one message holds, the same on all ranks: 1 GiB unless a test wants to see
 * longer data go in pieces. Not collective. */
void ls_comm_limit_messages(ls_comm *comm, size_t bytes);

/* Not collective. */
int ls_comm_rank(const ls_comm *comm);
int ls_comm_size(const ls_comm *comm);

/* The blocks (bytes each) of all ranks that share this rank's machine, in rank order: *all
 * (ls_free) holds *ranks of them, this rank's being number *me. Collective. Errors: ERR_MEMORY,
 * agreed. */
ls_status ls_allgather_node(ls_comm *comm, const void *mine, size_t bytes, void **all,
                            size_t *ranks, size_t *me) LS_MUST_CHECK;

/* "Open MPI v4.1.4": the version of the library in use, before or after ls_comm_init; buffer
 * holds at least size bytes. Returns buffer. */
char *ls_comm_version(char *buffer, size_t size);

/* The status of the lowest rank whose status is not LS_OK, with its message and hint in every
 * rank's error record; LS_OK where all are. */
ls_status ls_agree(ls_comm *comm, ls_status st) LS_MUST_CHECK;

/* Copies bytes from the root to all others. */
ls_status ls_broadcast(ls_comm *comm, void *data, size_t bytes, int root) LS_MUST_CHECK;

/* *data (*bytes of it) of the root goes to all; other ranks get an allocation (ls_free).
 * Errors: ERR_MEMORY, agreed. */
ls_status ls_broadcast_alloc(ls_comm *comm, void **data, size_t *bytes, int root) LS_MUST_CHECK;

/* Every rank's block, in rank order, on all ranks: rank r gives bytes[r] bytes, the result is
 * their concatenation in all, where a rank's own block already stands in its place. */
ls_status ls_allgather_blocks(ls_comm *comm, void *all, const size_t *bytes) LS_MUST_CHECK;

/* Every rank's number, in rank order: *all (ls_free) on all ranks. Errors: ERR_MEMORY, agreed. */
ls_status ls_allgather_numbers(ls_comm *comm, double mine, double **all) LS_MUST_CHECK;

/* Every rank's block of sizes bytes[r] to rank 0, in rank order; all is used on rank 0 only. */
ls_status ls_gather_blocks(ls_comm *comm, const void *mine, const size_t *bytes,
                           void *all) LS_MUST_CHECK;

void ls_barrier(ls_comm *comm);

/* Sends bytes to, or receives exactly bytes from, one rank. Not collective: the two ranks
 * named call it as a pair. */
void ls_send(ls_comm *comm, const void *data, size_t bytes, int to);
void ls_receive(ls_comm *comm, void *data, size_t bytes, int from);

/* A broken invariant: the run's one error line, with rank and place, on stderr, then MPI_Abort with
 * the exit code of ERR_RUNTIME. Does not return. */
_Noreturn void ls_panic(ls_comm *comm, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
