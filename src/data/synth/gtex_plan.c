/* The samples of a GTEx-like dataset: sizes of classes, who gives what, names.
 * Why here: see synth_private.h. Never makes an expression value. */
#include <stdio.h>

#include "lockstep/base/memory.h"
#include "synth_private.h"

/* Families as organs in GTEx: one large (the brain), then small ones. */
static void choose_families(ls_gtex_plan *p) {
    static const uint32_t sizes[] = {3, 2, 1, 1, 2, 1};
    uint32_t family = 0, left = (uint32_t)(p->size.classes / 4), member = 0;
    left = left ? left : 1;
    for (size_t c = 0; c < p->size.classes; c++) {
        if (left == 0) {
            left = sizes[family++ % (sizeof sizes / sizeof *sizes)];
            member = 0;
        }
        p->family[c] = family;
        p->member[c] = member++;
        left--;
    }
    p->n_families = family + 1;
}

/* Sizes fall from several times the mean to a small part of it, in a keyed order. */
static void choose_sizes(const ls_gtex_plan *p, const uint32_t *rank, size_t *count) {
    const uint64_t n = p->size.classes;
    /* ls_synth_run asks for one class at least; the checker also believes the contrary of an
     * explicit test. */
    const uint64_t each = p->size.samples / n; // NOLINT(clang-analyzer-core.DivideZero)
    const uint64_t least = each < 20 ? (each + 1) / 2 : 10;
    const uint64_t rest = p->size.samples - n * least;
    uint64_t total = 0, sum = 0;
    for (uint64_t r = 1; r <= n; r++)
        total += r * r + n * r;
    for (size_t c = 0; c < n; c++) {
        const uint64_t r = rank[c] + 1, before = sum * rest / total;
        sum += r * r + n * r;
        count[c] = (size_t)(least + sum * rest / total - before);
    }
}

/* Deals each class to donors in an order of its own, then sorts the samples by donor. */
static void deal(const ls_gtex_plan *p, const size_t *count, uint32_t *order, size_t *begin) {
    const size_t donors = p->size.donors;
    const ls_random_key key = ls_random_key_make(p->seed, LS_RANDOM_SYNTH, LS_GTEX_GIVERS);
    for (int place = 0; place < 2; place++) { /* first count, then place */
        for (size_t c = 0; c < p->size.classes; c++) {
            ls_random_permutation(key, (uint32_t)c, order, donors);
            for (size_t i = 0; i < count[c]; i++) {
                const uint32_t d = order[i % donors];
                if (place) {
                    p->donor[begin[d]] = d;
                    p->class[begin[d]++] = (int32_t)c;
                } else {
                    begin[d + 1]++;
                }
            }
        }
        for (size_t d = 0; !place && d < donors; d++)
            begin[d + 1] += begin[d];
    }
}

static ls_status choose_samples(ls_gtex_plan *p) {
    uint32_t *rank = NULL, *order = NULL;
    size_t *count = NULL, *begin = NULL;
    ls_status st = ls_alloc(p->size.classes, sizeof *rank, "classes", &rank);
    if (st == LS_OK)
        st = ls_alloc(p->size.classes, sizeof *count, "classes", &count);
    if (st == LS_OK)
        st = ls_alloc(p->size.donors, sizeof *order, "donors", &order);
    if (st == LS_OK)
        st = ls_alloc(p->size.donors + 1, sizeof *begin, "donors", &begin);
    if (st == LS_OK) {
        ls_random_permutation(ls_random_key_make(p->seed, LS_RANDOM_SYNTH, LS_GTEX_SIZES), 0, rank,
                              p->size.classes);
        choose_sizes(p, rank, count);
        deal(p, count, order, begin);
    }
    ls_free(rank);
    ls_free(count);
    ls_free(order);
    ls_free(begin);
    return st;
}

ls_status ls_gtex_plan_create(ls_synth_size size, uint32_t seed, ls_gtex_plan *out) {
    *out = (ls_gtex_plan){.size = size, .seed = seed};
    ls_status st = ls_alloc(size.samples, sizeof *out->donor, "samples", &out->donor);
    if (st == LS_OK)
        st = ls_alloc(size.samples, sizeof *out->class, "samples", &out->class);
    if (st == LS_OK)
        st = ls_alloc(size.classes, sizeof *out->family, "classes", &out->family);
    if (st == LS_OK)
        st = ls_alloc(size.classes, sizeof *out->member, "classes", &out->member);
    if (st == LS_OK) {
        choose_families(out);
        st = choose_samples(out);
    }
    if (st != LS_OK)
        ls_gtex_plan_free(out);
    return st;
}

void ls_gtex_plan_free(ls_gtex_plan *p) {
    ls_free(p->donor);
    ls_free(p->class);
    ls_free(p->family);
    ls_free(p->member);
    *p = (ls_gtex_plan){0};
}

uint32_t ls_gtex_sibling(const ls_gtex_plan *p, uint32_t c) {
    const uint32_t n = (uint32_t)p->size.classes;
    if (c + 1 < n && p->family[c + 1] == p->family[c])
        return c + 1;
    return p->member[c] > 0 ? c - p->member[c] : (c + 1) % n;
}

ls_status ls_gtex_class_names(const ls_gtex_plan *p, ls_strings *out) {
    char name[64];
    const int width = p->size.classes < 100 ? 2 : 5; /* padded, so that they are in order */
    for (size_t c = 0; c < p->size.classes; c++) {
        snprintf(name, sizeof name, "Organ %0*u - Part %0*u", width, p->family[c] + 1, width,
                 p->member[c] + 1);
        LS_TRY(ls_strings_add(out, name));
    }
    return LS_OK;
}

/* "GTEX-" and five characters that look drawn; a number below 2^25 has a code of its own. */
static void donor_name(uint32_t d, char name[16]) {
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    uint32_t code = (d * 10368889u + 5318008u) & 0x1ffffff; /* odd factor: a bijection */
    snprintf(name, 16, "GTEX-");
    for (int i = 5; i < 10; i++, code >>= 5)
        name[i] = letters[code & 31];
    name[10] = '\0';
}

ls_status ls_gtex_sample_names(const ls_gtex_plan *p, ls_strings *samples, ls_strings *donors) {
    char donor[16], sample[48];
    uint32_t of_donor = 0;
    for (size_t i = 0; i < p->size.samples; i++) {
        of_donor = i > 0 && p->donor[i] == p->donor[i - 1] ? of_donor + 1 : 0;
        donor_name(p->donor[i], donor);
        snprintf(sample, sizeof sample, "%s-%04u-SM-SYNTH", donor, of_donor);
        LS_TRY(ls_strings_add(samples, sample));
        LS_TRY(ls_strings_add(donors, donor));
    }
    return LS_OK;
}

ls_status ls_gtex_feature_names(const ls_gtex_plan *p, ls_strings *out) {
    char name[32];
    for (size_t g = 0; g < p->size.features; g++) {
        snprintf(name, sizeof name, "ENSG%011zu.%zu", 100 + 7 * g, 1 + g % 13);
        LS_TRY(ls_strings_add(out, name));
    }
    return LS_OK;
}
