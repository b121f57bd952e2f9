/* A trained model put to a dataset: names matched, rows chosen, ready for passes.
 *
 * Why here: evaluation and prediction begin alike. Never trains.
 */
#ifndef LS_TRAIN_APPLY_H
#define LS_TRAIN_APPLY_H

#include "blocks.h"
#include "lockstep/train/trained.h"

typedef struct ls_apply_request {
    const char *model;   /* RUN or CHECKPOINT */
    const char *data;    /* a dataset, or NULL: the one of training */
    const char *split;   /* train, val, test, all; NULL: what the contract says */
    bool needs_targets;  /* evaluation */
    bool ignore_unknown; /* rows of unknown classes are left out */
    bool resident;
} ls_apply_request;

typedef struct ls_apply {
    char *path; /* of the checkpoint */
    ls_trained *t;
    ls_dataset *ds;
    uint32_t *index; /* the dataset's column of each input, or NULL: as they are */
    int32_t *label;  /* [samples] in the model's classes, or NULL */
    const char *split;
    size_t *row, n; /* the dataset's rows, ascending */
    ls_loader *loader;
    ls_blocks *blocks;
} ls_apply;

/* Fills *a. Collective. Errors: agreed. */
ls_status ls_apply_begin(ls_comm *comm, ls_log *log, const ls_apply_request *request,
                         ls_apply *a) LS_MUST_CHECK;
void ls_apply_end(ls_apply *a);

#endif
