/* The matrix products of a dense layer, tile by tile. */
#include "lockstep/math/gemm.h"

#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "gemm_backend.h"
#include "lockstep/math/math.h"
#include "tiles.h"

static size_t tiles(size_t n, size_t tile) {
    return (n + tile - 1) / tile;
}

/* One thread a tile. Inside a parallel region OpenBLAS sees to it by itself, but not in a
 * region whose team has one thread only. Sets the calling task's own number, nobody else's. */
static void one_thread_a_call(void) {
#ifdef _OPENMP
    omp_set_num_threads(1);
#endif
}

static bool is_first_thread(void) {
#ifdef _OPENMP
    return omp_get_thread_num() == 0;
#else
    return true;
#endif
}

static void call_between(const ls_between *between) {
    if (between != NULL && is_first_thread())
        between->call(between->context);
}

/* How long a tile is along n where there are `others` across: `most`, or less where any tile has
 * the same bits and there would be too few of them for the threads. Two a thread even out; where
 * each tile has to round its operands, one a thread was faster (by a fifth). */
static size_t tile_length(const ls_gemm *g, size_t n, size_t most, size_t others) {
    const size_t wanted = (g->keeps_rows ? 1 : 2) * (size_t)ls_math_threads();
    size_t length = most;
    while (g->any_tile && length > LS_TILE_LEAST && tiles(n, length) * others < wanted)
        length /= 2;
    return length;
}

/* How many outputs a forward call computes. */
static size_t forward_length(const ls_gemm *g, size_t out, size_t down) {
    return tile_length(g, out, g->any_tile ? g->forward_out : LS_TILE_FORWARD_OUT, down);
}

/* The rows of one call: a segment or, where it does not matter to the bits, any so many. */
typedef struct row_tiles {
    const ls_segments *rows;
    size_t count, length; /* length 0: segments */
} row_tiles;

static row_tiles row_tiles_of(const ls_gemm *g, const ls_segments *rows, size_t most,
                              size_t across) {
    if (!g->any_tile)
        return (row_tiles){rows, rows->count, 0};
    const size_t all = rows->first[rows->count], length = tile_length(g, all, most, across);
    return (row_tiles){rows, tiles(all, length), length};
}

static ls_tree_range row_tile(const row_tiles *t, size_t i) {
    const size_t *edge = t->rows->first;
    if (t->length == 0)
        return (ls_tree_range){edge[i], edge[i + 1] - edge[i]};
    const size_t first = i * t->length;
    return (ls_tree_range){first, minimum(t->length, edge[t->rows->count] - first)};
}

/* Twice as many tiles as threads make a part: the least of both products. */
size_t ls_gemm_part(const ls_gemm *g, const ls_segments *rows, size_t wanted) {
    const size_t all = rows->first[rows->count];
    const size_t down = g->any_tile ? tiles(all, g->forward_rows) : rows->count;
    const size_t width = g->any_tile ? LS_TILE_LEAST : LS_TILE_FORWARD_OUT;
    size_t part = g->any_tile ? LS_TILE_LANES_OUT : LS_TILE_WEIGHT_OUT;
    while (part < wanted || (down > 0 && part / width * down < 2 * (size_t)ls_math_threads()))
        part *= 2;
    return part;
}

void ls_gemm_forward(const ls_gemm *g, const ls_segments *rows, size_t in, size_t out,
                     const float *x, const float *w, const float *bias, float *y) {
    ls_gemm_forward_part(g, rows, in, out, (ls_tree_range){0, out}, x, w, bias, y, NULL);
}

void ls_gemm_forward_part(const ls_gemm *g, const ls_segments *rows, size_t in, size_t out,
                          ls_tree_range part, const float *x, const float *w, const float *bias,
                          float *y, const ls_between *between) {
    const row_tiles down = row_tiles_of(g, rows, g->forward_rows,
                                        g->keeps_rows ? tiles(part.count, LS_TILE_FORWARD_OUT) : 1);
    const size_t length = forward_length(g, part.count, down.count);
    const size_t across = tiles(part.count, length);
#pragma omp parallel
    {
        one_thread_a_call();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t t = 0; t < across; t++)
            for (size_t s = 0; s < down.count; s++) {
                const ls_tree_range r = row_tile(&down, s);
                const size_t width = minimum(length, part.count - t * length);
                const size_t o = part.first + t * length;
                float *tile = y + r.first * out + o;
                if (r.count == 0)
                    continue;
                g->nt(g, &(ls_product){r.count, width, in, x + r.first * in, in, w + o * in, in,
                                       tile, out});
                for (size_t i = 0; bias != NULL && i < r.count; i++)
                    for (size_t j = 0; j < width; j++)
                        tile[i * out + j] += bias[o + j];
                call_between(between);
            }
    }
}

void ls_gemm_backward_input(const ls_gemm *g, const ls_segments *rows, size_t in, size_t out,
                            const float *dy, const float *w, float *dx, const ls_between *between) {
    const size_t across = tiles(in, LS_TILE_INPUT_IN);
    const row_tiles down = row_tiles_of(g, rows, LS_TILE_INPUT_ROWS, across);
#pragma omp parallel
    {
        one_thread_a_call();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t t = 0; t < across; t++)
            for (size_t s = 0; s < down.count; s++) {
                const ls_tree_range r = row_tile(&down, s);
                const size_t i = t * LS_TILE_INPUT_IN;
                if (r.count > 0)
                    g->nn(g, &(ls_product){r.count, minimum(LS_TILE_INPUT_IN, in - i), out,
                                           dy + r.first * out, out, w + i, in,
                                           dx + r.first * in + i, in});
                call_between(between);
            }
    }
}

/* A rectangle of a row-major matrix: where it begins and the length of a row. */
typedef struct tile_at {
    float *at;
    size_t stride;
} tile_at;

static void zero_tile(tile_at c, size_t height, size_t width) {
    for (size_t r = 0; r < height; r++)
        memset(c.at + r * c.stride, 0, width * sizeof(float));
}

static void add_tile(tile_at a, tile_at b, size_t height, size_t width) {
    for (size_t r = 0; r < height; r++)
        for (size_t j = 0; j < width; j++)
            a.at[r * a.stride + j] += b.at[r * b.stride + j];
}

/* Forms one tile of a lane's own sum. */
typedef void lane_kernel(const void *context, size_t first_row, size_t rows, tile_at c);

/* Where the calling thread forms a result that is not kept. */
static tile_at scratch_tile(const ls_lanes *lanes, size_t width) {
    return (tile_at){ls_lanes_scratch(lanes), width};
}

/* Runs a root's program on one tile: the bottom of the stack is the result itself, further open
 * sums lie in scratch. An empty lane is +0 and calls no kernel. */
static void run_program(const ls_segments *rows, const ls_lanes *lanes,
                        const ls_tree_program *program, tile_at result, size_t height, size_t width,
                        lane_kernel *kernel, const void *context) {
    float *scratch = ls_lanes_scratch(lanes);
    size_t top = 0;
    tile_at level[LS_TREE_DEPTH_MAX + 1] = {result};
    for (size_t i = 1; i < lanes->depth; i++)
        level[i] = (tile_at){scratch + i * lanes->tile_floats, width};
    for (size_t i = 0; i < program->count; i++) {
        if (program->op[i] == LS_TREE_ADD) {
            top--;
            add_tile(level[top - 1], level[top], height, width);
            continue;
        }
        size_t s = program->op[i] - lanes->mine.first;
        size_t first = rows->first[s], count = rows->first[s + 1] - first;
        if (count == 0)
            zero_tile(level[top], height, width);
        else
            kernel(context, first, count, level[top]);
        top++;
    }
}

/* What a tile of dW is made of. */
typedef struct weight_tile {
    const ls_gemm *g;
    const float *x, *dy;
    size_t in, out;             /* lengths of their rows */
    size_t i, o, height, width; /* the tile's place and size in dW[out, in] */
} weight_tile;

static void weight_kernel(const void *context, size_t first_row, size_t rows, tile_at c) {
    const weight_tile *t = context;
    t->g->tn(t->g, &(ls_product){t->height, t->width, rows, t->dy + first_row * t->out + t->o,
                                 t->out, t->x + first_row * t->in + t->i, t->in, c.at, c.stride});
}

/* Where the tiles of dW go: into the roots' arrays, or through scratch to whoever uses them. */
typedef struct weight_sink {
    float *const *dw; /* [roots][out, in]; NULL: */
    ls_tile_use *use;
    void *context;
    const ls_between *between;
} weight_sink;

static void finish_weights(const weight_tile *t, const ls_segments *rows, const ls_lanes *lanes,
                           const weight_sink *sink) {
    if (sink->dw == NULL) {
        const tile_at result = scratch_tile(lanes, t->width);
        run_program(rows, lanes, &lanes->roots[0], result, t->height, t->width, weight_kernel, t);
        sink->use(sink->context, &(ls_tile){result.at, t->o, t->height, t->i, t->width});
        return;
    }
    for (size_t k = 0; k < lanes->n_roots; k++)
        run_program(rows, lanes, &lanes->roots[k],
                    (tile_at){sink->dw[k] + t->o * t->in + t->i, t->in}, t->height, t->width,
                    weight_kernel, t);
}

static void walk_weights(const ls_gemm *g, const ls_segments *rows, const ls_lanes *lanes,
                         size_t in, size_t out, ls_tree_range part, const float *x, const float *dy,
                         const weight_sink *sink) {
    const size_t height = g->any_tile ? LS_TILE_LANES_OUT : LS_TILE_WEIGHT_OUT;
    const size_t down = tiles(part.count, height), end = part.first + part.count;
    const size_t most = g->any_tile ? LS_TILE_LANES_IN : LS_TILE_WEIGHT_IN;
    const size_t length = tile_length(g, in, most, down), across = tiles(in, length);
#pragma omp parallel
    {
        one_thread_a_call();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t u = 0; u < across; u++)
            for (size_t v = 0; v < down; v++) {
                const size_t i = u * length, o = part.first + v * height;
                const weight_tile t = {
                    g, x, dy, in, out, i, o, minimum(height, end - o), minimum(length, in - i)};
                finish_weights(&t, rows, lanes, sink);
                call_between(sink->between);
            }
    }
}

void ls_gemm_backward_weight(const ls_gemm *g, const ls_segments *rows, const ls_lanes *lanes,
                             size_t in, size_t out, const float *x, const float *dy,
                             float *const *dw) {
    ls_gemm_backward_weight_part(g, rows, lanes, in, out, (ls_tree_range){0, out}, x, dy, dw, NULL);
}

void ls_gemm_backward_weight_part(const ls_gemm *g, const ls_segments *rows, const ls_lanes *lanes,
                                  size_t in, size_t out, ls_tree_range part, const float *x,
                                  const float *dy, float *const *dw, const ls_between *between) {
    walk_weights(g, rows, lanes, in, out, part, x, dy,
                 &(weight_sink){.dw = dw, .between = between});
}

void ls_gemm_backward_weight_tiles(const ls_gemm *g, const ls_segments *rows, const ls_lanes *lanes,
                                   size_t in, size_t out, const float *x, const float *dy,
                                   ls_tile_use *use, void *context) {
    walk_weights(g, rows, lanes, in, out, (ls_tree_range){0, out}, x, dy,
                 &(weight_sink){.use = use, .context = context});
}

/* ---- sums over columns ---- */

/* What a tile of z is made of. */
typedef struct column_tile {
    const ls_gemm *g;
    const float *x, *w;
    size_t columns; /* length of their rows */
    size_t row, o, height, width;
} column_tile;

static void columns_kernel(const void *context, size_t first_column, size_t columns, tile_at c) {
    const column_tile *t = context;
    t->g->nt(t->g,
             &(ls_product){t->height, t->width, columns, t->x + t->row * t->columns + first_column,
                           t->columns, t->w + t->o * t->columns + first_column, t->columns, c.at,
                           c.stride});
}

void ls_gemm_forward_columns(const ls_gemm *g, size_t rows, const ls_lanes *blocks,
                             const size_t *edge, size_t out, const float *x, const float *w,
                             float *const *z) {
    const ls_segments columns = {blocks->mine.count, edge};
    const size_t height = g->any_tile ? g->forward_rows : LS_GEMM_ROWS;
    const size_t down = tiles(rows, height);
    const size_t length = forward_length(g, out, down * blocks->n_roots);
    const size_t across = tiles(out, length);
#pragma omp parallel
    {
        one_thread_a_call();
#pragma omp for collapse(3) schedule(dynamic)
        for (size_t k = 0; k < blocks->n_roots; k++)
            for (size_t v = 0; v < across; v++)
                for (size_t u = 0; u < down; u++) {
                    size_t r = u * height, o = v * length;
                    column_tile t = {g,
                                     x,
                                     w,
                                     edge[blocks->mine.count],
                                     r,
                                     o,
                                     minimum(height, rows - r),
                                     minimum(length, out - o)};
                    run_program(&columns, blocks, &blocks->roots[k],
                                (tile_at){z[k] + r * out + o, out}, t.height, t.width,
                                columns_kernel, &t);
                }
    }
}

/* Columns of one block: the tiles of dW in it are as even as they can be. */
static void block_weights(const ls_gemm *g, size_t rows, size_t first, size_t count, size_t columns,
                          size_t out, const float *x, const float *dy, float *scratch,
                          ls_tile_use *use, void *context) {
    size_t across = tiles(count, LS_TILE_WEIGHT_IN), down = tiles(out, LS_TILE_WEIGHT_OUT);
#pragma omp for collapse(2) schedule(dynamic) nowait
    for (size_t u = 0; u < across; u++)
        for (size_t v = 0; v < down; v++) {
            const size_t i = first + count * u / across, o = v * LS_TILE_WEIGHT_OUT;
            const size_t end = first + count * (u + 1) / across;
            weight_tile t = {
                g, x, dy, columns, out, i, o, minimum(LS_TILE_WEIGHT_OUT, out - o), end - i};
            weight_kernel(&t, 0, rows, (tile_at){scratch, t.width});
            use(context, &(ls_tile){scratch, o, t.height, i, t.width});
        }
}

void ls_gemm_backward_columns(const ls_gemm *g, size_t rows, const ls_lanes *blocks,
                              const size_t *edge, size_t out, const float *x, const float *dy,
                              ls_tile_use *use, void *context) {
    const size_t n = blocks->mine.count;
#pragma omp parallel
    {
        float *scratch = ls_lanes_scratch(blocks);
        one_thread_a_call();
        for (size_t b = 0; b < n; b++)
            block_weights(g, rows, edge[b], edge[b + 1] - edge[b], edge[n], out, x, dy, scratch,
                          use, context);
    }
}

/* ---- biases ---- */

static void bias_kernel(const void *context, size_t first_row, size_t rows, tile_at c) {
    const weight_tile *t = context;
    const float *dy = t->dy + first_row * t->out + t->o;
    memcpy(c.at, dy, t->width * sizeof(float));
    for (size_t r = 1; r < rows; r++)
        for (size_t j = 0; j < t->width; j++)
            c.at[j] += dy[r * t->out + j];
}

void ls_gemm_backward_bias(const ls_segments *rows, const ls_lanes *lanes, size_t out,
                           const float *dy, float *const *db) {
    size_t n = tiles(out, LS_TILE_FORWARD_OUT);
#pragma omp parallel for schedule(static)
    for (size_t v = 0; v < n; v++) {
        size_t o = v * LS_TILE_FORWARD_OUT;
        weight_tile t = {
            .dy = dy, .out = out, .o = o, .width = minimum(LS_TILE_FORWARD_OUT, out - o)};
        for (size_t k = 0; k < lanes->n_roots; k++)
            run_program(rows, lanes, &lanes->roots[k], (tile_at){db[k] + o, out}, 1, t.width,
                        bias_kernel, &t);
    }
}
