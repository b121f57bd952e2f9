/* Initialisers: the first values of a parameter, from counter-based random numbers.
 *
 * The draw for element [o, i] of parameter p has the key {seed, INIT and p} and the counter
 * {0, o, i / 4}; one that is drawn again, {1, o, i / 4} and so on: it does not depend on ranks,
 * threads or on how a matrix is cut.
 *
 * Why here: adding an initialiser is one row. Never keeps a generator.
 */
#ifndef LS_NN_INIT_H
#define LS_NN_INIT_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/nn/layer.h"

/* he_, xavier_ and lecun_normal and _uniform, orthogonal, normal, truncated_normal, uniform,
 * constant, zeros, ones, values. */
extern const ls_opt_choices ls_init_choices;

/* For parameters whose first values are no option. */
extern const ls_choice ls_init_zeros, ls_init_ones;

/* Fills w, the parameter of number `index` in the model, which lies as told. Errors: ERR_CONFIG
 * when `values` are not as many as the parameter has, or `orthogonal` does not take it; ERR_MEMORY.
 */
ls_status ls_init_param(const ls_param_spec *spec, const ls_strips *as, uint32_t seed,
                        uint32_t index, float *w) LS_MUST_CHECK;

#endif
