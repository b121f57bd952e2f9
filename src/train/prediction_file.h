/* Files of predictions: one interface, a row a format.
 *
 * Why here: predict.c computes; how a format looks is told in one place each. Used by rank 0.
 */
#ifndef LS_TRAIN_PREDICTION_FILE_H
#define LS_TRAIN_PREDICTION_FILE_H

#include "lockstep/base/file.h"
#include "lockstep/data/dataset.h"
#include "lockstep/train/trained.h"

typedef struct ls_prediction_file {
    const struct ls_prediction_format *format;
    ls_pending_file pending;
    const ls_trained *t;
    const ls_dataset *ds;
    size_t columns; /* of p: classes, or outputs */
    void *state;    /* the format's own */
} ls_prediction_file;

typedef struct ls_prediction_format {
    const char *suffix;
    ls_status (*begin)(ls_prediction_file *f);
    /* Rows [first, first + rows) of the dataset with p[rows, columns]; code[rows] with classes. */
    ls_status (*rows)(ls_prediction_file *f, size_t first, size_t rows, const float *p,
                      const int32_t *code);
    ls_status (*end)(ls_prediction_file *f); /* closes; frees state in every case */
    void (*abandon)(ls_prediction_file *f);
} ls_prediction_format;

/* Errors: ERR_USAGE for an unknown suffix, ERR_IO. */
ls_status ls_prediction_file_begin(ls_prediction_file *f, const char *path, const ls_trained *t,
                                   const ls_dataset *ds, size_t columns) LS_MUST_CHECK;
/* Makes the file appear; frees in every case. */
ls_status ls_prediction_file_end(ls_prediction_file *f) LS_MUST_CHECK;
void ls_prediction_file_abandon(ls_prediction_file *f);

/* The format of a path, or NULL. */
const ls_prediction_format *ls_prediction_format_of(const char *path);

extern const ls_prediction_format ls_prediction_csv;
extern const ls_prediction_format ls_prediction_h5;

#endif
