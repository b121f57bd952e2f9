/* A fitted chain of transforms, as fitting, applying and storing see it.
 *
 * A chain is a list of sections. The first works on the columns of the file, every other on those
 * that a step which mixes columns makes of a row that the section before has done with. The other
 * steps work on each column by itself, so within a section a choice of columns can be made first of
 * all: its steps hold constants of the columns that are left at its end only, and `source` says
 * which of its inputs these are.
 *
 * Why here: shared by the files of this folder that know of chains. Never used outside it. */
#ifndef LS_DATA_TRANSFORMS_CHAIN_H
#define LS_DATA_TRANSFORMS_CHAIN_H

#include "kind.h"

#define LS_TRANSFORM_STEPS_MAX 64
#define LS_TRANSFORM_COLUMNS_MAX ((size_t)1 << 28) /* in a checkpoint; more is damage */

typedef struct ls_section {
    ls_transform_step *mix; /* makes its inputs; NULL: they are the file's columns */
    size_t inputs, outputs;
    uint32_t *source; /* [outputs], ascending; NULL: all inputs */
    size_t count;
    ls_transform_step *step; /* [count] of the chain's */
} ls_section;

struct ls_transforms {
    size_t count;
    ls_transform_step *step; /* [count] of all sections, one after the other */
    size_t n_sections;       /* at least 1 */
    ls_section *section;
};

/* A chain of steps of these kinds with their parameters, as the config or a checkpoint has them,
 * and how many columns each has: without constants, without knowing which columns are chosen.
 * Errors: ERR_CONFIG: a chain that can not be; ERR_MEMORY. */
ls_status ls_chain_create(size_t inputs, size_t count, const ls_transform_kind *const *kind,
                          double (*parameter)[LS_TRANSFORM_PARAMETERS],
                          ls_transforms **out) LS_MUST_CHECK;

/* *outputs = the columns that a step leaves of so many. Errors: ERR_CONFIG. */
ls_status ls_step_plan(const ls_transform_kind *kind, const double *parameter, size_t inputs,
                       size_t *outputs) LS_MUST_CHECK;

/* Room for the constants of a step; columns: those of its section (of one that mixes: any). Errors:
 * ERR_MEMORY. */
ls_status ls_step_allocate(ls_transform_step *step, size_t columns) LS_MUST_CHECK;

/* The shape of constant k, and its rank: 1 or 2. */
int ls_step_shape(const ls_transform_step *step, size_t columns, size_t k, size_t dim[2]);

/* Computes shift and factor (or bounds) of columns [first, first + count) from their constants, and
 * checks those of a step that mixes; the first column whose constants no fit can have given is
 * returned, or LS_NOT_FOUND. */
size_t ls_step_prepare(ls_transform_step *step, size_t first, size_t count);

/* The input of its section that output j is. */
static inline size_t ls_section_source(const ls_section *section, size_t j) {
    return section->source ? section->source[j] : j;
}

/* Some outputs of a section, consecutive ones or listed. */
typedef struct ls_columns {
    size_t first, count;
    const uint32_t *at; /* [count]; NULL: from first on */
} ls_columns;

static inline size_t ls_columns_at(const ls_columns *columns, size_t j) {
    return columns->at ? columns->at[j] : columns->first + j;
}

/* Applies a section's steps [begin, end) in place to these columns of one row. Returns
 * LS_NOT_FOUND, or the step that cannot take a value, leaving the row as that step found it; end
 * where a result is not finite. */
size_t ls_section_apply(const ls_section *section, size_t begin, size_t end, ls_columns columns,
                        float *row);

/* What errors need to name a row: index and ds as in ls_transforms_apply. */
typedef struct ls_chain_place {
    const ls_dataset *ds;
    const uint32_t *index;
    size_t row;
} ls_chain_place;

/* Records why ls_section_apply, of section s, returned `failed` for this row, and returns the
 * status. */
ls_status ls_chain_fail(const ls_transforms *t, size_t s, size_t failed, size_t end,
                        ls_columns columns, const float *row, ls_chain_place place);

/* LS_OK, or records that what begins section s refuses a value of the row in[...]. */
ls_status ls_chain_check_mix(const ls_transforms *t, size_t s, const float *in,
                             ls_chain_place place) LS_MUST_CHECK;

/* out = factor * in. */
void ls_row_multiply(size_t n, double factor, const float *in, float *out);

/* The file's column that input j of section s is, or LS_NOT_FOUND: a transform made it. */
size_t ls_chain_origin(const ls_transforms *t, size_t s, size_t j);

/* A view on the beginning of a chain: all sections before s and, with begun, the mix of section s
 * and the choice of columns so far. It lives no longer than the chain; free with
 * ls_chain_view_free. Errors: ERR_MEMORY. */
ls_status ls_chain_view(const ls_transforms *t, size_t s, bool begun,
                        ls_transforms *view) LS_MUST_CHECK;
void ls_chain_view_free(ls_transforms *view);

#endif
