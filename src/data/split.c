/* Which rows train, validate and test: the checks, and the split row by row.
 *
 * Why here: see split.h. Never reads X.
 */
#include <math.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/random.h"
#include "lockstep/base/text.h"
#include "split_internal.h"

const char *ls_split_name(int part) {
    static const char *const name[LS_SPLIT_PARTS] = {"train", "val", "test"};
    return part >= 0 && part < LS_SPLIT_PARTS ? name[part] : "none";
}

size_t ls_split_count(const uint8_t *part, size_t n, int which) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += part[i] == which;
    return count;
}

ls_status ls_split_order(size_t n, const uint32_t *key, size_t keys, const uint8_t *part,
                         ls_split_rows *out) {
    uint32_t *next = NULL;
    *out = (ls_split_rows){.keys = keys};
    ls_status st = ls_alloc(keys + 1, sizeof *out->first, "rows by key", &out->first);
    if (st == LS_OK)
        st = ls_alloc(n, sizeof *out->row, "rows by key", &out->row);
    if (st == LS_OK)
        st = ls_alloc(keys, sizeof *next, "rows by key", &next);
    if (st != LS_OK) {
        ls_split_rows_free(out);
        return st;
    }
    for (size_t i = 0; i < n; i++)
        if (part[i] != LS_SPLIT_NONE)
            out->first[(key ? key[i] : 0) + 1]++;
    for (size_t k = 0; k < keys; k++) {
        out->first[k + 1] += out->first[k];
        next[k] = out->first[k];
    }
    for (size_t i = 0; i < n; i++)
        if (part[i] != LS_SPLIT_NONE)
            out->row[next[key ? key[i] : 0]++] = (uint32_t)i;
    ls_free(next);
    return LS_OK;
}

void ls_split_rows_free(ls_split_rows *rows) {
    ls_free(rows->first);
    ls_free(rows->row);
    *rows = (ls_split_rows){0};
}

/* n * fraction rounded down; a product meant to be whole (70 * 0.7) is not lost to rounding. */
static size_t share(size_t n, double fraction) {
    return (size_t)floor((double)n * fraction + 1e-6);
}

/* size[] sums to n: shares rounded down, the rest to the largest remainders (ties: first). */
static void whole_sizes(const double *fraction, size_t n, size_t *size) {
    double remainder[LS_SPLIT_PARTS];
    size_t left = n;
    for (int p = 0; p < LS_SPLIT_PARTS; p++) {
        size[p] = share(n, fraction[p]);
        size[p] = size[p] > left ? left : size[p];
        remainder[p] = fraction[p] > 0 ? (double)n * fraction[p] - (double)size[p] : -1;
        left -= size[p];
    }
    for (; left > 0; left--) {
        int best = 0;
        for (int p = 1; p < LS_SPLIT_PARTS; p++)
            best = remainder[p] > remainder[best] ? p : best;
        size[best]++;
        remainder[best] -= 1;
    }
}

/* The part that gets one more row of a class: one that lacks rows overall and, where possible,
 * got none of the class's leftover yet. Training comes first where the class has no row there:
 * a class that is never seen in training can not be learned. */
static int leftover_part(const size_t *lacks, const size_t *size, const bool *got) {
    if (size[LS_SPLIT_TRAIN] == 0 && lacks[LS_SPLIT_TRAIN] > 0)
        return LS_SPLIT_TRAIN;
    int best = -1;
    for (int p = 0; p < LS_SPLIT_PARTS; p++) {
        if (lacks[p] == 0)
            continue;
        if (best < 0 || (got[best] && !got[p]) || (got[best] == got[p] && lacks[p] > lacks[best]))
            best = p;
    }
    return best;
}

/* Deals the rows of one class: a keyed permutation, then size[0] rows to train and so on. */
static void deal_class(const ls_split_spec *spec, size_t class, uint32_t *row, size_t count,
                       const size_t *size, uint32_t *order, uint8_t *part) {
    ls_random_key key = ls_random_key_make(spec->seed, LS_RANDOM_SPLIT, 0);
    ls_random_permutation(key, (uint32_t) class, order, count);
    size_t i = 0;
    for (int p = 0; p < LS_SPLIT_PARTS; p++)
        for (size_t k = 0; k < size[p]; k++)
            part[row[order[i++]]] = (uint8_t)p;
}

/* Every class is cut by the fractions; the sizes over all classes are exact. */
static ls_status split_rows(const ls_split_spec *spec, size_t n, const uint32_t *label,
                            size_t n_classes, uint8_t *part) {
    ls_split_rows rows = {0};
    uint32_t *order = NULL;
    ls_status st = ls_split_order(n, label, n_classes, part, &rows);
    if (st == LS_OK)
        st = ls_alloc(n, sizeof *order, "order of rows", &order);
    if (st != LS_OK)
        goto done;

    size_t lacks[LS_SPLIT_PARTS]; /* what the sizes are short of once all shares are dealt */
    whole_sizes(spec->fraction, rows.first[n_classes], lacks);
    for (size_t c = 0; c < n_classes; c++)
        for (int p = 0; p < LS_SPLIT_PARTS; p++) {
            size_t dealt = share(rows.first[c + 1] - rows.first[c], spec->fraction[p]);
            lacks[p] -= dealt > lacks[p] ? lacks[p] : dealt;
        }
    for (size_t c = 0; c < n_classes; c++) {
        size_t count = rows.first[c + 1] - rows.first[c], left = count;
        size_t size[LS_SPLIT_PARTS];
        bool got[LS_SPLIT_PARTS] = {false};
        for (int p = 0; p < LS_SPLIT_PARTS; p++) {
            size[p] = share(count, spec->fraction[p]);
            size[p] = size[p] > left ? left : size[p];
            left -= size[p];
        }
        for (; left > 0; left--) {
            int p = leftover_part(lacks, size, got);
            p = p < 0 ? LS_SPLIT_TRAIN : p;
            lacks[p] -= lacks[p] > 0;
            size[p]++;
            got[p] = true;
        }
        deal_class(spec, c, rows.row + rows.first[c], count, size, order, part);
    }
done:
    ls_free(order);
    ls_split_rows_free(&rows);
    return st;
}

static ls_status check_spec(const ls_split_spec *spec) {
    double sum = 0;
    for (int p = 0; p < LS_SPLIT_PARTS; p++) {
        double f = spec->fraction[p];
        if (!(f >= 0 && f <= 1))
            return ls_fail(LS_ERR_CONFIG, "split", "%s is %g, a fraction is between 0 and 1",
                           ls_split_name(p), f);
        sum += f;
    }
    if (!(fabs(sum - 1) <= 1e-6))
        return ls_hint(ls_fail(LS_ERR_CONFIG, "split", "the fractions sum to %.9g, not to 1", sum),
                       "for example {train: 0.8, val: 0.1, test: 0.1}");
    return LS_OK;
}

/* Codes within their bounds, so that nothing below needs to look again. */
static ls_status check_codes(const char *what, size_t n, const uint32_t *code, size_t bound,
                             const uint8_t *part) {
    for (size_t i = 0; code && i < n; i++)
        if (part[i] != LS_SPLIT_NONE && code[i] >= bound)
            return ls_fail(LS_ERR_DATA, "split", "row %zu: its %s is not one of the %zu known", i,
                           what, bound);
    return LS_OK;
}

static ls_status check_parts(const ls_split_spec *spec, size_t n, const uint8_t *part,
                             bool grouped) {
    char count[32];
    size_t used = n - ls_split_count(part, n, LS_SPLIT_NONE);
    for (int p = 0; p < LS_SPLIT_PARTS; p++)
        if (spec->fraction[p] > 0 && ls_split_count(part, n, p) == 0)
            return ls_hint(ls_fail(LS_ERR_DATA, "split", "%s is empty: %g of %s rows%s",
                                   ls_split_name(p), spec->fraction[p], ls_print_count(used, count),
                                   grouped ? ", which are in too few groups" : ""),
                           "give %s a larger fraction, or 0 to leave it out", ls_split_name(p));
    return LS_OK;
}

ls_status ls_split_assign(const ls_split_spec *spec, size_t n, const int32_t *label,
                          size_t n_classes, const uint32_t *group, size_t n_groups, uint8_t *part) {
    LS_TRY(check_spec(spec));
    if (n > UINT32_MAX)
        return ls_fail(LS_ERR_DATA, "split", "%zu rows, at most 4,294,967,295 can be split", n);
    /* A negative code reads as one that is far out of bounds. */
    const uint32_t *class = spec->stratify ? (const uint32_t *)label : NULL;
    if (!class)
        n_classes = 1;
    LS_TRY(check_codes("class", n, class, n_classes, part));
    LS_TRY(check_codes("group", n, group, n_groups, part));
    if (group)
        LS_TRY(ls_split_groups(spec, n, class, n_classes, group, n_groups, part));
    else
        LS_TRY(split_rows(spec, n, class, n_classes, part));
    return check_parts(spec, n, part, group != NULL);
}
