/* A trained model and all that belongs to it: what a checkpoint holds, in memory.
 *
 * Training, evaluation, prediction and inspection share it, so that a checkpoint is all that is
 * needed beside the data.
 *
 * Why here: it joins model, data and config; the modules below know nothing of each other.
 */
#ifndef LS_TRAIN_TRAINED_H
#define LS_TRAIN_TRAINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/base/tree.h"
#include "lockstep/data/dataset.h"
#include "lockstep/data/loader.h"
#include "lockstep/data/transform.h"
#include "lockstep/nn/model.h"
#include "lockstep/optim/optimizer.h"
#include "lockstep/train/config.h"

/* How the losses of epochs went. */
typedef struct ls_course {
    uint64_t epochs; /* that it knows of */
    uint64_t rising; /* of the last ones: the validation loss rose while the training loss fell */
    double train_loss, val_loss;               /* of the last one; NAN: none */
    double first_train_loss, least_train_loss; /* of all */
} ls_course;

/* Where training stands. */
typedef struct ls_train_state {
    uint64_t epoch;      /* epochs done */
    uint64_t epoch_step; /* steps done of the epoch that has begun; 0 between epochs */
    uint64_t step;       /* updates done */
    uint64_t best_epoch; /* the epoch of best_value, from 1; 0: none yet */
    uint64_t waited;     /* epochs since the last improvement by min_delta */
    uint64_t finished;   /* 1: training has ended by itself */
    double best_value;   /* of the monitored metric */
    double reference;    /* the value that patience is counted from */
    double train_loss;   /* sums over the epoch that has begun */
    double train_correct;
    double train_rows;
    double train_weight; /* of these rows in the loss */
    double seconds;      /* of training so far */
    ls_schedule_state schedule;
    ls_course course;
} ls_train_state;

/* Most blocks that the columns of a wide input are cut into, and so most ranks that share it. */
#define LS_FEATURE_BLOCKS ((size_t)32)

/* Which of the input's columns this rank holds: whole, consecutive blocks. */
typedef struct ls_spread {
    size_t total;       /* blocks over all ranks; 0: every rank holds all columns */
    ls_tree_range mine; /* blocks of this rank */
    size_t *edge; /* [mine.count + 1]: columns [edge[i], edge[i + 1]) are block mine.first + i */
} ls_spread;

/* The columns of rank `rank` of `ranks`. */
ls_tree_range ls_feature_columns(size_t inputs, size_t ranks, size_t rank);

typedef struct ls_trained {
    ls_config config;
    ls_target target;
    ls_strings classes; /* of the outputs; targets of regression in `targets` */
    bool named_classes;
    double *class_weight; /* [classes] what their rows count in the loss; NULL: 1 */
    ls_strings targets;
    size_t n_targets;    /* columns of y, regression */
    ls_strings features; /* of the inputs before the transforms, or empty */
    ls_transforms *transforms;
    /* What multiplies: config.compute.gemm or, with precision bf16, `bf16`; to apply a model, what
     * is here instead. */
    const ls_gemm *gemm;
    ls_gemm *bf16; /* NULL: not with this precision, or not here */
    ls_model *model;
    ls_spread spread;     /* strategy features */
    size_t n_samples;     /* of the dataset that it was trained on */
    uint8_t *part;        /* [n_samples] LS_SPLIT_* */
    char fingerprint[40]; /* of that dataset */
    uint64_t
        rows_sum[2];  /* of the values trained and validated on, see ls_loader_sum; 0: unknown */
    char *provenance; /* JSON */
    ls_train_state state;
} ls_trained;

void ls_trained_destroy(ls_trained *t);

/* What is kept of every weight beside it: the optimizer's slots and, with train.ema, behind these
 * the mean of the weights. Returns how many; name[k] (NULL: nobody asks) as in a checkpoint. */
#define LS_STATE_SLOTS_MAX (LS_OPTIMIZER_SLOTS_MAX + 1)
#define LS_EMA_SLOT "ema"
size_t ls_state_slots(const ls_config *config, const char *name[LS_STATE_SLOTS_MAX]);

/* The metric that tells the best epoch: the config's, or train_loss where it is one of validation
 * rows and there are none. */
const char *ls_trained_monitor(const ls_trained *t);

/* Plans the model on the transforms' outputs and checks that loss, outputs and targets fit;
 * with strategy features for the columns of rank `rank` of `ranks`. Errors: ERR_CONFIG with a hint.
 * Not collective. */
ls_status ls_trained_plan_model(ls_trained *t, size_t inputs, size_t ranks,
                                size_t rank) LS_MUST_CHECK;

/* Errors: ERR_CONFIG: strategy features for so many inputs is not for so many ranks. */
ls_status ls_trained_check_ranks(const ls_trained *t, size_t inputs, size_t ranks) LS_MUST_CHECK;

/* A loader of the columns that this rank holds; index as in ls_loader_create. t must outlive it.
 * Errors: ERR_MEMORY. Not collective. */
ls_status ls_trained_loader(const ls_trained *t, ls_dataset *ds, const uint32_t *index,
                            ls_loader **out) LS_MUST_CHECK;

/* Decides what `auto` means for so many inputs. Errors: ERR_CONFIG: features are asked for where
 * the model does not allow it. */
ls_status ls_trained_choose_strategy(ls_trained *t, size_t inputs) LS_MUST_CHECK;

/* Why the strategy that was decided on is the run's, as the end of a sentence; size is at least
 * LS_STRATEGY_WHY_MAX. */
#define LS_STRATEGY_WHY_MAX ((size_t)256)
void ls_trained_explain_strategy(const ls_trained *t, size_t inputs, char *why, size_t size);

/* Checks that the dataset's float targets, if it has any, are ones that the loss can take. Errors:
 * ERR_CONFIG: it takes classes alone; ERR_DATA naming row and column. Not collective. */
ls_status ls_trained_check_values(const ls_trained *t, const ls_dataset *ds) LS_MUST_CHECK;

#endif
