/* Threads of the ranks: how many each runs, and a word where they do not fit the machine.
 *
 * Why here: it joins what the machine has (base), who shares it (comm) and who uses it (math).
 * Never changes a result: bits do not depend on the number of threads.
 */
#ifndef LS_TRAIN_THREADS_H
#define LS_TRAIN_THREADS_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"

/* Sets this rank's number of threads. Without OMP_NUM_THREADS the ranks of a machine divide the
 * cores that their masks, cgroups and Slurm leave them. Where OMP_NUM_THREADS makes more threads
 * than processors, fewer are used: threads that spin while they wait would take the processors
 * from those that work; who sets OMP_WAIT_POLICY or GOMP_SPINCOUNT, too, gets what was asked for.
 *
 * Rank 0's warning (size bytes) becomes a line about the machine where cores are oversubscribed
 * worst, or left idle, and what to do; "" where all is well. Collective. Errors: ERR_MEMORY,
 * agreed. */
ls_status ls_threads_share(ls_comm *comm, char *warning, size_t size) LS_MUST_CHECK;

#endif
