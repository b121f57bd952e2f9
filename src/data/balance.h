/* Draws of rows with replacement, in which every class comes as often as another.
 *
 * Why here: what a balanced sampler knows beside its lanes. Private to src/data. Never crosses
 * lanes.
 */
#ifndef LS_DATA_BALANCE_H
#define LS_DATA_BALANCE_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/random.h"
#include "lockstep/base/status.h"

typedef struct ls_balance ls_balance;

/* For lanes whose slots are [lane_first[i], lane_first[i + 1]); slot s is row row[s], whose class
 * is label[row[s]], from 0 to n_classes - 1. Errors: ERR_MEMORY. */
ls_status ls_balance_create(size_t lanes, const size_t *lane_first, const uint32_t *row,
                            const int32_t *label, size_t n_classes, ls_balance **out) LS_MUST_CHECK;
void ls_balance_destroy(ls_balance *b);

/* slot[0..n) = the draws of an epoch from lane i. Draw k takes the four words at {epoch, k, 0}: two
 * for the class, two for its row. */
void ls_balance_draw(const ls_balance *b, size_t i, ls_random_key key, uint32_t epoch, size_t n,
                     uint32_t *slot);

#endif
