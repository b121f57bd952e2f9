/* A fitted chain of transforms, as fitting, applying and storing see it.
 *
 * Every transform works on each column by itself, so a choice of columns can be made first of
 * all: the steps hold constants of the columns that are left at the end only, and `source` says
 * which input columns these are.
 *
 * Why here: shared by chain.c, fit.c and store.c. Never used outside this folder. */
#ifndef LS_DATA_TRANSFORMS_CHAIN_H
#define LS_DATA_TRANSFORMS_CHAIN_H

#include "kind.h"

#define LS_TRANSFORM_STEPS_MAX 64
#define LS_TRANSFORM_COLUMNS_MAX ((size_t)1 << 28) /* in a checkpoint; more is damage */

typedef struct ls_transform_step {
    const ls_transform_kind *kind;
    double parameter;
    double *constant[LS_TRANSFORM_CONSTANTS]; /* [columns], NULL where the kind has fewer */
    double *shift, *factor;                   /* [columns], of affine kinds; bounds of others */
} ls_transform_step;

struct ls_transforms {
    size_t inputs, outputs;
    uint32_t *source; /* [outputs], ascending */
    size_t count;
    ls_transform_step *step; /* [count] */
};

/* A chain of `count` steps without kinds yet, from all columns to all columns. Errors:
 * ERR_MEMORY. */
ls_status ls_chain_create(size_t inputs, size_t count, ls_transforms **out) LS_MUST_CHECK;

/* Gives a step its kind and room for the constants of `columns` columns. Errors: ERR_MEMORY. */
ls_status ls_step_create(ls_transform_step *step, const ls_transform_kind *kind, double parameter,
                         size_t columns) LS_MUST_CHECK;
void ls_step_free(ls_transform_step *step);

/* Computes shift and factor (or bounds) of columns [first, first + count) from their constants; the
 * first column whose constants no fit can have given is returned, or LS_NOT_FOUND. */
size_t ls_step_prepare(ls_transform_step *step, size_t first, size_t count);

/* Applies steps [begin, end) in place to one row of columns [first, first + count). Returns
 * LS_NOT_FOUND, or the step that cannot take a value, leaving the row as that step found it; end
 * where a result is not finite. */
size_t ls_chain_apply_row(const ls_transforms *t, size_t begin, size_t end, size_t first,
                          size_t count, float *row);

/* Records why ls_chain_apply_row returned `failed` for this row, and returns the status. ds
 * and index: as in ls_transforms_apply. */
ls_status ls_chain_fail(const ls_transforms *t, const ls_dataset *ds, const uint32_t *index,
                        size_t failed, size_t end, size_t file_row, size_t first, size_t count,
                        const float *row);

#endif
