/* The parts of a dataset's opening that have files of their own.
 *
 * Why here: dataset.c opens X and reads blocks, dataset_rows.c reads what describes the rows. */
#ifndef LS_DATA_DATASET_INTERNAL_H
#define LS_DATA_DATASET_INTERNAL_H

#include "lockstep/data/dataset.h"

/* Codes of classes in a file that does not name them are below this: larger ones are taken for
 * quantities that were stored as integers. */
#define LS_DATASET_CODES_MAX 65536

/* Reads y, classes and targets; *ds knows n_samples. Errors: ERR_DATA. */
ls_status ls_dataset_read_targets(ls_dataset *ds, const ls_dataset_paths *paths) LS_MUST_CHECK;

/* Reads one text a row or column: strings, or integers as text. There must be count of them;
 * what they stand for ("samples", "features") is in the message. Errors: ERR_DATA. */
ls_status ls_dataset_read_names(const ls_dataset *ds, const char *array, size_t count,
                                const char *what, ls_strings *out) LS_MUST_CHECK;

/* An array that must have `count` whole numbers in one dimension. *out: ls_free.
 * Errors: ERR_DATA. */
ls_status ls_dataset_read_codes(const ls_dataset *ds, const char *array, size_t count,
                                int64_t **out) LS_MUST_CHECK;

/* Reads what each sample counts in a loss. Errors: ERR_DATA. */
ls_status ls_dataset_read_weights(ls_dataset *ds, const char *array) LS_MUST_CHECK;

/* Errors: ERR_DATA naming the array and both places of the first repeated name. */
ls_status ls_dataset_check_unique(const ls_dataset *ds, const char *array,
                                  const ls_strings *names) LS_MUST_CHECK;

#endif
