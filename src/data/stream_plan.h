/* In which order a stream reads the blocks of an epoch, and where their rows are kept meanwhile.
 *
 * The order of an epoch is known before it begins: so are the block that a step needs first, and
 * the step that uses a row last. Blocks are read in the order in which steps need them. A row gets
 * the place in memory that has been free for longest; a place is free once the step that used its
 * row is done. So all that reader and trainer must tell each other are two numbers: how many blocks
 * have been read, and how many steps are done.
 *
 * Why here: what stream.c's thread does is decided here, without a thread. Private to src/data.
 * Never reads a row.
 */
#ifndef LS_DATA_STREAM_PLAN_H
#define LS_DATA_STREAM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/data/sampler.h"

#define LS_NO_PLACE UINT32_MAX

/* What a step must know of its epoch. Numbers of steps and blocks count from the stream's begin. */
typedef struct ls_stream_plan {
    uint32_t *place; /* [slots] of a row; LS_NO_PLACE: no step of this epoch needs it */
    uint64_t *need;  /* [steps] blocks that must have been read before the step */
    uint64_t begin;  /* the number of its first step */
} ls_stream_plan;

typedef struct ls_planner {
    ls_sampler *sampler; /* of its own: epochs are planned before they begin */
    size_t slots, blocks, steps;
    const size_t *block_first; /* [blocks + 1] slots */
    uint32_t *block_of;        /* [slots] */
    bool *used;                /* [slots] a step of this epoch uses it */
    size_t places;
    uint32_t *free_place; /* [places] a ring; in the order in which they become free */
    uint64_t *free_from;  /* [places] the steps that must be done before */
    size_t next, n_free;

    /* The epoch that was planned last: its blocks in the order of reading, and the steps that must
     * be done before each. */
    size_t n_reads;
    size_t *read;    /* [blocks] */
    uint64_t *after; /* [blocks] */

    uint64_t steps_planned, blocks_planned;
    size_t *first; /* [lanes + 1], [rows of a step]: room */
    size_t *slot;
    uint32_t *position;
} ls_planner;

/* Rows that are kept at most: what the windows hold, and some to read ahead. */
size_t ls_planner_places(const ls_sampler *like);

/* For the lanes and rows of a sampler. Errors: ERR_MEMORY; *p can be freed then, too. */
ls_status ls_planner_create(const ls_sampler *like, ls_planner *p) LS_MUST_CHECK;
void ls_planner_free(ls_planner *p);

/* An epoch's plan has room for all that is planned. Errors: ERR_MEMORY. */
ls_status ls_stream_plan_create(const ls_planner *p, ls_stream_plan *out) LS_MUST_CHECK;
void ls_stream_plan_free(ls_stream_plan *plan);

/* Plans an epoch from step `from` on; one follows the other. Allocates nothing. Errors:
 * ERR_RUNTIME: a fault of the program. */
ls_status ls_planner_plan(ls_planner *p, uint32_t epoch, size_t from,
                          ls_stream_plan *plan) LS_MUST_CHECK;

#endif
