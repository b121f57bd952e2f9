/* How training goes, beside its loss: norms of gradients, weights and updates of every parameter,
 * units that never answer, and warnings of what the textbooks warn of, with a remedy.
 *
 * Norms are those of the last step of an epoch; dead units are those of relu and its like that give
 * 0 for all validation rows. A warning is given once in a run (and once more after --resume).
 *
 * Why here: it looks at what a run has computed anyway. Never changes a result, never stops a run.
 */
#ifndef LS_TRAIN_DIAGNOSE_H
#define LS_TRAIN_DIAGNOSE_H

#include <jansson.h>
#include <stdbool.h>

#include "lockstep/base/status.h"

typedef struct ls_run ls_run; /* run.h */
typedef struct ls_epoch_record ls_epoch_record;

enum {
    LS_WARNED_VANISHING,
    LS_WARNED_EXPLODING,
    LS_WARNED_DEAD,
    LS_WARNED_DIVERGING,
    LS_WARNED_OVERFITTING,
    LS_WARNINGS
};

typedef struct ls_diagnosis {
    double *squares;  /* [spans][LS_UPDATE_SQUARES] of the last step measured, over all ranks */
    double *gathered; /* [ranks] of them */
    size_t *bytes;    /* [ranks] */
    bool warned[LS_WARNINGS];
    double first_train_loss, least_train_loss; /* of the epochs before; NAN: none */
    double train_loss, val_loss;               /* of the last one */
    unsigned rising; /* epochs in which the validation loss rose while the training loss fell */
} ls_diagnosis;

/* Without it nothing is measured. Not collective. Errors: ERR_MEMORY. */
ls_status ls_diagnosis_create(ls_run *run) LS_MUST_CHECK;
void ls_diagnosis_free(ls_diagnosis *d);

/* The squares of a step that begins go here where it is to be measured, else NULL. */
double *ls_diagnosis_squares(ls_run *run, bool is_last_step);

/* After the last step of an epoch: what all ranks have measured. Collective. Errors: those of
 * communication, agreed. */
ls_status ls_diagnosis_share(ls_run *run) LS_MUST_CHECK;

/* "layers" of metrics.jsonl: norms of every parameter's gradient and weights, and of its update by
 * that of the weights. Sets it in a JSON object, as ls_json_set does. */
void ls_diagnosis_to_json(const ls_run *run, json_t **object);

/* Whether the last epochs show over-fitting. */
bool ls_diagnosis_is_overfitting(const ls_run *run);

/* Warns of what the epoch shows. */
void ls_diagnosis_warn(ls_run *run, const ls_epoch_record *record);

#endif
