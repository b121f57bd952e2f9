/* Counting, choosing and judging threads. */
#include "lockstep/train/threads.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lockstep/base/cpus.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/math.h"

/* How the ranks of one machine use it, as the lowest of them tells rank 0. */
typedef struct machine {
    char host[72]; /* "" from the others */
    ls_cpus_use use;
    int used; /* threads in the end */
} machine;

static bool is_set(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

static bool is_oversubscribed(const machine *m) {
    return m->use.load > 1.001;
}

/* Some cores always remain; more than a quarter is worth a word. */
static bool is_idle(const machine *m) {
    return (m->use.possible - m->use.threads) * 4 > m->use.possible;
}

static double worth(const machine *m) {
    if (is_oversubscribed(m))
        return 1 + m->use.load;
    return is_idle(m) ? 1 - (double)m->use.threads / m->use.possible : 0;
}

/* Fills in the threads of ranks that were not told how many (0), and judges. */
static void judge(ls_cpus *rank, size_t n, machine *out) {
    for (size_t r = 0; r < n; r++)
        if (rank[r].threads == 0)
            rank[r].threads = ls_cpus_share(rank, n, r);
    *out = (machine){0};
    ls_cpus_judge(rank, n, &out->use);
    if (is_oversubscribed(out) && !is_set("OMP_WAIT_POLICY") && !is_set("GOMP_SPINCOUNT"))
        for (size_t r = 0; r < n; r++) {
            int share = ls_cpus_share(rank, n, r);
            rank[r].threads = rank[r].threads < share ? rank[r].threads : share;
        }
    for (size_t r = 0; r < n; r++)
        out->used += rank[r].threads;
}

static const char *plural(int n) {
    return n == 1 ? "" : "s";
}

static void say_mend(const machine *m, char *text, size_t size) {
    const ls_cpus_use *u = &m->use;
    if (u->cores < u->possible)
        snprintf(text, size,
                 "the ranks are bound to %d of %d cores: mpirun --map-by slot:PE=%d, or --bind-to "
                 "none; srun --cpus-per-task=%d",
                 u->cores, u->possible, u->fit, u->fit);
    else if (is_oversubscribed(m) && u->ranks > u->processors)
        snprintf(text, size, "start at most %d rank%s a machine", u->processors,
                 plural(u->processors));
    else if (u->threads == u->ranks * u->fit)
        snprintf(text, size, "start as many ranks a machine as divide its cores evenly");
    else
        snprintf(text, size, "set OMP_NUM_THREADS=%d, or leave it unset", u->fit);
}

static void describe(const machine *m, char *text, size_t size) {
    const ls_cpus_use *u = &m->use;
    char mend[256], ranks[96], used[48] = "";
    say_mend(m, mend, sizeof mend);
    snprintf(ranks, sizeof ranks, "%d rank%s with %d thread%s", u->ranks, plural(u->ranks),
             u->threads, plural(u->threads));
    if (m->used < u->threads)
        snprintf(used, sizeof used, " (%d used)", m->used);
    if (is_oversubscribed(m))
        snprintf(text, size, "%s: %s%s on %d processor%s; %s", m->host, ranks, used, u->processors,
                 plural(u->processors), mend);
    else
        snprintf(text, size, "%s: %d of %d cores are left idle by %s; %s", m->host,
                 u->possible - u->threads, u->possible, ranks, mend);
}

/* Rank 0 hears of all machines and describes the worst. */
static ls_status report(ls_comm *comm, const machine *mine, char *warning, size_t size) {
    size_t ranks = (size_t)ls_comm_size(comm), *bytes = NULL;
    machine *all = NULL;
    ls_status st = ls_alloc(ranks, sizeof *bytes, "machines", &bytes);
    if (st == LS_OK && ls_comm_rank(comm) == 0)
        st = ls_alloc(ranks, sizeof *all, "machines", &all);
    st = ls_agree(comm, st);
    for (size_t r = 0; st == LS_OK && r < ranks; r++)
        bytes[r] = sizeof *mine;
    if (st == LS_OK)
        st = ls_gather_blocks(comm, mine, bytes, all);
    if (st == LS_OK && all != NULL) {
        const machine *worst = &all[0];
        for (size_t r = 1; r < ranks; r++)
            if (worth(&all[r]) > worth(worst))
                worst = &all[r];
        if (worth(worst) > 0)
            describe(worst, warning, size);
    }
    ls_free(bytes);
    ls_free(all);
    return st;
}

ls_status ls_threads_share(ls_comm *comm, char *warning, size_t size) {
    ls_cpus mine, *all = NULL;
    void *gathered = NULL;
    machine m = {0};
    size_t n = 0, me = 0;
    warning[0] = '\0';
    ls_cpus_find(&mine);
    mine.threads = is_set("OMP_NUM_THREADS") ? ls_math_threads() : 0;
    LS_TRY(ls_allgather_node(comm, &mine, sizeof mine, &gathered, &n, &me));
    all = gathered;
    judge(all, n, &m);
    if (all[me].threads > 0)
        ls_math_set_threads(all[me].threads);
    ls_free(all);
    if (me != 0)
        m = (machine){0};
    else
        (void)gethostname(m.host, sizeof m.host - 1);
    return report(comm, &m, warning, size);
}
