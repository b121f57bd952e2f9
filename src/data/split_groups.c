/* The split of whole groups (donors, patients): no group is on two sides.
 *
 * Groups are placed one after the other, the largest first, each where it brings the parts'
 * class counts nearest to what they should be: the distance is Pearson's chi-square,
 * the sum over parts and classes of (count - wanted)^2 / wanted. Where classes do not count, all
 * rows are one class.
 *
 * Why here: with groups the sizes can not be exact, and the search for good ones is its own
 * matter. Never splits a group.
 */
#include <stdlib.h>

#include "lockstep/base/memory.h"
#include "lockstep/base/random.h"
#include "split_internal.h"

typedef struct group_place {
    uint32_t group, rows;
    uint32_t draw; /* orders groups of equal size */
} group_place;

typedef struct tally {
    size_t n_classes;
    double *wanted;     /* [parts, n_classes] rows */
    double *count;      /* [parts, n_classes] rows placed so far */
    uint32_t *in_group; /* [n_classes] of the group in hand; zero between groups */
    size_t placed[LS_SPLIT_PARTS];
} tally;

static int compare_places(const void *pa, const void *pb) {
    const group_place *a = pa, *b = pb;
    if (a->rows != b->rows)
        return a->rows > b->rows ? -1 : 1;
    return a->draw < b->draw ? -1 : a->draw > b->draw;
}

/* The groups that have rows, in the order in which they are placed. */
static ls_status order_groups(const ls_split_spec *spec, const ls_split_rows *rows,
                              group_place *place, size_t *count) {
    uint32_t *draw = NULL;
    LS_TRY(ls_alloc(rows->keys, sizeof *draw, "order of groups", &draw));
    ls_random_key key = ls_random_key_make(spec->seed, LS_RANDOM_SPLIT, 1);
    ls_random_permutation(key, 0, draw, rows->keys);
    *count = 0;
    for (size_t g = 0; g < rows->keys; g++) {
        uint32_t size = rows->first[g + 1] - rows->first[g];
        if (size > 0)
            place[(*count)++] = (group_place){(uint32_t)g, size, draw[g]};
    }
    qsort(place, *count, sizeof *place, compare_places);
    ls_free(draw);
    return LS_OK;
}

static ls_status tally_create(const ls_split_spec *spec, const ls_split_rows *rows,
                              const uint32_t *label, size_t n_classes, tally *t) {
    size_t count = LS_SPLIT_PARTS * n_classes;
    t->n_classes = n_classes;
    LS_TRY(ls_alloc(count, sizeof *t->wanted, "class counts", &t->wanted));
    LS_TRY(ls_alloc(count, sizeof *t->count, "class counts", &t->count));
    LS_TRY(ls_alloc(n_classes, sizeof *t->in_group, "class counts", &t->in_group));
    for (size_t i = 0; i < rows->first[rows->keys]; i++)
        t->wanted[label ? label[rows->row[i]] : 0] += 1;
    for (int p = LS_SPLIT_PARTS - 1; p >= 0; p--)
        for (size_t c = 0; c < n_classes; c++)
            t->wanted[(size_t)p * n_classes + c] = t->wanted[c] * spec->fraction[p];
    return LS_OK;
}

static void tally_free(tally *t) {
    ls_free(t->wanted);
    ls_free(t->count);
    ls_free(t->in_group);
}

/* (count + 1 - wanted)^2 / wanted - (count - wanted)^2 / wanted */
static double step_cost(double count, double wanted) {
    return (2 * (count - wanted) + 1) / wanted;
}

/* What the distance grows by when these rows go to part p. */
static double cost(const tally *t, const uint32_t *row, size_t rows, const uint32_t *label, int p) {
    size_t base = (size_t)p * t->n_classes;
    double sum = 0;
    for (size_t i = 0; i < rows; i++) {
        size_t c = label ? label[row[i]] : 0;
        sum += step_cost(t->count[base + c] + t->in_group[c]++, t->wanted[base + c]);
    }
    for (size_t i = 0; i < rows; i++)
        t->in_group[label ? label[row[i]] : 0] = 0;
    return sum;
}

static void place_group(tally *t, const uint32_t *row, size_t rows, const uint32_t *label, int p,
                        uint8_t *part) {
    size_t base = (size_t)p * t->n_classes;
    for (size_t i = 0; i < rows; i++) {
        t->count[base + (label ? label[row[i]] : 0)] += 1;
        part[row[i]] = (uint8_t)p;
    }
    t->placed[p] += rows;
}

/* The last groups, the smallest, fill the parts that are still empty. */
static int choose_part(const ls_split_spec *spec, const tally *t, const uint32_t *row, size_t rows,
                       const uint32_t *label, size_t groups_left) {
    size_t empty = 0;
    for (int p = 0; p < LS_SPLIT_PARTS; p++)
        empty += spec->fraction[p] > 0 && t->placed[p] == 0;
    int best = -1;
    double best_cost = 0;
    for (int p = 0; p < LS_SPLIT_PARTS; p++) {
        if (spec->fraction[p] <= 0 || (groups_left <= empty && t->placed[p] > 0))
            continue;
        double this_cost = cost(t, row, rows, label, p);
        if (best < 0 || this_cost < best_cost) {
            best = p;
            best_cost = this_cost;
        }
    }
    return best;
}

ls_status ls_split_groups(const ls_split_spec *spec, size_t n, const uint32_t *label,
                          size_t n_classes, const uint32_t *group, size_t n_groups, uint8_t *part) {
    ls_split_rows rows = {0};
    group_place *place = NULL;
    tally t = {0};
    size_t count = 0;
    ls_status st = ls_split_order(n, group, n_groups, part, &rows);
    if (st == LS_OK)
        st = ls_alloc(n_groups, sizeof *place, "order of groups", &place);
    if (st == LS_OK)
        st = order_groups(spec, &rows, place, &count);
    if (st == LS_OK)
        st = tally_create(spec, &rows, label, n_classes, &t);
    for (size_t i = 0; st == LS_OK && i < count; i++) {
        const uint32_t *row = rows.row + rows.first[place[i].group];
        int p = choose_part(spec, &t, row, place[i].rows, label, count - i);
        place_group(&t, row, place[i].rows, label, p, part);
    }
    tally_free(&t);
    ls_free(place);
    ls_split_rows_free(&rows);
    return st;
}
