/* Evaluation: the metrics of a trained model on the rows of a dataset.
 *
 * Why here: what `lockstep evaluate` does, as one call.
 */
#ifndef LS_TRAIN_EVALUATE_H
#define LS_TRAIN_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"

typedef struct ls_evaluate_request {
    const char *model; /* RUN or CHECKPOINT */
    const char *data;  /* NULL: the dataset and the stored split of training */
    const char *split; /* train, val, test, all; NULL: all with data, else test, else val */
    bool ignore_unknown;
} ls_evaluate_request;

#define LS_EVALUATE_METRICS_MAX 16

typedef struct ls_evaluation {
    char split[8];
    size_t samples;
    char checkpoint[1024], data[1024]; /* paths, cut where they are longer */
    size_t n_metrics;                  /* loss first */
    struct {
        const char *name;
        double value;
    } metric[LS_EVALUATE_METRICS_MAX];
} ls_evaluation;

/* Collective; *out is the same on every rank and every number of ranks. Errors: ERR_DATA,
 * ERR_USAGE, agreed. */
ls_status ls_evaluate(ls_comm *comm, ls_log *log, const ls_evaluate_request *request,
                      ls_evaluation *out) LS_MUST_CHECK;

#endif
