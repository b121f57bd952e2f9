/* The order in which training rows are used: rows to lanes, and a lane's order in an epoch.
 *
 * The training rows, in file order, are cut into blocks of block_rows; the blocks are dealt to
 * lanes by a seeded permutation. Each epoch a lane's blocks are permuted, then its rows are
 * shuffled inside a moving window. A lane gives batch / lanes rows to each step; one whose rows
 * run out gives fewer. All of it follows from the seed and counts: a rank computes its own
 * lanes, at any point of any epoch, and no state is kept.
 *
 * A balanced sampler draws with replacement instead, as many rows an epoch as a lane has: each draw
 * picks one of the lane's classes, all as likely, and one of its rows of this class, all as likely.
 * A class that a lane has no row of is drawn by the others alone.
 *
 * Why here: this order fixes the bits of a run. Never reads X, never sees a rank.
 */
#ifndef LS_DATA_SAMPLER_H
#define LS_DATA_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/base/tree.h"

typedef struct ls_sampler_spec {
    size_t n_rows; /* training rows, less than 2^32 */
    size_t batch;  /* rows of a step over all lanes, a multiple of lanes */
    size_t lanes;
    size_t block_rows; /* consecutive rows that stay in one lane */
    size_t window;     /* rows of a lane that are shuffled together */
    bool drop_last;    /* leave out the steps that not every lane can fill */
    uint32_t seed;
} ls_sampler_spec;

typedef struct ls_sampler ls_sampler;

/* For the lanes `mine`. Errors: ERR_MEMORY. */
ls_status ls_sampler_create(const ls_sampler_spec *spec, ls_tree_range mine,
                            ls_sampler **out) LS_MUST_CHECK;
void ls_sampler_destroy(ls_sampler *s);

/* Makes it a balanced one: label[n_rows] are the training rows' classes, 0 to n_classes - 1; they
 * are not kept. Before the first epoch. Errors: ERR_MEMORY. */
ls_status ls_sampler_balance(ls_sampler *s, const int32_t *label, size_t n_classes) LS_MUST_CHECK;

/* What it was made with: *mine its lanes. */
const ls_sampler_spec *ls_sampler_made_of(const ls_sampler *s, ls_tree_range *mine);

/* Steps of an epoch, over all lanes. */
size_t ls_sampler_steps(const ls_sampler *s);

/* Rows that these lanes hold, and (row[0..count), lane after lane, ascending in each) which of
 * the training rows they are. A row's place in this list is its slot. */
size_t ls_sampler_rows(const ls_sampler *s);
const uint32_t *ls_sampler_row(const ls_sampler *s);

/* Blocks of these lanes: block b has the slots [first[b], first[b + 1]). */
size_t ls_sampler_blocks(const ls_sampler *s, const size_t **first);

/* Rows of one lane of the run; any lane. */
size_t ls_sampler_lane_rows(const ls_sampler *s, size_t lane);

/* Prepares an epoch (from 0). */
void ls_sampler_begin_epoch(ls_sampler *s, uint32_t epoch);

/* The rows of a step of the epoch begun. Lane i of these lanes has the entries
 * [first[i], first[i + 1]) of slot and position; a position is the row's place in the epoch's
 * order over all lanes. Returns the rows of the step over all lanes of the run. */
size_t ls_sampler_step(const ls_sampler *s, size_t step, size_t *first, size_t *slot,
                       uint32_t *position);

#endif
