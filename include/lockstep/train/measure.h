/* Steps of a run to be measured: those of `lockstep train`, by the same code, and nothing else.
 *
 * Why here: a benchmark of a step means something only when it is the step that training takes.
 * Never writes a file: there is no run directory, no validation and no checkpoint.
 */
#ifndef LS_TRAIN_MEASURE_H
#define LS_TRAIN_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"
#include "lockstep/train/config.h"

typedef struct ls_measure ls_measure;

/* What a step is and takes, as follows from config and data alone; texts live as long as the
 * ls_measure. */
typedef struct ls_step_facts {
    const char *strategy, *gemm, *optimizer;
    bool can_spread; /* strategy features is one for this model */
    size_t rows, inputs, outputs, lanes;
    size_t weights; /* trained numbers */
    size_t slots;   /* of the optimiser, a weight */
    /* Of the matrix products over all ranks, and of this rank's part. The gradient of the data is
     * nobody's wish. */
    double flops, own_flops;
    /* Bytes that an update must at least read and write, over all ranks: weights and slots. A
     * gradient that is used where it was formed never comes to memory. */
    double update_bytes;
    size_t own_weights; /* that this rank updates */
    size_t sent;        /* bytes that this rank sends to others in a step */
    /* Floats that go around, however many ranks there are: the weights that all have alike, and
     * what a first layer that is spread makes of a batch (0: there is none). */
    size_t exchanged_floats, front_floats;
} ls_step_facts;

/* What some steps took this rank, in seconds; the parts make up all of it. */
typedef struct ls_step_figures {
    double seconds, gather_s, forward_s, backward_s, update_s; /* without waiting */
    double wait_s;                                             /* for other ranks */
    double rows;                                               /* over all ranks */
} ls_step_figures;

/* Prepares and loads a run of this config, which it takes over, up to its first step. Collective.
 * Errors: those of ls_train, agreed; LS_STOPPED. */
ls_status ls_measure_create(ls_comm *comm, ls_log *log, ls_config *config,
                            ls_measure **out) LS_MUST_CHECK;
void ls_measure_destroy(ls_measure *m);

/* Not collective. */
void ls_measure_facts(const ls_measure *m, ls_step_facts *out);

/* The next n steps, epoch after epoch. Collective. Errors: ERR_DIVERGED; LS_STOPPED where a rank
 * was signalled. */
ls_status ls_measure_steps(ls_measure *m, size_t n, ls_step_figures *out) LS_MUST_CHECK;

/* What the ranks exchange in a step, without the work around it: *seconds, of which this rank
 * waited *wait_s. Changes no weight. Collective. */
ls_status ls_measure_exchange(ls_measure *m, double *seconds, double *wait_s) LS_MUST_CHECK;

#endif
