/* What the ranks of one memory tell each other in a round of an exchange, a flag a panel.
 *
 * Why here: see exchange_private.h. Never waits. */
#include "exchange_private.h"

size_t ls_flags_bytes(const ls_exchange *ex) {
    return (ls_exchange_group(ex).count + 1) * ex->plan.n_panels * sizeof(ls_flag);
}

void ls_flags_place(ls_exchange *ex, void *memory) {
    ex->round.done = memory;
    ex->round.arrived = ex->round.done + ls_exchange_group(ex).count * ex->plan.n_panels;
}

static bool is_set(const ls_exchange *ex, const ls_flag *flag) {
    return atomic_load_explicit(flag, memory_order_acquire) >= ex->round.number;
}

void ls_flags_set(const ls_exchange *ex, ls_flag *flag) {
    atomic_store_explicit(flag, ex->round.number, memory_order_release);
}

bool ls_flags_all_done(const ls_exchange *ex, size_t panel) {
    bool all = true;
    for (size_t i = 0; all && i < ls_exchange_group(ex).count; i++)
        all = is_set(ex, &ex->round.done[i * ex->plan.n_panels + panel]);
    return all;
}

void ls_flags_set_done(ls_exchange *ex, size_t panel) {
    const size_t me = ls_exchange_rank(ex) - ls_exchange_group(ex).first;
    ls_flags_set(ex, &ex->round.done[me * ex->plan.n_panels + panel]);
}

bool ls_flags_have_arrived(const ls_exchange *ex, ls_tree_range floats) {
    bool all = true;
    for (size_t i = 0; all && i < ex->plan.n_panels; i++) {
        const bool apart = ls_panel_common(&ex->plan.panel[i], floats) == 0;
        all = apart || is_set(ex, &ex->round.arrived[i]);
    }
    return all;
}
