/* Evaluation: the metrics of a trained model on the rows of a dataset.
 *
 * Why here: what `lockstep evaluate` does, as one call. Prints nothing:
 * lockstep/report/evaluation.h makes text of the result.
 */
#ifndef LS_TRAIN_EVALUATE_H
#define LS_TRAIN_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/comm/comm.h"
#include "lockstep/metrics/metrics.h"
#include "lockstep/metrics/ranking.h"

typedef struct ls_evaluate_request {
    const char *model; /* RUN or CHECKPOINT */
    const char *data;  /* NULL: the dataset and the stored split of training */
    const char *split; /* train, val, test, all; NULL: all with data, else test, else val */
    bool ignore_unknown;
    const char *threshold; /* a criterion of the best one; NULL: not asked for */
    const char *curves;    /* a file for the curves of classes and flags, CSV; NULL: none */
} ls_evaluate_request;

/* More classes than this have no confusion matrix: its room and text grow with their square. */
#define LS_CONFUSION_CLASSES_MAX ((size_t)1000)

typedef struct ls_best {
    const ls_criterion *criterion; /* NULL: not asked for */
    double threshold;              /* NAN: the criterion has no value */
    ls_counts counts; /* of the second class, rows at or above the threshold being it */
} ls_best;

typedef struct ls_evaluation {
    char split[8];
    size_t samples;
    char checkpoint[1024], data[1024]; /* paths, cut where they are longer */
    ls_facts facts;                    /* of arrays that are the assessment's */
    ls_strings names;    /* of classes, or of outputs where the dataset names them; else empty */
    uint64_t *confusion; /* [n, n] of classes: actual, predicted; NULL: none */
    ls_best best;
    struct ls_assessment *assessment;
} ls_evaluation;

/* Collective; *out (ls_evaluation_free, after errors, too) is the same on every rank and every
 * number of ranks. Rank 0 writes the curves. Errors: ERR_DATA, ERR_USAGE, ERR_IO, agreed. */
ls_status ls_evaluate(ls_comm *comm, ls_log *log, const ls_evaluate_request *request,
                      ls_evaluation *out) LS_MUST_CHECK;
void ls_evaluation_free(ls_evaluation *e);

#endif
