/* The kinds of synthetic data, and what the sources of one kind share. Private to
 * src/data/synth. */
#ifndef LS_DATA_SYNTH_SYNTH_PRIVATE_H
#define LS_DATA_SYNTH_SYNTH_PRIVATE_H

#include "lockstep/base/random.h"
#include "lockstep/base/text.h"
#include "lockstep/data/synth.h"

extern const ls_synth_kind ls_synth_gtex;

/* Streams of draws; the numbers are part of what fixes the data. */
enum {
    LS_GTEX_VALUE = 0,  /* {0, row, column / 2}: noise and dropout */
    LS_GTEX_GENE = 1,   /* {0, gene, 0}: mean, noise, module */
    LS_GTEX_CLASS = 2,  /* {class, gene, 0}: effect of a class, and of being its marker */
    LS_GTEX_FAMILY = 3, /* {family, gene, 0} */
    LS_GTEX_DONOR = 4,  /* {donor, module, 0} */
    LS_GTEX_SAMPLE = 5, /* {0, row, 0}: purity, sequencing depth */
    LS_GTEX_SIZES = 6,  /* which class is how large */
    LS_GTEX_GIVERS = 7  /* epoch: class; the order in which donors give it */
};

/* Which sample is what: rows are ordered by donor, as in GTEx. */
typedef struct ls_gtex_plan {
    ls_synth_size size;
    uint32_t seed;
    uint32_t *donor;  /* [samples] */
    int32_t *class;   /* [samples] */
    uint32_t *family; /* [classes] */
    uint32_t *member; /* [classes] position in the family */
    uint32_t n_families;
} ls_gtex_plan;

ls_status ls_gtex_plan_create(ls_synth_size size, uint32_t seed, ls_gtex_plan *out) LS_MUST_CHECK;
void ls_gtex_plan_free(ls_gtex_plan *plan);

/* The class that samples of a class are mixed with: the next of the family, or of all. */
uint32_t ls_gtex_sibling(const ls_gtex_plan *plan, uint32_t class);

/* The names in the file. */
ls_status ls_gtex_class_names(const ls_gtex_plan *plan, ls_strings *out) LS_MUST_CHECK;
ls_status ls_gtex_sample_names(const ls_gtex_plan *plan, ls_strings *samples,
                               ls_strings *donors) LS_MUST_CHECK;
ls_status ls_gtex_feature_names(const ls_gtex_plan *plan, ls_strings *out) LS_MUST_CHECK;

/* About a standard normal value from 48 of 64 random bits: the sum of four uniform ones (Irwin and
 * Hall), which needs no function whose bits could differ between machines. */
static inline float ls_gtex_normal(uint32_t a, uint32_t b) {
    const int32_t sum =
        (int32_t)((a & 0xfff) + (a >> 12 & 0xfff) + (b & 0xfff) + (b >> 12 & 0xfff));
    return (float)(sum - 8190) * 4.2286e-4f; /* sqrt(3) / 4096 */
}

#endif
