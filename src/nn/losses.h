/* The rows of all losses. */
#ifndef LS_NN_LOSSES_H
#define LS_NN_LOSSES_H

#include "lockstep/nn/loss.h"

extern const ls_loss_type ls_loss_softmax_cross_entropy;
extern const ls_loss_type ls_loss_binary_cross_entropy;
extern const ls_loss_type ls_loss_mse;
extern const ls_loss_type ls_loss_mae;
extern const ls_loss_type ls_loss_huber;
extern const ls_loss_type ls_loss_poisson_nll;
extern const ls_loss_type ls_loss_negative_binomial_nll;

#endif
