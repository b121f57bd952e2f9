/* Transforms of X: fitted on the training rows, kept in the checkpoint, applied alike in
 * training, evaluation and prediction.
 *
 * A chain is a list of transforms from the config. Most are fitted per column, over the training
 * rows in file order, in float64, by the one rank that reads the column: the constants do not
 * depend on the number of ranks. A transform that chooses columns (select) ends a stage: its
 * constants are gathered, the columns chosen, and the next stage is fitted on these alone. A
 * transform that mixes columns (cpm, polynomial, one_hot, pca, whiten) makes a row of new columns
 * from all of a row's; what it is fitted to is summed over rows in an order of its own.
 *
 * Why here: transforms belong to the data, not to the model. Never changes the file.
 */
#ifndef LS_DATA_TRANSFORM_H
#define LS_DATA_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"
#include "lockstep/data/dataset.h"
#include "lockstep/opt/options.h"

/* log1p, log2p1, standardize, minmax, robust, center, scale {factor}, quantile_clip {share}, select
 * {features}, cpm, polynomial {interactions_only}, one_hot {column, categories}, pca {components},
 * whiten {components}. */
extern const ls_opt_choices ls_transform_choices;

typedef struct ls_transforms ls_transforms;

/* Fits a chain on the rows with part[row] == LS_SPLIT_TRAIN. Collective: every rank reads its share
 * of the columns, or behind transforms that mix them its share of the rows or all. Errors: ERR_DATA
 * (NaN, infinity, a value a transform can not take: log1p of less than or equal to -1, with row and
 * column; components without variance), ERR_CONFIG (a column that is not there), STOPPED. */
ls_status ls_transforms_fit(ls_comm *comm, ls_dataset *ds, const uint8_t *part,
                            const ls_choice_list *chain, ls_log *log,
                            ls_transforms **out) LS_MUST_CHECK;
void ls_transforms_destroy(ls_transforms *t);

/* Columns before and after. */
size_t ls_transforms_inputs(const ls_transforms *t);
size_t ls_transforms_outputs(const ls_transforms *t);

/* *outputs = the columns that a chain will leave of so many, before it is fitted. Errors:
 * ERR_CONFIG: a chain that can not be, select of more columns than there are. */
ls_status ls_transforms_planned_outputs(const ls_choice_list *chain, size_t inputs,
                                        size_t *outputs) LS_MUST_CHECK;

/* Whether an output may come from other columns than one. */
bool ls_transforms_mix(const ls_transforms *t);

/* The input column that output column j comes from; of a chain that mixes, LS_NOT_FOUND where there
 * is none. */
size_t ls_transforms_source(const ls_transforms *t, size_t j);

/* Floats that ls_transforms_apply needs to work in; 0 where the chain does not mix. */
size_t ls_transforms_room(const ls_transforms *t);

/* Applies the chain to one row: out[count] = outputs [first, first + count) of in[inputs]. out may
 * be in where all outputs of a chain are wanted that drops and mixes no columns. The bits depend on
 * the row alone. For messages, ds (may be NULL) gives the names, row is the row of ds that this is,
 * and index (NULL: the columns are ds's own) the column of ds that each input comes from. Errors:
 * ERR_DATA, as ls_transforms_fit. A result that is not finite is an error, too. */
ls_status ls_transforms_apply(const ls_transforms *t, const ls_dataset *ds, const uint32_t *index,
                              size_t row, const float *in, size_t first, size_t count, float *out,
                              float *room) LS_MUST_CHECK;

/* The same in place for values that are already chosen: x[count] are the inputs from which outputs
 * [first, first + count) of a chain come that does not mix. */
ls_status ls_transforms_apply_columns(const ls_transforms *t, const ls_dataset *ds,
                                      const uint32_t *index, size_t row, size_t first, size_t count,
                                      float *x) LS_MUST_CHECK;

/* Stores the chain below a group ("/transforms") and reads it back; the number of inputs is
 * stored with it. Errors: ERR_IO; ERR_DATA for a damaged chain. */
ls_status ls_transforms_save(const ls_transforms *t, ls_h5 *file, const char *group) LS_MUST_CHECK;
ls_status ls_transforms_load(ls_h5 *file, const char *group, ls_transforms **out) LS_MUST_CHECK;

#endif
