/* What an evaluation found, for people and for scripts.
 *
 * Why here: the metrics come from tables, so do their lines and keys. The text is returned, not
 * printed.
 */
#ifndef LS_REPORT_EVALUATION_H
#define LS_REPORT_EVALUATION_H

#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/train/evaluate.h"

/* Appends lines: a table of classes or outputs where they are not too many, then all metrics. Not
 * collective. Errors: ERR_MEMORY. */
ls_status ls_evaluation_text(const ls_evaluation *e, ls_buffer *out) LS_MUST_CHECK;

/* Appends one JSON object: split, samples, a key a metric (null where it has no value), checkpoint,
 * data; per_class or per_output, a list of objects; confusion, a list of lists, a row an actual
 * class; calibration, a list of bins; threshold, where it was asked for. Not collective. Errors:
 * ERR_MEMORY. */
ls_status ls_evaluation_json(const ls_evaluation *e, ls_buffer *out) LS_MUST_CHECK;

#endif
