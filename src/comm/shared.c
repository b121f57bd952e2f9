/* Shared memory of a group of ranks. Why here: see shared.h. */
#include "shared.h"

#include <sched.h>
#include <stdatomic.h>

#include "lockstep/base/memory.h"
#include "lockstep/base/shared_memory.h"

#define PAGE ((size_t)4096)

/* How many barriers a rank has reached; a cache line of its own. */
typedef struct ls_arrival {
    _Alignas(64) _Atomic uint64_t count;
} ls_arrival;

struct ls_shared {
    ls_comm *comm;
    ls_tree_range group;     /* ranks */
    ls_shared_memory memory; /* arrivals [group], then the group's bytes */
    ls_arrival *arrival;
    char *own; /* the memory of a group of one */
    uint64_t barriers;
};

static bool is_alone(const ls_shared *sh) {
    return sh->group.count == 1;
}

static size_t arrivals_bytes(const ls_shared *sh) {
    return (sh->group.count * sizeof(ls_arrival) + PAGE - 1) / PAGE * PAGE;
}

/* The first of the group tells the others where it is. */
static void tell_name(const ls_shared *sh, ls_shared_name *name) {
    const int first = (int)sh->group.first;
    if (sh->comm->rank != first) {
        ls_receive(sh->comm, name, sizeof *name, first);
        return;
    }
    for (size_t i = 1; i < sh->group.count; i++)
        ls_send(sh->comm, name, sizeof *name, first + (int)i);
}

/* Collective: also a group of one takes part in the agreements. */
static ls_status map_memory(ls_shared *sh, size_t bytes) {
    ls_shared_name name = {0};
    const bool first = sh->comm->rank == (int)sh->group.first;
    const size_t all = arrivals_bytes(sh) + bytes;
    ls_status st = LS_OK;
    if (is_alone(sh))
        st = ls_alloc(bytes, 1, "exchange", &sh->own);
    else if (first)
        st = ls_shared_memory_create(all, &sh->memory, &name);
    LS_TRY(ls_agree(sh->comm, st));
    if (!is_alone(sh))
        tell_name(sh, &name);
    if (!is_alone(sh) && !first)
        st = ls_shared_memory_open(&name, all, &sh->memory);
    LS_TRY(ls_agree(sh->comm, st));
    ls_shared_memory_seal(&sh->memory);
    return LS_OK;
}

ls_status ls_shared_create(ls_comm *comm, ls_tree_range group, size_t bytes, ls_shared **out) {
    ls_shared *sh = NULL;
    LS_TRY(ls_agree(comm, ls_alloc(1, sizeof *sh, "exchange", &sh)));
    sh->comm = comm;
    sh->group = group;
    const ls_status st = map_memory(sh, bytes);
    if (st != LS_OK) {
        ls_shared_destroy(sh);
        return st;
    }
    sh->arrival = (ls_arrival *)(void *)sh->memory.at;
    *out = sh;
    return LS_OK;
}

void ls_shared_destroy(ls_shared *sh) {
    if (sh == NULL)
        return;
    ls_shared_memory_close(&sh->memory);
    ls_free(sh->own);
    ls_free(sh);
}

char *ls_shared_at(const ls_shared *sh) {
    return is_alone(sh) ? sh->own : sh->memory.at + arrivals_bytes(sh);
}

/* Gives the processor away in between: a machine may have more ranks than cores. */
static bool all_are_here(void *context) {
    const ls_shared *sh = context;
    for (size_t i = 0; i < sh->group.count; i++)
        if (atomic_load_explicit(&sh->arrival[i].count, memory_order_acquire) < sh->barriers) {
            (void)sched_yield();
            return false;
        }
    return true;
}

void ls_shared_barrier(ls_shared *sh, const char *operation) {
    if (is_alone(sh))
        return;
    const size_t me = (size_t)sh->comm->rank - sh->group.first;
    sh->barriers++;
    atomic_store_explicit(&sh->arrival[me].count, sh->barriers, memory_order_release);
    ls_comm_wait_until(sh->comm, all_are_here, sh, operation);
}
