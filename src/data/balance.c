/* The rows of each lane by class, and draws from them. Why here: see balance.h. */
#include "balance.h"

#include <string.h>

#include "lockstep/base/memory.h"

/* A group: the rows of one class in one lane. */
struct ls_balance {
    size_t *lane_group;  /* [lanes + 1] where a lane's groups begin */
    size_t *group_first; /* [groups + 1] where a group's slots begin */
    uint32_t *slot;      /* [slots] group by group */
};

/* Puts the slots [first, end) of a lane in the order of their classes; *group counts those that
 * there are. count[n_classes + 1] is room. */
static void sort_lane(ls_balance *b, size_t first, size_t end, const uint32_t *row,
                      const int32_t *label, size_t n_classes, size_t *count, size_t *group) {
    memset(count, 0, (n_classes + 1) * sizeof *count);
    for (size_t s = first; s < end; s++)
        count[label[row[s]] + 1]++;
    size_t at = first;
    for (size_t c = 0; c < n_classes; c++) {
        const size_t n = count[c + 1];
        count[c] = at;
        at += n;
        if (n > 0)
            b->group_first[++*group] = at;
    }
    for (size_t s = first; s < end; s++)
        b->slot[count[label[row[s]]]++] = (uint32_t)s;
}

static ls_status fill(ls_balance *b, size_t lanes, const size_t *lane_first, const uint32_t *row,
                      const int32_t *label, size_t n_classes) {
    const size_t slots = lane_first[lanes];
    const size_t most = lanes * n_classes < slots ? lanes * n_classes : slots;
    size_t *count = NULL, group = 0;
    LS_TRY(ls_alloc(lanes + 1, sizeof *b->lane_group, "sampler", &b->lane_group));
    LS_TRY(ls_alloc(most + 1, sizeof *b->group_first, "sampler", &b->group_first));
    LS_TRY(ls_alloc(slots, sizeof *b->slot, "sampler", &b->slot));
    LS_TRY(ls_alloc(n_classes + 1, sizeof *count, "sampler", &count));
    for (size_t i = 0; i < lanes; i++) {
        sort_lane(b, lane_first[i], lane_first[i + 1], row, label, n_classes, count, &group);
        b->lane_group[i + 1] = group;
    }
    ls_free(count);
    return LS_OK;
}

ls_status ls_balance_create(size_t lanes, const size_t *lane_first, const uint32_t *row,
                            const int32_t *label, size_t n_classes, ls_balance **out) {
    ls_balance *b = NULL;
    LS_TRY(ls_alloc(1, sizeof *b, "sampler", &b));
    const ls_status st = fill(b, lanes, lane_first, row, label, n_classes);
    if (st != LS_OK) {
        ls_balance_destroy(b);
        return st;
    }
    *out = b;
    return LS_OK;
}

void ls_balance_destroy(ls_balance *b) {
    if (b == NULL)
        return;
    ls_free(b->lane_group);
    ls_free(b->group_first);
    ls_free(b->slot);
    ls_free(b);
}

void ls_balance_draw(const ls_balance *b, size_t i, ls_random_key key, uint32_t epoch, size_t n,
                     uint32_t *slot) {
    const size_t groups = b->lane_group[i + 1] - b->lane_group[i];
    for (size_t k = 0; k < n; k++) {
        uint32_t draw[4];
        ls_random_quad(key, epoch, (uint32_t)k, 0, draw);
        const size_t *first =
            b->group_first + b->lane_group[i] + ls_random_below(draw[0], draw[1], groups);
        slot[k] = b->slot[first[0] + ls_random_below(draw[2], draw[3], first[1] - first[0])];
    }
}
