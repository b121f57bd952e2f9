/* The rounds of an exchange: what is sent, received, summed and waited for, panel by panel.
 *
 * Messages go on only while this rank calls MPI, so every function of a round looks after them, and
 * a pass does between its tiles: lockstep has no thread for communication, whose gain was nil and
 * whose outliers were long where both were tried.
 *
 * Measured on two emulated hosts (`tests/bench/hosts.py`, `bench step`, 57.6 million floats): over
 * 1 Gbit/s 2.19 s a step, where the bytes take 1.93 s each way and passes and update 0.61 s; over
 * 10 Gbit/s a rank waits 0.05 s of 0.75 s.
 *
 * Why here: see exchange_private.h.
 */
#include <sched.h>

#include "exchange_private.h"

void ls_exchange_poll(ls_exchange *ex) {
    if (!ex->round.is_open || ex->plan.n_groups == 1)
        return;
    ls_mail_look_after(ex);
}

static bool has_summed_all(const ls_exchange *ex) {
    return ex->round.summed == ls_exchange_own_panels(ex).first;
}

/* Within a machine a rank computes its own part of a pass before it sums for others, who wait for
 * both. Between machines sums have a way before them. */
static bool can_sum(const ls_exchange *ex) {
    if (has_summed_all(ex) || (ex->round.undone > 0 && ex->plan.n_groups == 1))
        return false;
    const size_t panel = ex->round.summed - 1;
    return ls_flags_all_done(ex, panel) &&
           (ex->round.what.use == NULL || ex->plan.panel[panel].missing == 0);
}

static void sum_next(ls_exchange *ex) {
    const size_t panel = --ex->round.summed;
    if (ex->round.what.use != NULL)
        ls_exchange_use_sums(ex, &ex->plan.panel[panel]);
    ls_flags_set(ex, &ex->round.arrived[panel]);
    ls_exchange_poll(ex);
}

static bool has_wanted(const ls_exchange *ex) {
    return !ex->round.what.gathers || ls_flags_have_arrived(ex, ex->round.wanted);
}

static bool has_ended(const ls_exchange *ex) {
    return has_summed_all(ex) && ls_mail_is_sent(ex) &&
           (!ex->round.what.gathers ||
            ls_flags_have_arrived(ex, (ls_tree_range){0, ls_exchange_floats(ex)}));
}

/* What is waited for: that it can sum, or that ... */
typedef struct waiting {
    ls_exchange *ex;
    bool (*is_over)(const ls_exchange *ex);
} waiting;

/* Gives the processor away in between: a machine may have more ranks than cores. */
static bool can_go_on(void *context) {
    const waiting *w = context;
    ls_exchange_poll(w->ex);
    if (can_sum(w->ex) || w->is_over(w->ex))
        return true;
    if (ls_exchange_group(w->ex).count > 1)
        (void)sched_yield();
    return false;
}

/* Sums, or waits for others. */
static void go_on_until(ls_exchange *ex, bool (*is_over)(const ls_exchange *ex)) {
    waiting w = {ex, is_over};
    ls_exchange_poll(ex);
    while (!is_over(ex)) {
        if (can_sum(ex))
            sum_next(ex);
        else
            ls_comm_wait_until(ex->comm, can_go_on, &w,
                               has_summed_all(ex) ? "gathering of weights"
                                                  : "exchange of gradients");
    }
}

void ls_exchange_begin(ls_exchange *ex, const ls_exchange_round *round) {
    ls_round_state *r = &ex->round;
    ls_exchange_end(ex);
    r->what = *round;
    r->number++;
    r->is_open = true;
    r->undone = ex->plan.n_panels;
    r->summed = ls_exchange_own_panels(ex).first + ls_exchange_own_panels(ex).count;
    for (size_t i = 0; i < ex->plan.n_panels; i++)
        ex->plan.panel[i].undone = ex->plan.panel[i].count;
    ls_shared_barrier(ex->shared, "exchange of gradients");
    ls_mail_begin(ex);
}

static void set_done(ls_exchange *ex, size_t panel) {
    ex->round.undone--;
    ls_flags_set_done(ex, panel);
}

void ls_exchange_done(ls_exchange *ex, ls_tree_range range) {
    for (size_t i = 0; i < ex->plan.n_panels; i++) {
        ls_panel *panel = &ex->plan.panel[i];
        const size_t floats = ls_panel_common(panel, range);
        panel->undone -= floats;
        if (floats > 0 && panel->undone == 0)
            set_done(ex, i);
    }
    ls_exchange_poll(ex);
    while (can_sum(ex))
        sum_next(ex);
}

void ls_exchange_sum(ls_exchange *ex) {
    for (size_t i = 0; i < ex->plan.n_panels; i++) {
        if (ex->plan.panel[i].undone > 0)
            set_done(ex, i);
        ex->plan.panel[i].undone = 0;
    }
    go_on_until(ex, has_summed_all);
}

bool ls_exchange_has(ls_exchange *ex, ls_tree_range range) {
    ls_exchange_poll(ex);
    return !ex->round.is_open || ls_flags_have_arrived(ex, range);
}

void ls_exchange_need(ls_exchange *ex, ls_tree_range range) {
    ex->round.wanted = range;
    if (ex->round.is_open)
        go_on_until(ex, has_wanted);
}

void ls_exchange_end(ls_exchange *ex) {
    if (ex->round.is_open)
        go_on_until(ex, has_ended);
    ex->round.is_open = false;
}

void ls_exchange_go_round(ls_exchange *ex, const ls_exchange_round *round) {
    ls_exchange_begin(ex, round);
    ls_exchange_sum(ex);
    ls_exchange_end(ex);
}
