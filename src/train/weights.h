/* What rows count in the loss: the weight of their class times their own, from the dataset.
 *
 * The weights of the classes belong to the model, since validation and evaluation report the same
 * loss: a checkpoint keeps them. Those of the rows belong to the dataset at hand.
 *
 * Why here: training, validation and evaluation weigh alike. Never changes a metric but the loss.
 */
#ifndef LS_TRAIN_WEIGHTS_H
#define LS_TRAIN_WEIGHTS_H

#include "lockstep/train/trained.h"

/* Settles on t->class_weight of a new run, as class_weights of the config says: `balanced` is
 * n / (K n_k) over the training rows row[0..n), with the K classes that these have (as
 * scikit-learn), and 1 for the others. label[row] is a row's class, NULL: there are none. Errors:
 * ERR_CONFIG, a list that does not fit the classes; ERR_MEMORY. */
ls_status ls_weigh_classes(ls_trained *t, const int32_t *label, const size_t *row,
                           size_t n) LS_MUST_CHECK;

/* Whether some row of the dataset may weigh something else than 1. */
bool ls_has_weights(const ls_trained *t, const ls_dataset *ds);

/* What a row of the dataset weighs; label as above. */
double ls_row_weight(const ls_trained *t, const ls_dataset *ds, const int32_t *label, size_t row);

/* Says what weighs, and checks what training and validation need: row[p][0..n[p]) are the rows of
 * part p. Errors: ERR_DATA: the array that the config names is not there, or the rows of a part all
 * weigh 0. */
ls_status ls_check_weights(const ls_trained *t, const ls_dataset *ds, const int32_t *label,
                           size_t *const *row, const size_t *n, ls_log *log) LS_MUST_CHECK;

/* *weight[n] = those of rows row[0..n), NULL where all weigh 1. *weight: ls_free. Errors:
 * ERR_MEMORY. */
ls_status ls_row_weights(const ls_trained *t, const ls_dataset *ds, const int32_t *label,
                         const size_t *row, size_t n, double **weight) LS_MUST_CHECK;

#endif
