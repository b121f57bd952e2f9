/* Starting and ending MPI, agreement, broadcasts and gathers. Never sums a float. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "watch.h"

/* One message holds at most this much, so that a count fits MPI's int. */
#define MESSAGE_BYTES ((size_t)1 << 30)

void ls_comm_abort(const char *text, const char *hint) {
    fprintf(stderr, "lockstep: error: %s\n", text);
    if (hint != NULL)
        fprintf(stderr, "hint: %s\n", hint);
    fflush(stderr);
    MPI_Abort(MPI_COMM_WORLD, ls_status_exit_code(LS_ERR_RUNTIME));
    __builtin_trap();
}

_Noreturn void ls_panic(ls_comm *comm, const char *where, const char *format, ...) {
    char what[1024], text[1280];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(text, sizeof text, "rank %d: %s: %s", comm != NULL ? comm->rank : 0, where, what);
    ls_comm_abort(text, NULL);
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

/* A process that was not started as a rank would start a daemon of Open MPI 4, which serves only to
 * spawn others. It takes half the time of a short command (measured), and where it outlives the
 * command it holds the pipe open that the output goes to. */
static void do_without_daemon(void) {
    (void)setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
}

/* Over TCP, Open MPI's put takes a long message to a connection as a whole, and the other side's
 * leave to send waits behind it: with long messages both ways one side may wait for the other in
 * turn. Measured over 1 Gbit/s: 3.75 s in two of five runs, 1.95 to 2.16 in the others and by
 * pieces.
 */
static void send_in_pieces(void) {
    (void)setenv("OMPI_MCA_btl_tcp_flags", "send,inplace", 0);
}

ls_status ls_comm_init(int *argc, char ***argv, ls_comm **out) {
    ls_comm *comm;
    LS_TRY(ls_alloc(1, sizeof *comm, "communicator", &comm));
    int provided = MPI_THREAD_SINGLE;
    do_without_daemon();
    send_in_pieces();
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
    comm->message_bytes = MESSAGE_BYTES;
    if (ls_alloc(2 * (size_t)comm->size, sizeof(MPI_Request), "communicator", &comm->request) !=
        LS_OK)
        ls_panic(comm, "ls_comm_init", "out of memory");
    *out = comm;
    return LS_OK;
}

void ls_comm_finalize(ls_comm *comm) {
    if (comm->watch != NULL)
        ls_watch_close(comm->watch);
    LS_MPI(comm, MPI_Finalize());
    ls_free(comm->request);
    ls_free(comm);
}

int ls_comm_rank(const ls_comm *comm) {
    return comm->rank;
}

int ls_comm_size(const ls_comm *comm) {
    return comm->size;
}

double ls_comm_waited_s(const ls_comm *comm) {
    return comm->waited_s;
}

void ls_comm_limit_messages(ls_comm *comm, size_t bytes) {
    comm->message_bytes = bytes;
}

void ls_comm_activity(ls_comm *comm, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(comm->activity, sizeof comm->activity, format, args);
    va_end(args);
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

void ls_comm_machines(ls_comm *comm, int *machine) {
    MPI_Comm node;
    int lowest_rank = comm->rank;
    LS_MPI(comm, MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
    LS_MPI(comm, MPI_Bcast(&lowest_rank, 1, MPI_INT, 0, node));
    LS_MPI(comm, MPI_Comm_free(&node));
    LS_MPI(comm, MPI_Allgather(&lowest_rank, 1, MPI_INT, machine, 1, MPI_INT, comm->mpi));
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

/* The size of the message that begins at byte `at` of n. */
static size_t piece(const ls_comm *comm, size_t n, size_t at) {
    return n - at < comm->message_bytes ? n - at : comm->message_bytes;
}

static void isend(ls_comm *comm, const void *data, size_t bytes, int to, MPI_Request *request) {
    LS_MPI(comm, MPI_Isend(data, (int)bytes, MPI_BYTE, to, 0, comm->mpi, request));
}

static void ireceive(ls_comm *comm, void *data, size_t bytes, int from, MPI_Request *request) {
    LS_MPI(comm, MPI_Irecv(data, (int)bytes, MPI_BYTE, from, 0, comm->mpi, request));
}

/* The smallest number of all ranks. After round k a rank has heard of the 2^k ranks below it, so
 * that nobody is done before all have begun. MPI_Iallreduce takes twice as long. */
static int lowest(ls_comm *comm, int mine, const char *operation) {
    int size = comm->size;
    for (int far = 1; far < size; far *= 2) {
        int theirs = mine, said = mine;
        ireceive(comm, &theirs, sizeof theirs, (comm->rank + size - far) % size, comm->request);
        isend(comm, &said, sizeof said, (comm->rank + far) % size, comm->request + 1);
        ls_comm_wait(comm, 2, comm->request, operation);
        mine = theirs < mine ? theirs : mine;
    }
    return mine;
}

ls_status ls_agree(ls_comm *comm, ls_status st) {
    int first = lowest(comm, st == LS_OK ? INT_MAX : comm->rank, "agreement");
    if (first == INT_MAX)
        return LS_OK;
    ls_error error = *ls_error_last();
    error.status = st;
    LS_TRY(ls_broadcast(comm, &error, sizeof error, first));
    ls_error_set(&error);
    return error.status;
}

void ls_barrier(ls_comm *comm) {
    (void)lowest(comm, 0, "barrier");
}

ls_status ls_broadcast(ls_comm *comm, void *data, size_t bytes, int root) {
    for (size_t at = 0; at < bytes; at += comm->message_bytes) {
        LS_MPI(comm, MPI_Ibcast((char *)data + at, (int)piece(comm, bytes, at), MPI_BYTE, root,
                                comm->mpi, comm->request));
        ls_comm_wait(comm, 1, comm->request, "broadcast");
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

/* One round: what of every rank's block begins `at` bytes behind its first; whether any did. */
static bool gather_round(ls_comm *comm, char *all, const size_t *bytes, size_t at,
                         const char *operation) {
    int size = comm->size, n = 0;
    char *mine = all;
    bool any = bytes[comm->rank] > at;
    for (int r = 0; r < size; r++, all += bytes[r - 1]) {
        if (r == comm->rank)
            mine = all;
        else if (bytes[r] > at)
            ireceive(comm, all + at, piece(comm, bytes[r], at), r, &comm->request[n++]);
    }
    for (int k = 1; any && k < size; k++)
        isend(comm, mine + at, piece(comm, bytes[comm->rank], at), (comm->rank + k) % size,
              &comm->request[n++]);
    if (n > 0) /* a rank by itself has nobody to wait for */
        ls_comm_wait(comm, n, comm->request, operation);
    return n > 0;
}

/* Every rank sends its block to all others: as many bytes as by MPI_Allgatherv's ring, and
 * MPI_Iallgatherv takes twice as long. */
void ls_comm_gather(ls_comm *comm, void *all, const size_t *bytes, const char *operation) {
    for (size_t at = 0; gather_round(comm, all, bytes, at, operation);)
        at += comm->message_bytes;
}

ls_status ls_allgather_blocks(ls_comm *comm, void *all, const size_t *bytes) {
    ls_comm_gather(comm, all, bytes, "gathering of results");
    return LS_OK;
}

ls_status ls_allgather_numbers(ls_comm *comm, double mine, double **all) {
    const size_t ranks = (size_t)comm->size;
    double *numbers = NULL;
    size_t *bytes = NULL;
    ls_status st = ls_alloc(ranks, sizeof *numbers, "figures of the ranks", &numbers);
    if (st == LS_OK)
        st = ls_alloc(ranks, sizeof *bytes, "figures of the ranks", &bytes);
    st = ls_agree(comm, st);
    if (st == LS_OK) {
        for (size_t r = 0; r < ranks; r++)
            bytes[r] = sizeof *numbers;
        numbers[comm->rank] = mine;
        st = ls_allgather_blocks(comm, numbers, bytes);
    }
    ls_free(bytes);
    if (st == LS_OK)
        *all = numbers;
    else
        ls_free(numbers);
    return st;
}

void ls_send(ls_comm *comm, const void *data, size_t bytes, int to) {
    char operation[48];
    snprintf(operation, sizeof operation, "message to rank %d", to);
    for (size_t at = 0; at < bytes; at += comm->message_bytes) {
        isend(comm, (const char *)data + at, piece(comm, bytes, at), to, comm->request);
        ls_comm_wait(comm, 1, comm->request, operation);
    }
}

void ls_receive(ls_comm *comm, void *data, size_t bytes, int from) {
    char operation[48];
    snprintf(operation, sizeof operation, "message from rank %d", from);
    for (size_t at = 0; at < bytes; at += comm->message_bytes) {
        ireceive(comm, (char *)data + at, piece(comm, bytes, at), from, comm->request);
        ls_comm_wait(comm, 1, comm->request, operation);
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
