/* What the products share: how they are cut into tiles, and sums of tiles in tree order.
 *
 * Why here: gemm_forward.c and gemm_backward.c walk tiles; a library (gemm_backend.h) forms one.
 * Never multiplies.
 */
#ifndef LS_MATH_GEMM_TILES_H
#define LS_MATH_GEMM_TILES_H

#include <stddef.h>

#include "gemm_backend.h"
#include "lockstep/math/gemm.h"
#include "tiles.h"

static inline size_t ls_tiles(size_t n, size_t tile) {
    return (n + tile - 1) / tile;
}

/* One thread a tile, for the calling thread of a parallel region. */
void ls_one_thread_a_call(void);

/* By the first thread, where there is anything to call. */
void ls_call_between(const ls_between *between);

/* How long a tile is along n where there are `others` across: `most`, or less, down to `least`,
 * where any tile has the same bits and there would be too few of them for the threads. Two a thread
 * even out. */
size_t ls_tile_length(const ls_gemm *g, size_t n, size_t most, size_t least, size_t others);

/* The rows of one call: a segment or, where it does not matter to the bits, any so many. */
typedef struct ls_row_tiles {
    const ls_segments *rows;
    size_t count, length; /* length 0: segments */
} ls_row_tiles;

ls_row_tiles ls_row_tiles_of(const ls_gemm *g, const ls_segments *rows, size_t length);
ls_tree_range ls_row_tile(const ls_row_tiles *t, size_t i);

/* A rectangle of floats: where it begins and how far its rows are apart. */
typedef struct ls_tile_at {
    float *at;
    size_t stride;
} ls_tile_at;

/* Forms one tile of a segment's own sum. */
typedef void ls_segment_kernel(const void *context, size_t segment, ls_tile_at c);

/* Runs a root's program on one tile of height x width floats: the bottom of the stack is the result
 * itself, further open sums lie in the thread's scratch. An empty segment is +0 and calls no
 * kernel. */
void ls_run_program(const ls_segments *terms, const ls_lanes *lanes, const ls_tree_program *program,
                    ls_tile_at result, size_t height, size_t width, ls_segment_kernel *kernel,
                    const void *context);

#endif
