/* The rounds of an exchange: what is sent, received, summed and waited for, panel by panel.
 *
 * Messages go on only while this rank calls MPI, so every function of a round looks after them, and
 * a pass does between its tiles: lockstep has no thread for communication, whose gain was nil and
 * whose outliers were long where both were tried. A rank sends roots before updated floats, because
 * others wait for them to go on, to its receivers in turn, and LS_EXCHANGE_SENDS messages at a
 * time.
 *
 * Measured on two emulated hosts, 57.6 million floats: over 1 Gbit/s 2.19 s a step where 1.93 s of
 * bytes went each way and 0.55 s were computed, one after the other 2.58 s; over 10 Gbit/s a rank
 * waited 0.03 s of 0.72 s, before 0.22 s of 0.66 s.
 *
 * Why here: see exchange_private.h.
 */
#include <sched.h>

#include "exchange_private.h"
#include "lockstep/base/memory.h"

/* Of root k: TAG_ROOT + k. */
enum { TAG_ROOT = 1, TAG_UPDATED = 4096 };

static size_t rank_of(const ls_exchange *ex) {
    return (size_t)ex->comm->rank;
}

static ls_tree_range whole_slab(const ls_exchange *ex) {
    const ls_tree_range last = ex->owned[ex->comm->size - 1];
    return (ls_tree_range){0, last.first + last.count};
}

static ls_tree_range own_panels(const ls_exchange *ex) {
    return ex->plan.panels[rank_of(ex)];
}

static size_t own_roots(const ls_exchange *ex) {
    return ex->plan.n_roots[ex->plan.group_of[rank_of(ex)]];
}

/* ---- room ---- */

/* The owners behind this rank come first, so that not all send to the same one. */
static void list_owners(ls_exchange *ex) {
    ls_mail *m = &ex->mail;
    const size_t ranks = (size_t)ex->comm->size;
    for (size_t i = 1; i < ranks; i++) {
        const size_t owner = (rank_of(ex) + i) % ranks;
        if (ls_exchange_passes(ex, owner))
            m->box[m->n_roots++] =
                (ls_outbox){(int)owner, ex->plan.panels[owner], own_roots(ex), 0, 0};
    }
}

static void list_delegates(ls_exchange *ex) {
    const ls_exchange_plan *p = &ex->plan;
    ls_mail *m = &ex->mail;
    for (size_t i = 1; i < p->n_groups; i++) {
        const size_t h = (p->group_of[rank_of(ex)] + i) % p->n_groups;
        m->box[m->n_roots + m->n_updated++] =
            (ls_outbox){(int)ls_exchange_delegate(p, h, rank_of(ex)), own_panels(ex), 1, 0, 0};
    }
}

static bool combines_any(const ls_exchange *ex) {
    bool passes = false, combines = false;
    for (size_t r = 0; r < (size_t)ex->comm->size; r++)
        passes = passes || ls_exchange_passes(ex, r);
    for (size_t k = 0; k < own_roots(ex); k++)
        combines = combines || ls_exchange_combines(ex, k);
    return passes && combines;
}

static size_t room_floats(const ls_exchange *ex) {
    return combines_any(ex) ? LS_EXCHANGE_SENDS * ex->panel : 0;
}

size_t ls_mail_bytes(const ls_exchange *ex) {
    return room_floats(ex) * sizeof(float);
}

ls_status ls_mail_allocate(ls_exchange *ex) {
    ls_mail *m = &ex->mail;
    const size_t n = LS_EXCHANGE_SENDS + ls_exchange_receives(ex);
    const size_t boxes = (size_t)ex->comm->size + ex->plan.n_groups;
    LS_TRY(ls_alloc(n, sizeof *m->request, "exchange", &m->request));
    LS_TRY(ls_alloc(n, sizeof *m->completed, "exchange", &m->completed));
    LS_TRY(ls_alloc(n, sizeof *m->panel, "exchange", &m->panel));
    LS_TRY(ls_alloc(boxes, sizeof *m->box, "exchange", &m->box));
    LS_TRY(ls_alloc(room_floats(ex), sizeof *m->room, "summed gradients", &m->room));
    for (size_t i = 0; i < n; i++)
        m->request[i] = MPI_REQUEST_NULL;
    list_owners(ex);
    list_delegates(ex);
    return LS_OK;
}

void ls_mail_free(ls_mail *m) {
    ls_free(m->request);
    ls_free(m->completed);
    ls_free(m->panel);
    ls_free(m->box);
    ls_free(m->room);
    *m = (ls_mail){0};
}

/* ---- flags ---- */

static size_t group_size(const ls_exchange *ex) {
    return ls_exchange_group(ex).count;
}

size_t ls_flags_bytes(const ls_exchange *ex) {
    return (group_size(ex) + 1) * ex->plan.n_panels * sizeof(ls_flag);
}

void ls_flags_place(ls_exchange *ex, void *memory) {
    ex->round.done = memory;
    ex->round.arrived = ex->round.done + group_size(ex) * ex->plan.n_panels;
}

static bool is_set(const ls_exchange *ex, const ls_flag *flag) {
    return atomic_load_explicit(flag, memory_order_acquire) >= ex->round.number;
}

static void set(const ls_exchange *ex, ls_flag *flag) {
    atomic_store_explicit(flag, ex->round.number, memory_order_release);
}

/* All ranks of this memory have filled it, and read it no more. */
static bool all_are_done(const ls_exchange *ex, size_t panel) {
    bool all = true;
    for (size_t i = 0; all && i < group_size(ex); i++)
        all = is_set(ex, &ex->round.done[i * ex->plan.n_panels + panel]);
    return all;
}

static void set_done(ls_exchange *ex, size_t panel) {
    const size_t me = rank_of(ex) - ls_exchange_group(ex).first;
    ex->round.undone--;
    set(ex, &ex->round.done[me * ex->plan.n_panels + panel]);
}

static bool have_arrived(const ls_exchange *ex, ls_tree_range floats) {
    bool all = true;
    for (size_t i = 0; all && i < ex->plan.n_panels; i++) {
        const ls_panel *p = &ex->plan.panel[i];
        const bool apart =
            p->first >= floats.first + floats.count || p->first + p->count <= floats.first;
        all = apart || is_set(ex, &ex->round.arrived[i]);
    }
    return all;
}

/* ---- messages ---- */

static void receive(ls_exchange *ex, size_t panel, float *to, size_t from, int tag) {
    ls_mail *m = &ex->mail;
    ls_panel *p = &ex->plan.panel[panel];
    LS_MPI(ex->comm, MPI_Irecv(to, (int)p->count, MPI_FLOAT, (int)from, tag, ex->comm->mpi,
                               &m->request[LS_EXCHANGE_SENDS + m->n_receives]));
    m->panel[m->n_receives++] = panel;
    p->missing++;
}

/* Of one sender and tag they come in the order in which its outbox sends. */
static void post_roots(ls_exchange *ex) {
    const ls_exchange_plan *p = &ex->plan;
    const ls_tree_range own = ex->owned[rank_of(ex)], panels = own_panels(ex);
    float *root = ex->received;
    for (size_t h = 0; h < p->n_groups; h++)
        for (size_t k = 0; h != p->group_of[rank_of(ex)] && k < p->n_roots[h];
             k++, root += own.count)
            for (size_t i = panels.first + panels.count; i-- > panels.first;)
                receive(ex, i, root + (p->panel[i].first - own.first),
                        ls_exchange_delegate(p, h, rank_of(ex)), TAG_ROOT + (int)k);
}

/* A rank passes on, within its memory, what owners in other groups send to it. */
static void post_updated(ls_exchange *ex) {
    const ls_exchange_plan *p = &ex->plan;
    for (size_t r = 0; r < (size_t)ex->comm->size; r++)
        for (size_t i = p->panels[r].count; ls_exchange_passes(ex, r) && i-- > 0;) {
            const size_t panel = p->panels[r].first + i;
            receive(ex, panel, ex->slab + p->panel[panel].first, r, TAG_UPDATED);
        }
}

static bool has_own(const ls_exchange *ex, size_t panel) {
    return panel >= own_panels(ex).first && panel < own_panels(ex).first + own_panels(ex).count;
}

/* A message of it has come: a root for this rank to sum, or what another owner made of it. */
static void count_in(ls_exchange *ex, size_t panel) {
    ex->plan.panel[panel].missing--;
    if (!has_own(ex, panel))
        set(ex, &ex->round.arrived[panel]);
}

static void look_after_requests(ls_exchange *ex) {
    ls_mail *m = &ex->mail;
    int n = 0;
    LS_MPI(ex->comm, MPI_Testsome((int)(LS_EXCHANGE_SENDS + m->n_receives), m->request, &n,
                                  m->completed, MPI_STATUSES_IGNORE));
    for (int i = 0; n != MPI_UNDEFINED && i < n; i++) {
        const size_t request = (size_t)m->completed[i];
        if (request < LS_EXCHANGE_SENDS)
            m->n_sends--;
        else
            count_in(ex, m->panel[request - LS_EXCHANGE_SENDS]);
    }
}

static size_t free_place(const ls_mail *m) {
    size_t i = 0;
    while (m->request[i] != MPI_REQUEST_NULL)
        i++;
    return i;
}

/* Root k of a panel, from where one member has it or summed in the room of the message. */
static const float *root_of(ls_exchange *ex, size_t k, const ls_panel *panel, size_t place) {
    float *room = ex->mail.room + place * ex->panel;
    if (!ls_exchange_combines(ex, k))
        return ex->member[ex->plan.combine[k].first] + panel->first;
    ls_exchange_combine(ex, k, panel, room);
    return room;
}

static bool is_ready(const ls_exchange *ex, const ls_outbox *box, bool updated) {
    const size_t panel = box->panels.first + box->left - 1;
    return box->left > 0 && (updated ? ex->round.summed <= panel : all_are_done(ex, panel));
}

static void send_next(ls_exchange *ex, ls_outbox *box, bool updated) {
    ls_mail *m = &ex->mail;
    const ls_panel *panel = &ex->plan.panel[box->panels.first + box->left - 1];
    const size_t place = free_place(m), k = box->sent;
    const float *from = updated ? ex->slab + panel->first : root_of(ex, k, panel, place);
    LS_MPI(ex->comm,
           MPI_Isend(from, (int)panel->count, MPI_FLOAT, box->to,
                     updated ? TAG_UPDATED : TAG_ROOT + (int)k, ex->comm->mpi, &m->request[place]));
    m->n_sends++;
    if (++box->sent < box->messages)
        return;
    box->sent = 0;
    box->left--;
}

/* The next message of the n outboxes from `first` on, in turns; whether there was one. */
static bool send_one(ls_exchange *ex, size_t first, size_t n, bool updated) {
    ls_mail *m = &ex->mail;
    for (size_t i = 0; i < n; i++) {
        ls_outbox *box = &m->box[first + (m->next + i) % n];
        if (!is_ready(ex, box, updated))
            continue;
        send_next(ex, box, updated);
        m->next = (m->next + i + 1) % n;
        return true;
    }
    return false;
}

static void send_what_is_ready(ls_exchange *ex) {
    const ls_mail *m = &ex->mail;
    while (m->n_sends < LS_EXCHANGE_SENDS &&
           (send_one(ex, 0, m->n_roots, false) || send_one(ex, m->n_roots, m->n_updated, true)))
        continue;
}

static bool all_is_sent(const ls_exchange *ex) {
    const ls_mail *m = &ex->mail;
    bool all = m->n_sends == 0;
    for (size_t i = 0; i < m->n_roots + m->n_updated; i++)
        all = all && m->box[i].left == 0;
    return all;
}

/* ---- the round ---- */

void ls_exchange_poll(ls_exchange *ex) {
    if (!ex->round.is_open || ex->plan.n_groups == 1)
        return;
    look_after_requests(ex);
    send_what_is_ready(ex);
}

static bool has_summed_all(const ls_exchange *ex) {
    return ex->round.summed == own_panels(ex).first;
}

/* Within a machine a rank computes its own part of a pass before it sums for others, who wait for
 * both. Between machines sums have a way before them. */
static bool can_sum(const ls_exchange *ex) {
    if (has_summed_all(ex) || (ex->round.undone > 0 && ex->plan.n_groups == 1))
        return false;
    const size_t panel = ex->round.summed - 1;
    return all_are_done(ex, panel) &&
           (ex->round.what.use == NULL || ex->plan.panel[panel].missing == 0);
}

static void sum_next(ls_exchange *ex) {
    const size_t panel = --ex->round.summed;
    if (ex->round.what.use != NULL)
        ls_exchange_use_sums(ex, &ex->plan.panel[panel]);
    set(ex, &ex->round.arrived[panel]);
    ls_exchange_poll(ex);
}

static bool has_wanted(const ls_exchange *ex) {
    return !ex->round.what.gathers || have_arrived(ex, ex->round.wanted);
}

static bool has_ended(const ls_exchange *ex) {
    return has_summed_all(ex) && all_is_sent(ex) &&
           (!ex->round.what.gathers || have_arrived(ex, whole_slab(ex)));
}

/* Gives the processor away in between: a machine may have more ranks than cores. */
static bool yield_unless(const ls_exchange *ex, bool is_over) {
    if (!is_over && group_size(ex) > 1)
        (void)sched_yield();
    return is_over;
}

/* What is waited for: that it can sum, or that ... */
typedef struct waiting {
    ls_exchange *ex;
    bool (*is_over)(const ls_exchange *ex);
} waiting;

static bool can_go_on(void *context) {
    const waiting *w = context;
    ls_exchange_poll(w->ex);
    return yield_unless(w->ex, can_sum(w->ex) || w->is_over(w->ex));
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

static void begin_panels(ls_exchange *ex) {
    ls_mail *m = &ex->mail;
    const ls_exchange_round *what = &ex->round.what;
    for (size_t i = 0; i < ex->plan.n_panels; i++)
        ex->plan.panel[i].undone = ex->plan.panel[i].count;
    m->n_receives = 0;
    for (size_t i = 0; i < m->n_roots + m->n_updated; i++) {
        const bool sends = i < m->n_roots ? what->use != NULL : what->gathers;
        m->box[i].left = sends ? m->box[i].panels.count : 0;
    }
}

void ls_exchange_begin(ls_exchange *ex, const ls_exchange_round *round) {
    ls_round_state *r = &ex->round;
    ls_exchange_end(ex);
    r->what = *round;
    r->number++;
    r->is_open = true;
    r->undone = ex->plan.n_panels;
    r->summed = own_panels(ex).first + own_panels(ex).count;
    begin_panels(ex);
    ls_shared_barrier(ex->shared, "exchange of gradients");
    if (round->use != NULL)
        post_roots(ex);
    if (round->gathers)
        post_updated(ex);
}

static size_t common(const ls_panel *panel, ls_tree_range range) {
    const size_t end = range.first + range.count, panel_end = panel->first + panel->count;
    const size_t first = range.first > panel->first ? range.first : panel->first;
    const size_t last = end < panel_end ? end : panel_end;
    return last > first ? last - first : 0;
}

void ls_exchange_done(ls_exchange *ex, ls_tree_range range) {
    for (size_t i = 0; i < ex->plan.n_panels; i++) {
        ls_panel *panel = &ex->plan.panel[i];
        const size_t floats = common(panel, range);
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
    return !ex->round.is_open || have_arrived(ex, range);
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
