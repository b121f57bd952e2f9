/* Units that never answer: those of relu that give 0 for every row of a pass.
 *
 * Why here: validation passes its rows forward anyway; who asks gets a share a layer. Never changes
 * a result.
 */
#ifndef LS_TRAIN_DEAD_UNITS_H
#define LS_TRAIN_DEAD_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"
#include "lockstep/nn/model.h"

typedef struct ls_dead_units {
    const ls_model *model;
    size_t n_layers;
    size_t *layer;   /* [n_layers] of the model, those whose units can die */
    size_t *first;   /* [n_layers + 1] where a layer's units begin */
    uint8_t *answer; /* [ranks][units] whether a unit has given anything but 0 */
    size_t *bytes;   /* [ranks] */
    double *share;   /* [n_layers] of dead ones */
} ls_dead_units;

/* Of a model's layers that are run behind its front. Not collective. Errors: ERR_MEMORY. */
ls_status ls_dead_units_create(ls_comm *comm, const ls_model *model,
                               ls_dead_units *out) LS_MUST_CHECK;
void ls_dead_units_free(ls_dead_units *d);

/* What this rank has passed forward: rows of all activations. rank: its number. */
void ls_dead_units_look(ls_dead_units *d, int rank, const ls_activations *a, size_t rows);

/* share[] of the rows that all ranks have looked at since the last call. Collective. Errors: those
 * of communication, agreed. */
ls_status ls_dead_units_count(ls_dead_units *d, ls_comm *comm) LS_MUST_CHECK;

#endif
