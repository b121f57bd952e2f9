/* Moves parameters and optimiser state between the ranks that hold them and a checkpoint's arrays.
 *
 * Why here: rank 0 writes and reads the file through one bounded buffer, whoever owns which part;
 * saving and loading take the same way. Decides nothing about names of files.
 */
#ifndef LS_TRAIN_MOVER_H
#define LS_TRAIN_MOVER_H

#include <stdbool.h>

#include "array_io.h"
#include "lockstep/comm/comm.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/train/checkpoint.h"

typedef struct ls_mover {
    ls_comm *comm;               /* NULL: this process has everything, and does not communicate */
    const ls_exchange *exchange; /* who owns which part of the optimiser's slots; NULL as above */
    ls_h5 *file;                 /* rank 0; NULL where it has failed already */
    bool save;
    bool averaged; /* the weights' mean instead of them */
    float *buffer; /* [LS_CHECKPOINT_BUFFER], on every rank */
} ls_mover;

/* All parameters of the model: rank 0's, and of one whose columns are spread those of all ranks.
 * With a communicator every rank calls it, whatever rank 0 has come to before: st, which it returns
 * where that is not LS_OK. The result is rank 0's. */
ls_status ls_move_weights(const ls_mover *m, ls_model *model, ls_status st) LS_MUST_CHECK;

/* All slots of the optimiser's state; as above. */
ls_status ls_move_slots(const ls_mover *m, const ls_trained *t, const ls_optimizer_state *state,
                        ls_status st) LS_MUST_CHECK;

#endif
