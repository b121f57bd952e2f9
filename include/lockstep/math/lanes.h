/* The lanes that this rank holds, how their sums are formed, and the room that it takes.
 *
 * Why here: every kernel that sums over rows sums each lane by itself and then over the rank's
 * lanes in tree order; it needs the programs of the rank's roots and scratch for open sums.
 */
#ifndef LS_MATH_LANES_H
#define LS_MATH_LANES_H

#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/base/tree.h"

typedef struct ls_lanes {
    size_t total;           /* lanes of the run */
    ls_tree_range mine;     /* this rank's lanes */
    size_t n_roots;         /* subtrees that cover them */
    ls_tree_program *roots; /* [n_roots] */
    size_t depth;           /* open sums at once, at most: the result is one of them */
    size_t tile_floats;     /* room for one open sum */
    size_t n_threads;
    float *scratch; /* [n_threads][depth][tile_floats] */
} ls_lanes;

/* Errors: ERR_MEMORY. */
ls_status ls_lanes_create(size_t total, ls_tree_range mine, ls_lanes *out) LS_MUST_CHECK;
void ls_lanes_free(ls_lanes *lanes);

/* The calling thread's scratch: depth buffers of tile_floats, the first for a result that is not
 * kept. */
float *ls_lanes_scratch(const ls_lanes *lanes);

/* Bytes that ls_lanes_create takes for `depth` open sums. */
size_t ls_lanes_scratch_bytes(const ls_lanes *lanes);

/* The most that it takes for the lanes of one rank of `total`. */
size_t ls_lanes_scratch_most(size_t total);

#endif
