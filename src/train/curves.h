/* ROC and precision-recall curves as a file: CSV, a line a threshold of a class.
 *
 * Why here: the predictions that they are of lie spread over the ranks.
 */
#ifndef LS_TRAIN_CURVES_H
#define LS_TRAIN_CURVES_H

#include "assess.h"
#include "lockstep/base/text.h"

/* Columns class, threshold, false_positive_rate, recall, precision: of every
 * class that has rows, or of the second of two; a row is taken for the class where its probability
 * is at least the threshold. n: rows. The file appears when it is complete. Collective; rank 0
 * writes. Errors: ERR_IO, agreed. */
ls_status ls_curves_write(ls_comm *comm, ls_assessment *a, const ls_problem *problem, size_t n,
                          const ls_strings *names, const char *path) LS_MUST_CHECK;

#endif
