/* Starting and ending MPI, agreement, broadcasts and gathers. Never sums a float. */
#include "internal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* One message holds at most this much, so that a count fits MPI's int. */
#define MESSAGE_BYTES ((size_t)1 << 30)

_Noreturn void ls_panic(ls_comm *comm, const char *where, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "lockstep: panic: rank %d: %s: %s\n", comm != NULL ? comm->rank : 0, where,
            text);
    fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, ls_status_exit_code(LS_ERR_RUNTIME));
    __builtin_trap();
}

void ls_comm_check(ls_comm *comm, int code, const char *call) {
    if (code == MPI_SUCCESS)
        return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    int name_length = (int)strcspn(call, "(");
    char name[64];
    snprintf(name, sizeof name, "%.*s", name_length, call);
    ls_panic(comm, name, "%s", text);
}

ls_status ls_comm_init(int *argc, char ***argv, ls_comm **out) {
    ls_comm *comm;
    LS_TRY(ls_alloc(1, sizeof *comm, "communicator", &comm));
    int provided = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        ls_free(comm);
        return ls_fail(LS_ERR_RUNTIME, "MPI_Init_thread", "MPI could not be started");
    }
    comm->mpi = MPI_COMM_WORLD;
    LS_MPI(comm, MPI_Comm_set_errhandler(comm->mpi, MPI_ERRORS_RETURN));
    LS_MPI(comm, MPI_Comm_rank(comm->mpi, &comm->rank));
    LS_MPI(comm, MPI_Comm_size(comm->mpi, &comm->size));
    if (provided < MPI_THREAD_FUNNELED)
        ls_panic(comm, "MPI_Init_thread", "this MPI does not allow threads beside it");
    ls_status st = ls_alloc((size_t)comm->size, sizeof(int), "communicator", &comm->counts);
    if (st == LS_OK)
        st = ls_alloc((size_t)comm->size, sizeof(int), "communicator", &comm->offsets);
    if (st != LS_OK)
        ls_panic(comm, "ls_comm_init", "out of memory");
    *out = comm;
    return LS_OK;
}

void ls_comm_finalize(ls_comm *comm) {
    MPI_Finalize();
    ls_free(comm->counts);
    ls_free(comm->offsets);
    ls_free(comm);
}

int ls_comm_rank(const ls_comm *comm) {
    return comm->rank;
}

int ls_comm_size(const ls_comm *comm) {
    return comm->size;
}

ls_status ls_allgather_node(ls_comm *comm, const void *mine, size_t bytes, void **all,
                            size_t *ranks, size_t *me) {
    MPI_Comm node;
    int size = 1, rank = 0;
    LS_MPI(comm, MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
    LS_MPI(comm, MPI_Comm_size(node, &size));
    LS_MPI(comm, MPI_Comm_rank(node, &rank));
    *ranks = (size_t)size;
    *me = (size_t)rank;
    ls_status st = ls_agree(comm, ls_alloc(*ranks, bytes, "facts of the ranks", all));
    if (st == LS_OK)
        LS_MPI(comm, MPI_Allgather(mine, (int)bytes, MPI_BYTE, *all, (int)bytes, MPI_BYTE, node));
    else
        ls_free(*all);
    LS_MPI(comm, MPI_Comm_free(&node));
    return st;
}

ls_tree_range ls_share(size_t n, size_t parts, size_t part) {
    size_t first = n * part / parts, last = n * (part + 1) / parts;
    return (ls_tree_range){first, last - first};
}

char *ls_comm_version(char *buffer, size_t size) {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    if (MPI_Get_library_version(text, &length) != MPI_SUCCESS)
        snprintf(text, sizeof text, "unknown");
    text[strcspn(text, ",\n")] = '\0';
    snprintf(buffer, size, "%s", text);
    return buffer;
}

ls_status ls_agree(ls_comm *comm, ls_status st) {
    int mine = st == LS_OK ? INT_MAX : comm->rank, lowest = INT_MAX;
    LS_MPI(comm, MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm->mpi));
    if (lowest == INT_MAX)
        return LS_OK;
    ls_error error = *ls_error_last();
    error.status = st;
    LS_MPI(comm, MPI_Bcast(&error, (int)sizeof error, MPI_BYTE, lowest, comm->mpi));
    ls_error_set(&error);
    return error.status;
}

ls_status ls_broadcast(ls_comm *comm, void *data, size_t bytes, int root) {
    char *at = data;
    while (bytes > 0) {
        size_t part = bytes < MESSAGE_BYTES ? bytes : MESSAGE_BYTES;
        LS_MPI(comm, MPI_Bcast(at, (int)part, MPI_BYTE, root, comm->mpi));
        at += part;
        bytes -= part;
    }
    return LS_OK;
}

ls_status ls_broadcast_alloc(ls_comm *comm, void **data, size_t *bytes, int root) {
    LS_TRY(ls_broadcast(comm, bytes, sizeof *bytes, root));
    ls_status st = LS_OK;
    void *mine = *data;
    if (comm->rank != root)
        st = ls_alloc(*bytes, 1, "broadcast data", &mine);
    st = ls_agree(comm, st);
    if (st != LS_OK) {
        if (comm->rank != root)
            ls_free(mine);
        return st;
    }
    *data = mine;
    return ls_broadcast(comm, mine, *bytes, root);
}

/* One call where MPI's ints can count it, else a broadcast a rank. */
ls_status ls_allgather_blocks(ls_comm *comm, void *all, const size_t *bytes) {
    size_t offset = 0;
    for (int r = 0; r < comm->size; r++) {
        comm->counts[r] = (int)(bytes[r] & INT_MAX);
        comm->offsets[r] = (int)(offset & INT_MAX);
        offset += bytes[r];
    }
    if (offset <= MESSAGE_BYTES) {
        LS_MPI(comm, MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, comm->counts,
                                    comm->offsets, MPI_BYTE, comm->mpi));
        return LS_OK;
    }
    offset = 0;
    for (int r = 0; r < comm->size; r++) {
        LS_TRY(ls_broadcast(comm, (char *)all + offset, bytes[r], r));
        offset += bytes[r];
    }
    return LS_OK;
}

void ls_send(ls_comm *comm, const void *data, size_t bytes, int to) {
    const char *at = data;
    while (bytes > 0) {
        size_t part = bytes < MESSAGE_BYTES ? bytes : MESSAGE_BYTES;
        LS_MPI(comm, MPI_Send(at, (int)part, MPI_BYTE, to, 0, comm->mpi));
        at += part;
        bytes -= part;
    }
}

void ls_receive(ls_comm *comm, void *data, size_t bytes, int from) {
    char *at = data;
    while (bytes > 0) {
        size_t part = bytes < MESSAGE_BYTES ? bytes : MESSAGE_BYTES;
        LS_MPI(comm, MPI_Recv(at, (int)part, MPI_BYTE, from, 0, comm->mpi, MPI_STATUS_IGNORE));
        at += part;
        bytes -= part;
    }
}

ls_status ls_gather_blocks(ls_comm *comm, const void *mine, const size_t *bytes, void *all) {
    if (comm->rank != 0) {
        ls_send(comm, mine, bytes[comm->rank], 0);
        return LS_OK;
    }
    char *at = all;
    if (bytes[0] > 0)
        memmove(at, mine, bytes[0]);
    for (int r = 1; r < comm->size; r++) {
        at += bytes[r - 1];
        ls_receive(comm, at, bytes[r], r);
    }
    return LS_OK;
}

void ls_barrier(ls_comm *comm) {
    LS_MPI(comm, MPI_Barrier(comm->mpi));
}
