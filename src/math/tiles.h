/* The shapes of the tiles. They fix the bits of every result: changing one changes them all.
 *
 * Measured on 2 cores (OpenBLAS 0.3.21, tiles spread by OpenMP): forward tiles of 256 outputs
 * reach 0.93 of OpenBLAS's own threading, weight tiles of 256 x 1024 did best with several
 * lanes; smaller ones lose to call overhead, larger ones leave threads idle on small layers.
 */
#ifndef LS_MATH_TILES_H
#define LS_MATH_TILES_H

#include <stddef.h>

#define LS_TILE_FORWARD_OUT 256 /* outputs a forward call computes */
#define LS_TILE_INPUT_IN 512    /* inputs a backward-to-input call computes */
#define LS_TILE_WEIGHT_OUT 256  /* rows of a tile of dW */
#define LS_TILE_WEIGHT_IN 1024  /* columns of a tile of dW */

/* Where a library gives the same bits in any tile: at most so many rows, and no tile is made
 * shorter than the least for there to be enough of them. */
#define LS_TILE_INPUT_ROWS ((size_t)256)
#define LS_TILE_LEAST ((size_t)32)
/* Of dW with lanes: the open sums of 8 are 1 MB, and stay in a core's second cache. 256 x 1024 took
 * 1.2 times as long, 64 x 1024 1.1 times (19,000-512-256-53 and 2048-2048, lanes of 16 and 64
 * rows).
 */
#define LS_TILE_LANES_OUT ((size_t)128)
#define LS_TILE_LANES_IN ((size_t)512)
/* Columns of a tile of dW in one sum over all rows. */
#define LS_TILE_SUM_IN ((size_t)256)

/* Threads take some microseconds to begin together and to end: where there is less than that to do,
 * floats to move or multiply-adds, the calling one does it alone. With 784-100-50-10 and 128 rows a
 * step took 0.91 of the time. */
#define LS_TEAM_FLOATS ((size_t)16384)
#define LS_TEAM_PRODUCTS ((size_t)262144)

static inline size_t minimum(size_t a, size_t b) {
    return a < b ? a : b;
}

#endif
