/* The wait that every communication of comm ends with.
 *
 * Why here: MPI has no time limit for a wait, so lockstep polls, and looks now and then whether
 * another rank has stalled (watch.c). Never sleeps: polling is what moves Open MPI's messages. */
#include "internal.h"
#include "lockstep/base/clock.h"
#include "watch.h"

/* Polls between two looks: few enough where every poll gives the processor away. */
#define POLLS_A_LOOK 16

static void poll_until(ls_comm *comm, bool (*is_over)(void *context), void *context,
                       const char *operation) {
    for (unsigned polls = 1; !is_over(context); polls++)
        if (comm->watch != NULL && polls % POLLS_A_LOOK == 0)
            ls_watch_look(comm->watch, operation);
    if (comm->watch != NULL)
        ls_watch_end(comm->watch);
}

void ls_comm_wait_until(ls_comm *comm, bool (*is_over)(void *context), void *context,
                        const char *operation) {
    const double begin = ls_clock_s();
    poll_until(comm, is_over, context, operation);
    comm->waited_s += ls_clock_s() - begin;
}

typedef struct requests {
    ls_comm *comm;
    int n;
    MPI_Request *request;
    const char *operation;
} requests;

static bool are_complete(void *context) {
    const requests *r = context;
    int done = 0;
    ls_comm_check(r->comm, MPI_Testall(r->n, r->request, &done, MPI_STATUSES_IGNORE), r->operation);
    return done != 0;
}

void ls_comm_wait(ls_comm *comm, int n, MPI_Request *request, const char *operation) {
    const double begin = ls_clock_s();
    requests r = {comm, n, request, operation};
    if (comm->watch == NULL)
        ls_comm_check(comm, MPI_Waitall(n, request, MPI_STATUSES_IGNORE), operation);
    else
        poll_until(comm, are_complete, &r, operation);
    comm->waited_s += ls_clock_s() - begin;
}
