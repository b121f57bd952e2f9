/* What the files of the initialisers share.
 *
 * Why here: an initialiser that is more than a draw an element has a file of its own. */
#ifndef LS_NN_INIT_PRIVATE_H
#define LS_NN_INIT_PRIVATE_H

#include "lockstep/base/random.h"
#include "lockstep/nn/init.h"

/* out[k] = a standard normal draw for element [row, 4 quad + k]; another one at every attempt. */
void ls_init_normal4(ls_random_key key, uint32_t attempt, uint32_t row, uint32_t quad,
                     double out[4]);

/* w = gain times an orthogonal matrix: see orthogonal.c. Errors: ERR_CONFIG with a hint where the
 * parameter is no matrix, or a larger one than that file says; ERR_MEMORY. */
ls_status ls_init_orthogonal(const ls_param_spec *spec, const ls_strips *as, ls_random_key key,
                             double gain, float *w) LS_MUST_CHECK;

#endif
