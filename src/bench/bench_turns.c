/* Times of rivals that take turns, on all ranks.
 *
 * Why here: on machines that are shared, two figures say something of each other only when they
 * were taken in the same moments. Never measures by itself: the works know what belongs to their
 * time.
 */
#include "bench_private.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/stop.h"

typedef struct turns {
    ls_comm *comm;
    double *all;   /* [ranks] what the turn took each */
    size_t *bytes; /* [ranks] of that */
    double *taken; /* [n][repeats] what it took the slowest */
} turns;

static ls_status allocate(turns *t, size_t n, size_t repeats) {
    const size_t ranks = (size_t)ls_comm_size(t->comm);
    LS_TRY(ls_alloc(ranks, sizeof *t->all, "times", &t->all));
    LS_TRY(ls_alloc(ranks, sizeof *t->bytes, "times", &t->bytes));
    for (size_t r = 0; r < ranks; r++)
        t->bytes[r] = sizeof *t->all;
    return ls_alloc(n * repeats, sizeof *t->taken, "times", &t->taken);
}

/* *slowest = the seconds of the rank that took longest. */
static ls_status take_turn(turns *t, ls_bench_work *work, void *context, double *slowest) {
    double mine = 0;
    ls_barrier(t->comm);
    const ls_status st = work(context, &mine);
    LS_TRY(ls_agree(t->comm, st == LS_OK && ls_stop_is_asked() ? LS_STOPPED : st));
    t->all[ls_comm_rank(t->comm)] = mine;
    LS_TRY(ls_allgather_blocks(t->comm, t->all, t->bytes));
    *slowest = 0;
    for (int r = 0; r < ls_comm_size(t->comm); r++)
        *slowest = t->all[r] > *slowest ? t->all[r] : *slowest;
    return LS_OK;
}

static ls_status take_turns(turns *t, size_t repeats, size_t n, ls_bench_work *const *work,
                            void *context) {
    double warmed = 0;
    for (size_t i = 0; i < n; i++)
        LS_TRY(take_turn(t, work[i], context, &warmed));
    for (size_t k = 0; k < repeats; k++)
        for (size_t i = 0; i < n; i++)
            LS_TRY(take_turn(t, work[i], context, &t->taken[i * repeats + k]));
    return LS_OK;
}

ls_status ls_bench_turns(ls_comm *comm, const ls_bench_options *options, size_t n,
                         ls_bench_work *const *work, void *context, double *seconds) {
    turns t = {.comm = comm};
    ls_status st = ls_agree(comm, allocate(&t, n, options->repeats));
    if (st == LS_OK)
        st = take_turns(&t, options->repeats, n, work, context);
    for (size_t i = 0; st == LS_OK && i < n; i++)
        seconds[i] = ls_bench_median(t.taken + i * options->repeats, options->repeats);
    ls_free(t.all);
    ls_free(t.bytes);
    ls_free(t.taken);
    return st;
}
