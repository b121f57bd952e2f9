/* What the parts of fitting share.
 *
 * Why here: fit.c goes through the steps, fit_rows.c brings them the training rows. Never used
 * outside this folder. */
#ifndef LS_DATA_TRANSFORMS_FIT_H
#define LS_DATA_TRANSFORMS_FIT_H

#include "chain.h"

typedef struct ls_fitting {
    ls_comm *comm;
    ls_dataset *ds;
    ls_log *log;
    ls_transforms *t;
    size_t n_rows;
    size_t *row;    /* [n_rows] the training rows in file order */
    float *block;   /* [n_rows, columns of a block] */
    float *staging; /* [LS_CHUNK_SAMPLES, LS_CHUNK_FEATURES] as read from the file */
    size_t *bytes;  /* [ranks], for gathering */

    /* By section: of every training row the number by which what begins the section multiplies it;
     * NULL: not known yet, or it does more than that. */
    double *factor[LS_TRANSFORM_STEPS_MAX + 1]; /* [n_rows] */
} ls_fitting;

/* The steps of a config without constants, as ls_chain_create. The place of a column that a step
 * names is not known yet. */
ls_status ls_chain_of_config(const ls_choice_list *chain, size_t inputs,
                             ls_transforms **out) LS_MUST_CHECK;

ls_status ls_fitting_create(ls_fitting *f, const uint8_t *part) LS_MUST_CHECK;
void ls_fitting_free(ls_fitting *f);

/* Columns of section s that a block holds, at most. */
size_t ls_fitting_width(const ls_fitting *f, size_t s);

/* What ls_fitting_load_block needs to know of all rows for columns of section s. Collective. */
ls_status ls_fitting_find_factors(ls_fitting *f, size_t s) LS_MUST_CHECK;

/* block[n_rows, count] = columns [first, first + count) of section s, as its first step finds them:
 * checked, for other rows may hold what they like. Not collective. */
ls_status ls_fitting_load_block(ls_fitting *f, size_t s, size_t first, size_t count) LS_MUST_CHECK;

/* Applies steps [begin, end) of section s to these columns of it in the block. */
ls_status ls_fitting_apply(ls_fitting *f, size_t s, size_t begin, size_t end,
                           ls_columns columns) LS_MUST_CHECK;

/* Fits the step that begins section s, on what the sections before make of the rows. Collective. */
ls_status ls_fitting_fit_mix(ls_fitting *f, size_t s) LS_MUST_CHECK;

#endif
