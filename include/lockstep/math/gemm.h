/* Matrix products of a dense layer, in tiles of fixed shape, by one of several libraries.
 *
 * Each tile is one single-threaded call whose shape depends on the problem alone; OpenMP spreads
 * tiles over threads. So the bits depend neither on the threads nor on which rows a rank holds.
 * Rows come in segments (a lane's rows of a step, or a validation block); no call spans two of
 * them where the bits of a row depend on the others of a call (openblas).
 *
 * Why here: the only caller of BLAS and its like. Never sees a layer.
 */
#ifndef LS_MATH_GEMM_H
#define LS_MATH_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"
#include "lockstep/math/lanes.h"
#include "lockstep/math/strips.h"

/* compute.gemm: which library multiplies. It is part of what fixes the bits of a result. A kind is
 * AUTO or a library's place in the table (gemm_backend.h), which OPENBLAS, being everywhere, opens:
 * from 1 to ls_gemm_kinds(), and each is taken before those of lower kinds. */
enum { LS_GEMM_AUTO, LS_GEMM_OPENBLAS };
int ls_gemm_kinds(void);

/* The words of compute.gemm in the order of the kinds, parted by |. */
extern const char ls_gemm_words[];

/* A library, for this process: what every product takes. */
typedef struct ls_gemm ls_gemm;

/* The library of a kind. AUTO: the best that was built in and that this processor has. Tests some
 * shapes first. Errors: ERR_RUNTIME with a hint: not in this build, or not on this processor. */
ls_status ls_gemm_choose(int kind, const ls_gemm **out) LS_MUST_CHECK;

/* A library that rounds the operands of every product to bfloat16 (nearest, ties to even) and sums
 * in float32: for as many threads as there are now. Its bits are those of one kind of processor.
 * Errors: ERR_MEMORY; ERR_RUNTIME with a hint: not in this build, or not on this processor. */
ls_status ls_gemm_create_bf16(ls_gemm **out) LS_MUST_CHECK;

/* Frees what ls_gemm_create_bf16 gave; safe on NULL. */
void ls_gemm_destroy(ls_gemm *gemm);

/* Whether all products so far are what they should be: where one is not, some of its numbers are
 * NaN. Never beside a product. Errors: ERR_MEMORY, ERR_RUNTIME with a hint: the library has failed
 * at one; from then on it says so for ever. */
ls_status ls_gemm_status(const ls_gemm *gemm) LS_MUST_CHECK;

/* Bytes that it works in. */
size_t ls_gemm_bytes(const ls_gemm *gemm);

/* Of what ls_gemm_choose gave; never LS_GEMM_AUTO. */
int ls_gemm_kind_of(const ls_gemm *gemm);
const char *ls_gemm_name(const ls_gemm *gemm);

/* The library with its version and what it chose for this processor, for logs. Returns buffer. */
char *ls_gemm_describe(const ls_gemm *gemm, char *buffer, size_t size);

/* Segment i of a range is [first[i], first[i + 1]): of the rows of a batch, from row 0, or of
 * columns. A segment may be empty. */
typedef struct ls_segments {
    size_t count;
    const size_t *first; /* [count + 1] */
} ls_segments;

/* What the first thread does between tiles, beside the product: NULL is nothing. */
typedef struct ls_between {
    void (*call)(void *context);
    void *context;
} ls_between;

/* Which product an operand is for. */
typedef enum ls_product_kind {
    LS_FORWARD,        /* x[B, in]; a sum runs along a row */
    LS_BACKWARD_INPUT, /* dy[B, out]; likewise */
    LS_BACKWARD_WEIGHT /* dy[B, out]; a sum runs down a column */
} ls_product_kind;

/* What every tile of a product reads beside W or x: in the order in which the library reads it,
 * made once for all tiles. */
typedef struct ls_operand {
    ls_product_kind kind;
    const float *at; /* as it was given; ld: length of its rows */
    size_t ld;
    size_t count;      /* of sums: rows, or for BACKWARD_WEIGHT outputs */
    ls_segments terms; /* of a sum, in segments: columns, or for BACKWARD_WEIGHT rows */
    void *ready;       /* NULL: the library reads it where it lies */
} ls_operand;

/* Bytes that the ready form of any operand of a dense layer takes: of x[rows, in] in so many
 * blocks of columns, and of dy[rows, out] in so many lanes. */
size_t ls_gemm_room(const ls_gemm *gemm, size_t rows, size_t lanes, size_t in, size_t blocks,
                    size_t out);

/* x for forward products and dy for those that give dW. What they give lives in x or dy, in room
 * and in the segments' edges. A forward product is a sum over one segment, or over blocks of
 * columns: ls_gemm_forward_columns. */
ls_operand ls_gemm_ready_x(const ls_gemm *gemm, size_t rows, ls_segments columns, const float *x,
                           void *room);
ls_operand ls_gemm_ready_dy(const ls_gemm *gemm, ls_segments rows, size_t out, const float *dy,
                            void *room);

/* How W[out, in] and its gradient lie. */
ls_strips ls_gemm_strips(const ls_gemm *gemm, size_t out, size_t in);

/* Outputs `part` of y[B, out] = x[B, in] w^T + bias, w in strips, bias[out] or NULL. A part begins
 * at a multiple of ls_gemm_part and ends at one or with the outputs: its bits are those of the
 * whole. */
void ls_gemm_forward_part(const ls_gemm *gemm, const ls_segments *rows, size_t out,
                          ls_tree_range part, const ls_operand *x, const float *w,
                          const float *bias, float *y, const ls_between *between);

/* All of it, from x as it is. room: ls_gemm_room. */
void ls_gemm_forward(const ls_gemm *gemm, const ls_segments *rows, size_t in, size_t out,
                     const float *x, const float *w, const float *bias, float *y, void *room);

/* How many outputs to compute at a time, at least `wanted`, so that all threads are busy. */
size_t ls_gemm_part(const ls_gemm *gemm, const ls_segments *rows, size_t wanted);

/* The sum over x's columns in fixed blocks: segment i of them is block blocks->mine.first + i of
 * blocks->total. z[k][B, out] = the sum over the blocks of root k, in tree order, of x's columns
 * times w's; x[B, columns], w in strips of these columns. The rows are cut into tiles of
 * LS_GEMM_ROWS: B is what the problem says, never what a rank holds. */
#define LS_GEMM_ROWS 128
void ls_gemm_forward_columns(const ls_gemm *gemm, const ls_lanes *blocks, size_t out,
                             const ls_operand *x, const float *w, float *const *z);

/* dx[B, in] = dy[B, out] w, w in strips. room: ls_gemm_room. */
void ls_gemm_backward_input(const ls_gemm *gemm, const ls_segments *rows, size_t in, size_t out,
                            const float *dy, const float *w, float *dx, void *room,
                            const ls_between *between);

/* Outputs `part` of dw[i], [out, in] in strips, = the sum over the lanes of root i, in tree order,
 * of dy^T x of a lane's rows: a part as in ls_gemm_forward_part, the rest of dw stays. Segment s of
 * dy's rows holds lane lanes->first + s. */
void ls_gemm_backward_weight_part(const ls_gemm *gemm, const ls_lanes *lanes, size_t in,
                                  ls_tree_range part, const float *x, const ls_operand *dy,
                                  float *const *dw, const ls_between *between);

/* All of it, from dy as it is. room: ls_gemm_room. */
void ls_gemm_backward_weight(const ls_gemm *gemm, const ls_segments *rows, const ls_lanes *lanes,
                             size_t in, size_t out, const float *x, const float *dy,
                             float *const *dw, void *room);

/* Some floats of a gradient that are ready, as the matrix lies in memory: stretch s of `count`,
 * tile[s * floats..], begins at float first + s * stride of it. Called by any thread; it lives
 * until the call returns. */
typedef struct ls_tile {
    const float *tile;
    size_t first, count, floats, stride;
} ls_tile;
typedef void ls_tile_use(void *context, const ls_tile *tile);

/* The same for the one root of all lanes. dw is never there as a whole: `use` gets each tile while
 * it is in the cache, every element once. */
void ls_gemm_backward_weight_tiles(const ls_gemm *gemm, const ls_lanes *lanes, size_t in,
                                   const float *x, const ls_operand *dy, ls_tile_use *use,
                                   void *context);

/* dw = dy[B, out]^T x[B, columns] in one sum over all rows: they are one segment. columns: the
 * blocks, see ls_gemm_forward_columns. `use` gets it, as above. */
void ls_gemm_backward_columns(const ls_gemm *gemm, const ls_lanes *blocks,
                              const ls_segments *columns, const float *x, const ls_operand *dy,
                              ls_tile_use *use, void *context);

/* db[i][out] = the same sum of the columns of dy. */
void ls_gemm_backward_bias(const ls_segments *rows, const ls_lanes *lanes, size_t out,
                           const float *dy, float *const *db);

#endif
