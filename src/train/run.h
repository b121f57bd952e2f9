/* A training run in memory: what the files of this module share.
 *
 * setup.c and load.c build it, step.c takes steps, loop.c goes through epochs, run_dir.c and
 * history.c keep its directory. Never used outside this module.
 */
#ifndef LS_TRAIN_RUN_H
#define LS_TRAIN_RUN_H

#include "assess.h"
#include "blocks.h"
#include "deadline.h"
#include "diagnose.h"
#include "feature_shards.h"
#include "lockstep/base/error.h"
#include "lockstep/comm/exchange.h"
#include "lockstep/data/sampler.h"
#include "lockstep/math/lanes.h"
#include "lockstep/train/checkpoint.h"
#include "lockstep/train/train.h"
#include "lockstep/train/trained.h"
#include "rate.h"
#include "rows.h"
#include "run_dir.h"
#include "saver.h"
#include "score.h"
#include "updates.h"

/* This rank's training rows, lane after lane; with strategy features all rows, of these the
 * columns of this rank, and one more row of zeros. */
typedef struct ls_shard {
    float *x;       /* [slots, inputs]; NULL where rows are streamed */
    int32_t *label; /* [slots], or NULL */
    float *value;   /* [slots, targets], or NULL */
    double *weight; /* [slots], or NULL: 1 each */
} ls_shard;

/* The rows of one step, gathered from the shard. */
typedef struct ls_batch {
    float *x;           /* [rows, inputs]; with features the first dense layer's output */
    int32_t *label;     /* [rows], or NULL */
    float *value;       /* [rows, targets], or NULL */
    double *weight;     /* [rows], or NULL */
    size_t *first;      /* [lanes of the sampler + 1] */
    size_t *own_first;  /* [lanes of this rank + 1] */
    size_t *slot;       /* [rows of the sampler's lanes] */
    uint32_t *position; /* [rows of the sampler's lanes] */
    /* With features every lane has room for its full share: */
    size_t *all_slot;       /* [batch] slots, or that of the row of zeros */
    uint32_t *all_position; /* [batch] */
    double *row_loss;       /* [rows] */
    ls_loss_sum *lane_loss; /* [lanes of this rank] */
} ls_batch;

/* What the ranks tell each other in a step, as numbers: RANK_NUMBERS of each rank, each followed by
 * LANE_NUMBERS for each of its lanes. */
enum { STOP_ASKED, SAVE_ASKED, WEIGHTS_SUM, HAS_FAILED, RANK_NUMBERS };
enum { LANE_LOSS, LANE_WEIGHT, LANE_CORRECT, LANE_NUMBERS };

/* Where the time of steps goes. A first layer that is spread updates its weights in BACKWARD: tile
 * by tile, as their gradient is formed. */
typedef enum ls_phase {
    LS_PHASE_GATHER, /* of the batch's rows */
    LS_PHASE_FORWARD,
    LS_PHASE_BACKWARD,
    LS_PHASE_UPDATE, /* with the sums over ranks, and what is sent */
    LS_PHASES
} ls_phase;

typedef struct ls_step_times {
    double phase_s[LS_PHASES]; /* without waiting */
    double wait_s;             /* for the other ranks */
    double now_s, waited_s;    /* at the last change of phase */
} ls_step_times;

struct ls_run {
    ls_comm *comm;
    ls_log *log;
    ls_trained *t;
    ls_dataset *ds;
    ls_loader *loader;
    int32_t *label;  /* [samples] in the model's classes, -1: without a label; or NULL */
    size_t *rows[3]; /* the dataset's rows of train, val and test, ascending */
    size_t n_rows[3];

    ls_sampler *sampler; /* of this rank's lanes, with features of all */
    ls_lanes lanes;
    ls_exchange *exchange;
    ls_features *features; /* the front of the model with strategy features; else NULL */
    ls_shard shard;
    ls_rows rows_from; /* where a step's rows come from: the shard, or a stream */
    ls_error failure;  /* this rank's first in a step, of which the others do not know yet */
    ls_batch batch;
    ls_activations *activations;
    float *gradient[LS_TREE_DEPTH_MAX]; /* a slab a root of this rank; the exchange's */
    ls_updates updates;
    ls_diagnosis diagnosis;
    double lr;           /* the learning rate of the step that is taken, or was last */
    char arithmetic[40]; /* what the bits depend on: ls_math_fingerprint */
    double began;        /* the clock when this process began to train */
    ls_saver *saver;
    ls_deadline deadline;  /* rank 0's */
    double counted;        /* the clock up to which the state's seconds count */
    double *message;       /* what the ranks tell each other in a step */
    size_t *message_bytes; /* [ranks] */
    ls_step_times times;   /* of this epoch's steps */

    ls_problem problem;
    const ls_metric *monitor; /* that the best epoch is told by */
    const ls_metric *watched; /* by the schedule, or NULL */
    ls_blocks *val;           /* NULL where there are no validation rows */
    ls_assessment *validation;

    ls_run_dir dir;
    char *resumed_from; /* path of the checkpoint, or NULL */
};

/* train.c: a new run of this config, which it takes over: settles on what multiplies and checks
 * that all ranks compute alike. Collective. Errors: agreed. */
ls_status ls_run_begin(ls_run *run, ls_config *config) LS_MUST_CHECK;

/* setup.c: everything up to the reading of rows; collective. With resumed_from set
 * the checkpoint's state is taken. Errors: agreed. */
ls_status ls_run_prepare(ls_run *run) LS_MUST_CHECK;
/* monitors.c: finds the metrics that the config watches. Not collective. Errors: ERR_CONFIG: there
 * is no such metric; ERR_DATA: no rows that it is of. */
ls_status ls_run_find_monitors(ls_run *run) LS_MUST_CHECK;
/* load.c: fits the transforms, loads this rank's rows and allocates what steps need;
 * collective. */
ls_status ls_run_load(ls_run *run) LS_MUST_CHECK;
void ls_run_free(ls_run *run);
/* load.c: who will exchange what with whom; collective. Errors: agreed. */
ls_status ls_run_plan_exchange(ls_run *run) LS_MUST_CHECK;

/* load.c: rows[r] = the rows of a batch that rank r goes on with behind the front. */
void ls_run_front_rows(const ls_run *run, ls_tree_range *rows);

/* plan.c: what a dry run tells, on rank 0 about itself. Collective. Errors: ERR_MEMORY, agreed. */
ls_status ls_run_plan(const ls_run *run, ls_buffer *out) LS_MUST_CHECK;

/* What the ranks agree on beside the loss: a rank asks, all are told the same. */
typedef struct ls_requests {
    bool stop; /* a rank was signalled, or rank 0's time is up */
    bool save; /* rank 0's: it is time for a checkpoint */
} ls_requests;

/* step.c: one training step; *requests is what this rank asks and then what all are told.
 * Collective. Errors: ERR_DIVERGED; those of the rows; ERR_MEMORY, ERR_RUNTIME: a product of this
 * step or the last has failed, or weights differ. Agreed. */
ls_status ls_run_step(ls_run *run, size_t step, ls_requests *requests) LS_MUST_CHECK;

/* Until the weights are those of the last step: what is left of its exchange. Before anything but
 * the next step. Collective. */
void ls_run_settle(ls_run *run);

/* failure.c: what this rank has failed at in a step, kept while it computes on, so that nobody
 * waits for it. Notes st, which was just recorded, or LS_OK; or a product of the step that failed.
 */
void ls_failure_note(ls_run *run, ls_status st);
void ls_failure_note_products(ls_run *run);
/* What all leave with: LS_OK where none has failed. Collective. */
ls_status ls_failure_agree(ls_run *run) LS_MUST_CHECK;

/* ls_run_settle where no step follows at once, at an epoch's end or for a checkpoint: the last
 * step's backward pass may have failed, too. Collective. Errors: ERR_MEMORY, ERR_RUNTIME, agreed.
 */
ls_status ls_run_end_steps(ls_run *run) LS_MUST_CHECK;

/* The mean over ranks, between steps. Collective. */
ls_status ls_run_mean(ls_run *run, double own, double *mean) LS_MUST_CHECK;

/* loop.c: where the run is between two steps, for an error: out. */
#define LS_RUN_PLACE 72
const char *ls_run_place(const ls_run *run, char out[LS_RUN_PLACE]);

/* loop.c: epochs to the end. Collective. */
ls_status ls_run_loop(ls_run *run) LS_MUST_CHECK;

/* history.c: metrics.jsonl and the table on the screen. */
typedef struct ls_epoch_record {
    double train_loss, train_accuracy; /* NAN: none */
    const ls_facts *val;               /* NULL: none */
    double lr;                         /* of the epoch's last update */
    double seconds, rows_per_s;
    double steps_s, wait_s; /* of its steps; for others, the mean over ranks */
    double read_wait_s;     /* for rows that are streamed, the mean over ranks */
    bool best;
} ls_epoch_record;

/* Appends a line for the epoch that state.epoch counts; rank 0 only. Errors: ERR_IO. */
ls_status ls_history_append(const ls_run *run, const ls_epoch_record *record) LS_MUST_CHECK;
/* Cuts metrics.jsonl back to the epochs that the state has done; rank 0 only. */
ls_status ls_history_cut(const ls_run *run) LS_MUST_CHECK;
/* Prints the record as a line of the table on stderr. */
void ls_history_print(const ls_run *run, const ls_epoch_record *record);
void ls_history_header(const ls_run *run);

#endif
