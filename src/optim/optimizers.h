/* The rows of all optimisers. */
#ifndef LS_OPTIM_OPTIMIZERS_H
#define LS_OPTIM_OPTIMIZERS_H

#include "lockstep/optim/optimizer.h"

extern const ls_optimizer_type ls_optimizer_sgd;
extern const ls_optimizer_type ls_optimizer_adam;
extern const ls_optimizer_type ls_optimizer_adamw;
extern const ls_optimizer_type ls_optimizer_lars;
extern const ls_optimizer_type ls_optimizer_lamb;
extern const ls_optimizer_type ls_optimizer_adagrad;
extern const ls_optimizer_type ls_optimizer_rmsprop;

#endif
