/* What is in a file, for people and for scripts.
 *
 * Why here: looking at a dataset must not need a config or another tool. Never changes a file;
 * the text is returned, not printed.
 */
#ifndef LS_REPORT_INSPECT_H
#define LS_REPORT_INSPECT_H

#include <stdbool.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/data/dataset.h"

/* Appends a description of a dataset, as lines or as one JSON object: shapes, types, chunks,
 * classes, groups, stored split, and the range, mean, zeros, missing and infinite values of X,
 * for which all of X is read once, in bounded memory, with progress on log. Values that are not
 * finite are counted; everything else that training would refuse is an error here, too. Errors:
 * ERR_DATA. Not collective. */
ls_status ls_inspect_dataset(const ls_dataset_paths *paths, bool json, ls_log *log,
                             ls_buffer *out) LS_MUST_CHECK;

/* XXH3-128 over X as little-endian float32 in sample order, then y (int32 codes or float32)
 * where there is one. hex holds at least 33 bytes. Errors: ERR_DATA. Not collective. */
ls_status ls_inspect_dataset_hash(const ls_dataset_paths *paths, ls_log *log,
                                  char *hex) LS_MUST_CHECK;

/* Appends a description of a checkpoint (a run directory: its best.h5, else last.h5), as lines or
 * as one JSON object: layers, shapes, parameters, transforms, classes and how far training was.
 * Errors: ERR_DATA. Not collective. */
ls_status ls_inspect_checkpoint(const char *run_or_file, bool json, ls_buffer *out) LS_MUST_CHECK;

/* XXH3-128 over the trained parameters, as ls_model_hash. hex holds at least 33 bytes. Errors:
 * ERR_DATA. Not collective. */
ls_status ls_inspect_checkpoint_hash(const char *run_or_file, char *hex) LS_MUST_CHECK;

#endif
