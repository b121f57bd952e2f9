/* A dataset as a trained model sees it: features and classes matched by name.
 *
 * Why here: a dataset made elsewhere has its columns and classes in another order, more of the
 * one and fewer of the other, and must still be evaluated correctly. Where a side has no names,
 * positions are matched and the counts must agree; a warning says so where the other side has
 * names. Never changes the dataset.
 */
#ifndef LS_DATA_MATCH_H
#define LS_DATA_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/data/dataset.h"

/* index[j] = the dataset's column for the model's input j of n_model. features are the model's
 * names, or empty. Columns that the model does not take are ignored; a note says how many.
 * Errors: ERR_DATA: missing features (the first few and their number), or another number of
 * columns where there are no names. */
ls_status ls_match_features(const ls_strings *features, size_t n_model, const ls_dataset *ds,
                            ls_log *log, uint32_t *index) LS_MUST_CHECK;

/* Whether index takes all columns of ds, in their order. */
bool ls_match_is_identity(const ls_dataset *ds, const uint32_t *index, size_t n);

typedef struct ls_class_match {
    size_t blank;   /* rows without a label */
    size_t unknown; /* rows of a class that the model does not know (with ignore_unknown) */
} ls_class_match;

/* label[n_samples] = the model's code of each row's class, -1 for rows to leave out: those whose
 * class has a blank name, those of an unknown class where ignore_unknown, and those with
 * part[row] == LS_SPLIT_NONE (part may be NULL). classes are the model's; named as in
 * ls_dataset. Numbered classes of a dataset may be fewer than the model's: the file does not
 * say how many there are. Needs ds->target == LS_TARGET_CLASSES. Errors: ERR_DATA: a class that
 * occurs and is unknown (the first few), another number of classes where there are no names. */
ls_status ls_match_classes(const ls_strings *classes, bool named, const ls_dataset *ds,
                           const uint8_t *part, bool ignore_unknown, ls_log *log, int32_t *label,
                           ls_class_match *out) LS_MUST_CHECK;

#endif
