/* What the files of comm share: the communicator, the check of every MPI call and the wait that
 * every communication ends with. */
#ifndef LS_COMM_INTERNAL_H
#define LS_COMM_INTERNAL_H

#include <mpi.h>
#include <stdbool.h>

#include "lockstep/comm/comm.h"

typedef struct ls_watch ls_watch;

struct ls_comm {
    MPI_Comm mpi;
    int rank, size;
    MPI_Request *request; /* [2 * size] room for a message to and from everybody */
    size_t message_bytes; /* the most that one message holds */
    double waited_s;      /* in ls_comm_wait and ls_comm_wait_until */
    char activity[64];    /* what the program is at, or "" */
    ls_watch *watch;      /* NULL: nobody watches for stalled ranks */
};

/* A failed MPI call is a panic that names the call. */
#define LS_MPI(comm, call) ls_comm_check((comm), (call), #call)
void ls_comm_check(ls_comm *comm, int code, const char *call);

/* machine[r] = the lowest rank of the machine that rank r runs on. Collective. */
void ls_comm_machines(ls_comm *comm, int *machine);

/* The one error line, and a hint (NULL: none), of a run that no status can end; then MPI_Abort. */
_Noreturn void ls_comm_abort(const char *text, const char *hint);

/* wait.c: completes n requests. Every wait of comm ends here, so that a stalled rank is noticed;
 * operation tells a user what is waited for: "exchange of gradients". */
void ls_comm_wait(ls_comm *comm, int n, MPI_Request *request, const char *operation);

/* The same for what is no message: until is_over(context). */
void ls_comm_wait_until(ls_comm *comm, bool (*is_over)(void *context), void *context,
                        const char *operation);

/* ls_allgather_blocks under another name for the user. */
void ls_comm_gather(ls_comm *comm, void *all, const size_t *bytes, const char *operation);

#endif
