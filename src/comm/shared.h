/* Memory that a group of ranks of one machine shares, and the barrier that orders its use.
 *
 * Why here: within a machine a rank can read what another has computed where it lies. Never says
 * what lies in the memory. */
#ifndef LS_COMM_SHARED_H
#define LS_COMM_SHARED_H

#include "internal.h"

typedef struct ls_shared ls_shared;

/* bytes that are 0 for all ranks of `group`, consecutive ranks of one machine of which this is one;
 * every rank is in a group of its own or with others, and each of a group says the same. A group of
 * one has memory of its own. Collective. Errors: ERR_MEMORY; ERR_RUNTIME where the system lets the
 * processes share none. Agreed. */
ls_status ls_shared_create(ls_comm *comm, ls_tree_range group, size_t bytes,
                           ls_shared **out) LS_MUST_CHECK;
void ls_shared_destroy(ls_shared *sh);

/* Aligned to a page where it is shared, else as ls_alloc does. */
char *ls_shared_at(const ls_shared *sh);

/* Returns when all of the group have called it, and what they wrote before can be read.
 * operation: as for ls_comm_wait. */
void ls_shared_barrier(ls_shared *sh, const char *operation);

#endif
