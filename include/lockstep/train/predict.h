/* Prediction: what a trained model says of every row of a dataset, written to a file.
 *
 * HDF5: /samples (ids; absent where the dataset has none), classes: /class (int32), /name,
 * /probabilities [samples, classes], /classes; regression: /outputs [samples, outputs],
 * /targets. CSV: a header, then a line a sample: sample, class, name and the probability of
 * every class, or sample and the outputs; a sample without an id has its row number, from 0.
 *
 * Why here: what `lockstep predict` does, as one call. The file appears when it is complete.
 */
#ifndef LS_TRAIN_PREDICT_H
#define LS_TRAIN_PREDICT_H

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"

typedef struct ls_predict_request {
    const char *model; /* RUN or CHECKPOINT */
    const char *data;
    const char *out; /* ends in .csv or .h5 */
} ls_predict_request;

/* Collective; rank 0 writes. Errors: ERR_DATA, ERR_USAGE, ERR_IO, agreed. */
ls_status ls_predict(ls_comm *comm, ls_log *log, const ls_predict_request *request) LS_MUST_CHECK;

#endif
