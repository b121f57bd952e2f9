/* The messages of an exchange between ranks that share no memory.
 *
 * A rank sends roots before updated floats, because others wait for them to go on, to its
 * receivers in turn, and LS_EXCHANGE_SENDS messages at a time.
 *
 * Why here: see exchange_private.h.
 */
#include "exchange_private.h"
#include "lockstep/base/memory.h"

/* Of root k: TAG_ROOT + k. */
enum { TAG_ROOT = 1, TAG_UPDATED = 4096 };

static size_t own_roots(const ls_exchange *ex) {
    return ex->plan.n_roots[ex->plan.group_of[ls_exchange_rank(ex)]];
}

/* ---- room ---- */

/* The owners behind this rank come first, so that not all send to the same one. */
static void list_owners(ls_exchange *ex) {
    ls_mail *m = &ex->mail;
    const size_t ranks = (size_t)ex->comm->size;
    for (size_t i = 1; i < ranks; i++) {
        const size_t owner = (ls_exchange_rank(ex) + i) % ranks;
        if (ls_exchange_passes(ex, owner))
            m->box[m->n_roots++] =
                (ls_outbox){(int)owner, ex->plan.panels[owner], own_roots(ex), 0, 0};
    }
}

static void list_delegates(ls_exchange *ex) {
    const ls_exchange_plan *p = &ex->plan;
    ls_mail *m = &ex->mail;
    for (size_t i = 1; i < p->n_groups; i++) {
        const size_t h = (p->group_of[ls_exchange_rank(ex)] + i) % p->n_groups;
        m->box[m->n_roots + m->n_updated++] =
            (ls_outbox){(int)ls_exchange_delegate(p, h, ls_exchange_rank(ex)),
                        ls_exchange_own_panels(ex), 1, 0, 0};
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

/* Messages that this rank gets in a round that sums and gathers. */
static size_t n_receives(const ls_exchange *ex) {
    const ls_exchange_plan *p = &ex->plan;
    const size_t rank = ls_exchange_rank(ex), mine = p->group_of[rank];
    size_t n = 0;
    for (size_t h = 0; h < p->n_groups; h++)
        n += h != mine ? p->n_roots[h] * p->panels[rank].count : 0;
    for (size_t r = 0; r < (size_t)ex->comm->size; r++)
        n += ls_exchange_passes(ex, r) ? p->panels[r].count : 0;
    return n;
}

ls_status ls_mail_allocate(ls_exchange *ex) {
    ls_mail *m = &ex->mail;
    const size_t n = LS_EXCHANGE_SENDS + n_receives(ex);
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
    const ls_tree_range own = ex->owned[ls_exchange_rank(ex)], panels = ls_exchange_own_panels(ex);
    float *root = ex->received;
    for (size_t h = 0; h < p->n_groups; h++)
        for (size_t k = 0; h != p->group_of[ls_exchange_rank(ex)] && k < p->n_roots[h];
             k++, root += own.count)
            for (size_t i = panels.first + panels.count; i-- > panels.first;)
                receive(ex, i, root + (p->panel[i].first - own.first),
                        ls_exchange_delegate(p, h, ls_exchange_rank(ex)), TAG_ROOT + (int)k);
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

/* A message of it has come: a root for this rank to sum, or what another owner made of it. */
static void count_in(ls_exchange *ex, size_t panel) {
    ex->plan.panel[panel].missing--;
    if (!ls_exchange_owns(ex, panel))
        ls_flags_set(ex, &ex->round.arrived[panel]);
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
    return box->left > 0 && (updated ? ex->round.summed <= panel : ls_flags_all_done(ex, panel));
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

bool ls_mail_is_sent(const ls_exchange *ex) {
    const ls_mail *m = &ex->mail;
    bool all = m->n_sends == 0;
    for (size_t i = 0; i < m->n_roots + m->n_updated; i++)
        all = all && m->box[i].left == 0;
    return all;
}

void ls_mail_begin(ls_exchange *ex) {
    ls_mail *m = &ex->mail;
    const ls_exchange_round *what = &ex->round.what;
    m->n_receives = 0;
    for (size_t i = 0; i < m->n_roots + m->n_updated; i++) {
        const bool sends = i < m->n_roots ? what->use != NULL : what->gathers;
        m->box[i].left = sends ? m->box[i].panels.count : 0;
    }
    if (what->use != NULL)
        post_roots(ex);
    if (what->gathers)
        post_updated(ex);
}

void ls_mail_look_after(ls_exchange *ex) {
    look_after_requests(ex);
    send_what_is_ready(ex);
}
