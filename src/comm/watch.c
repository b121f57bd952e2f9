/* Who has stalled: what the ranks that wait tell each other.
 *
 * A rank that waits for longer than a moment says so to all others, again and again: for how
 * long, and in which operation. A rank that says nothing does not wait, so it is what the others
 * wait for: it is late. The lowest rank that waits speaks for all: after notice_s it names the
 * late ranks once, after timeout_s it ends the run. Since silence is what tells, no message has
 * to be taken back, and it does not matter that the ranks wait in different operations.
 *
 * Why here: no thread, no signal and no cost in a wait that is short. The messages have a
 * communicator of their own. A wait is measured only while its rank polls: one that was stopped
 * itself, or a job that was suspended as a whole, wakes up without a grudge. */
#include "watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

/* Ranks that a message names; it counts the others. */
#define NAMED_MAX 4

/* Two looks of a rank that runs are not further apart. */
#define STEP_MAX_S 1.0

/* What a waiting rank says. */
typedef struct beat {
    double waited_s;
    char operation[128];
} beat;

typedef struct process {
    char host[64];
    int pid;
} process;

typedef struct peer {
    beat said, heard;
    double heard_at_s;    /* by time_s; -INFINITY: never */
    double heard_clock_s; /* by ls_clock_s */
    int n_said, n_heard;
} peer;

struct ls_watch {
    ls_comm *comm;
    MPI_Comm mpi;
    ls_log *log, *own_log; /* own_log: of a rank that has no other */
    double notice_s, timeout_s;
    double silent_s;        /* who was not heard for that long does not wait */
    double time_s, seen_s;  /* all time spent in waits; the clock at the last look */
    double since_s, next_s; /* by time_s: the begin of this wait, the next message */
    bool waiting, has_spoken;
    process *process;    /* [size] */
    peer *peer;          /* [size] */
    MPI_Request *saying; /* [size] */
};

static void free_watch(ls_watch *w) {
    if (w == NULL)
        return;
    ls_log_destroy(w->own_log);
    ls_free(w->process);
    ls_free(w->peer);
    ls_free(w->saying);
    ls_free(w);
}

static ls_status create_watch(ls_comm *comm, double notice_s, double timeout_s, ls_log *log,
                              ls_watch **out) {
    ls_watch *w = NULL;
    LS_TRY(ls_alloc(1, sizeof *w, "watch", &w));
    *w = (ls_watch){.comm = comm,
                    .log = log,
                    .notice_s = notice_s,
                    .timeout_s = timeout_s,
                    .silent_s = notice_s / 2,
                    .seen_s = ls_clock_s()};
    ls_status st = ls_alloc((size_t)comm->size, sizeof *w->peer, "watch", &w->peer);
    if (st == LS_OK)
        st = ls_alloc((size_t)comm->size, sizeof *w->process, "watch", &w->process);
    if (st == LS_OK)
        st = ls_alloc((size_t)comm->size, sizeof(MPI_Request), "watch", &w->saying);
    if (st == LS_OK && log == NULL)
        st = ls_log_create(false, &w->own_log);
    if (st == LS_OK)
        *out = w;
    else
        free_watch(w);
    return st;
}

ls_status ls_comm_watch(ls_comm *comm, double notice_s, double timeout_s, ls_log *log) {
    ls_watch *w = NULL;
    if (comm->size == 1)
        return LS_OK;
    ls_status st = create_watch(comm, notice_s, timeout_s, log, &w);
    st = ls_agree(comm, st);
    if (st != LS_OK) {
        free_watch(w);
        return st;
    }
    for (int r = 0; r < comm->size; r++) {
        w->saying[r] = MPI_REQUEST_NULL;
        w->peer[r].heard_at_s = w->peer[r].heard_clock_s = -INFINITY;
    }
    process *me = &w->process[comm->rank];
    (void)gethostname(me->host, sizeof me->host - 1);
    me->pid = (int)getpid();
    LS_MPI(comm, MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, w->process, (int)sizeof *me,
                               MPI_BYTE, comm->mpi));
    LS_MPI(comm, MPI_Comm_dup(comm->mpi, &w->mpi));
    comm->watch = w;
    return LS_OK;
}

static void hear_one(ls_watch *w, int from) {
    peer *p = &w->peer[from];
    LS_MPI(w->comm,
           MPI_Recv(&p->heard, (int)sizeof p->heard, MPI_BYTE, from, 0, w->mpi, MPI_STATUS_IGNORE));
    p->heard_at_s = w->time_s;
    p->heard_clock_s = w->seen_s;
    p->n_heard++;
}

static void hear(ls_watch *w) {
    for (;;) {
        int there = 0;
        MPI_Status status;
        LS_MPI(w->comm, MPI_Iprobe(MPI_ANY_SOURCE, 0, w->mpi, &there, &status));
        if (!there)
            return;
        hear_one(w, status.MPI_SOURCE);
    }
}

/* To a rank that has not taken the message before, nothing is said. */
static void say(ls_watch *w, const beat *b) {
    for (int r = 0; r < w->comm->size; r++) {
        peer *p = &w->peer[r];
        int done = 0;
        if (r == w->comm->rank)
            continue;
        LS_MPI(w->comm, MPI_Test(&w->saying[r], &done, MPI_STATUS_IGNORE));
        if (!done)
            continue;
        p->said = *b;
        LS_MPI(w->comm,
               MPI_Isend(&p->said, (int)sizeof p->said, MPI_BYTE, r, 0, w->mpi, w->saying + r));
        p->n_said++;
    }
}

static bool waits(const ls_watch *w, int rank) {
    return rank == w->comm->rank || w->time_s - w->peer[rank].heard_at_s < w->silent_s;
}

/* "rank 2 (node7, pid 4711) has", or "ranks 2 (...), 5 (...) and 3 more have"; how many are late.
 */
static int name_late(const ls_watch *w, char *text, size_t size) {
    int n = 0, named = 0;
    size_t used = 0;
    for (int r = 0; r < w->comm->size; r++)
        n += !waits(w, r);
    used += (size_t)snprintf(text, size, "rank%s", n == 1 ? "" : "s");
    for (int r = 0; r < w->comm->size && named < NAMED_MAX; r++) {
        if (waits(w, r))
            continue;
        const char *before = named == 0 ? " " : named + 1 == n ? " and " : ", ";
        used += (size_t)snprintf(text + used, size - used, "%s%d (%s, pid %d)", before, r,
                                 w->process[r].host, w->process[r].pid);
        named++;
    }
    if (n > named)
        used += (size_t)snprintf(text + used, size - used, " and %d more", n - named);
    (void)snprintf(text + used, size - used, n == 1 ? " has" : " have");
    return n;
}

/* Says what there is to say of late_s seconds of waiting; what might help. */
static const char *describe(const ls_watch *w, double late_s, const char *operation, char *text,
                            size_t size) {
    char late[NAMED_MAX * 96 + 64], time[32];
    int n_late = name_late(w, late, sizeof late), n = w->comm->size - n_late;
    (void)ls_print_duration(late_s, time);
    if (n_late == 0) {
        (void)snprintf(text, size,
                       "all ranks have waited for each other for %s, one of them in the %s", time,
                       operation);
        return "a message got lost: look at the network between the machines";
    }
    (void)snprintf(text, size, "%s kept %d rank%s waiting for %s in the %s", late, n,
                   n == 1 ? "" : "s", time, operation);
    return "look at that machine: does it swap, is a disk gone, was the process stopped? "
           "--stall-timeout sets how long the others wait";
}

/* How long rank r has been waiting. */
static double waited(const ls_watch *w, int r) {
    return r == w->comm->rank ? w->time_s - w->since_s
                              : w->peer[r].heard.waited_s + w->time_s - w->peer[r].heard_at_s;
}

/* How long the late ranks have been late: the longest that another has waited, but not longer
 * than they have been silent, since in a long wait one rank may be late after the other. Where no
 * rank is late, how long all have waited. *longest is the rank that has waited longest. */
static double lateness(const ls_watch *w, int *longest) {
    double all_s = INFINITY, silence_s = 0;
    *longest = w->comm->rank;
    for (int r = 0; r < w->comm->size; r++)
        if (!waits(w, r)) {
            silence_s = fmax(silence_s, w->seen_s - w->peer[r].heard_clock_s);
        } else {
            all_s = fmin(all_s, waited(w, r));
            *longest = waited(w, r) > waited(w, *longest) ? r : *longest;
        }
    return silence_s > 0 ? fmin(silence_s, waited(w, *longest)) : all_s;
}

/* The lowest rank that waits speaks, as soon as it has waited long enough to have heard all
 * others that do. */
static void judge(ls_watch *w, const beat *mine) {
    int longest;
    char text[LS_ERROR_MESSAGE_MAX];
    if (mine->waited_s < w->notice_s)
        return;
    for (int r = 0; r < w->comm->rank; r++)
        if (waits(w, r))
            return;
    double late_s = lateness(w, &longest);
    bool last_word = late_s >= w->timeout_s;
    if (late_s < w->notice_s || (w->has_spoken && !last_word))
        return;
    const char *operation =
        longest == w->comm->rank ? mine->operation : w->peer[longest].heard.operation;
    const char *hint = describe(w, late_s, operation, text, sizeof text);
    ls_log *log = w->log != NULL ? w->log : w->own_log;
    if (last_word) {
        ls_log_only(log, "error: %s", text);
        ls_comm_abort(text, hint);
    }
    ls_warn(log, "%s", text);
    w->has_spoken = true;
}

void ls_watch_look(ls_watch *w, const char *operation) {
    double now = ls_clock_s(), step = now - w->seen_s, moment = fmin(1, w->notice_s / 8);
    w->seen_s = now;
    if (!w->waiting) {
        w->waiting = true;
        w->since_s = w->time_s;
        w->next_s = w->time_s + moment;
        return;
    }
    w->time_s += fmin(step, STEP_MAX_S);
    if (w->time_s < w->next_s)
        return;
    const char *activity = w->comm->activity;
    beat b = {.waited_s = w->time_s - w->since_s};
    bool named = activity[0] != '\0';
    (void)snprintf(b.operation, sizeof b.operation, "%s%s%s%s", operation, named ? " (" : "",
                   activity, named ? ")" : "");
    hear(w);
    say(w, &b);
    judge(w, &b);
    /* Rarer and rarer, yet often enough not to be taken for silent. */
    w->next_s = w->time_s + fmax(moment, fmin(b.waited_s, w->notice_s) / 8);
}

void ls_watch_end(ls_watch *w) {
    char time[32];
    if (w->has_spoken)
        ls_note(w->log != NULL ? w->log : w->own_log, "the ranks go on after a wait of %s",
                ls_print_duration(w->time_s - w->since_s, time));
    w->has_spoken = w->waiting = false;
}

/* Behind the barrier nobody says anything more. */
void ls_watch_close(ls_watch *w) {
    ls_comm *comm = w->comm;
    ls_barrier(comm);
    comm->watch = NULL;
    for (int k = 1; k < comm->size; k++) {
        int to = (comm->rank + k) % comm->size, from = (comm->rank + comm->size - k) % comm->size;
        peer *p = &w->peer[from];
        int n = 0;
        LS_MPI(comm, MPI_Sendrecv(&w->peer[to].n_said, 1, MPI_INT, to, 0, &n, 1, MPI_INT, from, 0,
                                  comm->mpi, MPI_STATUS_IGNORE));
        while (p->n_heard < n)
            hear_one(w, from);
    }
    ls_comm_wait(comm, comm->size, w->saying, "end of the watch");
    LS_MPI(comm, MPI_Comm_free(&w->mpi));
    free_watch(w);
}
