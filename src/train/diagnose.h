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

#include "dead_units.h"
#include "lockstep/base/status.h"
#include "lockstep/train/trained.h"

typedef struct ls_run ls_run; /* run.h */

enum {
    LS_WARNED_VANISHING,
    LS_WARNED_EXPLODING,
    LS_WARNED_DEAD,
    LS_WARNED_DIVERGING,
    LS_WARNED_OVERFITTING,
    LS_WARNINGS
};

typedef struct ls_diagnosis {
    double *squares;    /* [spans][LS_UPDATE_SQUARES] of the last step measured, over all ranks */
    double *gathered;   /* [ranks] of them */
    size_t *bytes;      /* [ranks] */
    ls_dead_units dead; /* of validation rows; no layers where there are none */
    bool warned[LS_WARNINGS];
} ls_diagnosis;

/* Without it nothing is measured. Not collective. Errors: ERR_MEMORY. It is a run's for good:
 * validation calls it. */
ls_status ls_diagnosis_create(ls_run *run) LS_MUST_CHECK;
void ls_diagnosis_free(ls_diagnosis *d);

/* The squares of a step that begins go here where it is to be measured, else NULL. */
double *ls_diagnosis_squares(ls_run *run, bool is_last_step);

/* After the steps and the validation of an epoch: what all ranks have measured. Collective. Errors:
 * those of communication, agreed. */
ls_status ls_diagnosis_share(ls_run *run) LS_MUST_CHECK;

/* "layers" of metrics.jsonl: norms of every parameter's gradient and weights, and of its update by
 * that of the weights; "dead_units", the share of each layer that has such. Sets them in a JSON
 * object, as ls_json_set does. */
void ls_diagnosis_to_json(const ls_run *run, json_t **object);

/* Adds an epoch to the course of losses; val_loss is NAN where there are no validation rows. */
void ls_course_observe(ls_course *course, double train_loss, double val_loss);

/* Warns of what the epoch shows. */
void ls_diagnosis_warn(ls_run *run);

#endif
