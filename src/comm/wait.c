/* The wait that every communication of comm ends with.
 *
 * Why here: MPI has no time limit for a wait, so lockstep polls, and looks now and then whether
 * another rank has stalled (watch.c). A wait that is over within its first polls looks at no
 * clock. Never sleeps: polling is what moves Open MPI's messages. */
#include "internal.h"
#include "watch.h"

/* Polls between two looks: few enough where every poll gives the processor away. */
#define POLLS_A_LOOK 16

void ls_comm_wait(ls_comm *comm, int n, MPI_Request *request, const char *operation) {
    if (comm->watch == NULL) {
        ls_comm_check(comm, MPI_Waitall(n, request, MPI_STATUSES_IGNORE), operation);
        return;
    }
    int done = 0;
    for (unsigned polls = 1;; polls++) {
        ls_comm_check(comm, MPI_Testall(n, request, &done, MPI_STATUSES_IGNORE), operation);
        if (done)
            break;
        if (polls % POLLS_A_LOOK == 0)
            ls_watch_look(comm->watch, operation);
    }
    ls_watch_end(comm->watch);
}
