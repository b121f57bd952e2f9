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
 * the same bits and there would be too few of them for the threads. Two a thread even out. */
static size_t tile_length(const ls_gemm *g, size_t n, size_t most, size_t others) {
    const size_t wanted = 2 * (size_t)ls_math_threads();
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

static row_tiles row_tiles_of(const ls_gemm *g, const ls_segments *rows, size_t length) {
    if (!g->any_tile)
        return (row_tiles){rows, rows->count, 0};
    return (row_tiles){rows, tiles(rows->first[rows->count], length), length};
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

void ls_gemm_forward_part(const ls_gemm *g, const ls_segments *rows, size_t out, ls_tree_range part,
                          const ls_operand *x, const float *w, const float *bias, float *y,
                          const ls_between *between) {
    const size_t in = x->ld;
    const row_tiles down = row_tiles_of(g, rows, g->forward_rows);
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
                g->nt(g, &(ls_product){.m = r.count,
                                       .n = width,
                                       .k = in,
                                       .a = x,
                                       .first = r.first,
                                       .b = w,
                                       .c = tile,
                                       .ldc = out,
                                       .b_first = o,
                                       .b_rows = out,
                                       .b_panel = in});
                for (size_t i = 0; bias != NULL && i < r.count; i++)
                    for (size_t j = 0; j < width; j++)
                        tile[i * out + j] += bias[o + j];
                call_between(between);
            }
    }
}

void ls_gemm_backward_input(const ls_gemm *g, const ls_segments *rows, size_t in, size_t out,
                            const float *dy, const float *w, float *dx, const ls_between *between) {
    const size_t across = tiles(in, LS_TILE_INPUT_IN), all[2] = {0, out};
    const row_tiles down =
        row_tiles_of(g, rows, tile_length(g, rows->first[rows->count], LS_TILE_INPUT_ROWS, across));
    const ls_operand a = {.at = dy, .ld = out, .terms = {1, all}};
#pragma omp parallel
    {
        one_thread_a_call();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t t = 0; t < across; t++)
            for (size_t s = 0; s < down.count; s++) {
                const ls_tree_range r = row_tile(&down, s);
                const size_t i = t * LS_TILE_INPUT_IN;
                if (r.count > 0)
                    g->nn(g, &(ls_product){.m = r.count,
                                           .n = minimum(LS_TILE_INPUT_IN, in - i),
                                           .k = out,
                                           .a = &a,
                                           .first = r.first,
                                           .b = w + i,
                                           .ldb = in,
                                           .c = dx + r.first * in + i,
                                           .ldc = in});
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

/* Forms one tile of a segment's own sum. */
typedef void segment_kernel(const void *context, size_t segment, tile_at c);

/* Where the calling thread forms a result that is not kept. */
static tile_at scratch_tile(const ls_lanes *lanes, size_t width) {
    return (tile_at){ls_lanes_scratch(lanes), width};
}

/* Runs a root's program on one tile: the bottom of the stack is the result itself, further open
 * sums lie in scratch. An empty lane is +0 and calls no kernel. */
static void run_program(const ls_segments *rows, const ls_lanes *lanes,
                        const ls_tree_program *program, tile_at result, size_t height, size_t width,
                        segment_kernel *kernel, const void *context) {
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
        if (rows->first[s] == rows->first[s + 1])
            zero_tile(level[top], height, width);
        else
            kernel(context, s, level[top]);
        top++;
    }
}

/* What a tile of dW is made of. */
typedef struct weight_tile {
    const ls_gemm *g;
    const float *x;
    const ls_operand *dy;
    size_t in;                  /* length of a row of x */
    size_t i, o, height, width; /* the tile's place and size in dW[out, in] */
} weight_tile;

static void weight_kernel(const void *context, size_t segment, tile_at c) {
    const weight_tile *t = context;
    const size_t *edge = t->dy->terms.first + segment;
    t->g->tn(t->g, &(ls_product){.m = t->height,
                                 .n = t->width,
                                 .k = edge[1] - edge[0],
                                 .a = t->dy,
                                 .first = t->o,
                                 .segment = segment,
                                 .b = t->x + edge[0] * t->in + t->i,
                                 .ldb = t->in,
                                 .c = c.at,
                                 .ldc = c.stride});
}

/* Where the tiles of dW go: into the roots' arrays, or through scratch to whoever uses them. */
typedef struct weight_sink {
    float *const *dw; /* [roots][out, in]; NULL: */
    ls_tile_use *use;
    void *context;
    const ls_between *between;
} weight_sink;

static void finish_weights(const weight_tile *t, const ls_lanes *lanes, const weight_sink *sink) {
    const ls_segments *rows = &t->dy->terms;
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

static void walk_weights(const ls_gemm *g, const ls_lanes *lanes, size_t in, ls_tree_range part,
                         const float *x, const ls_operand *dy, const weight_sink *sink) {
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
                    g, x, dy, in, i, o, minimum(height, end - o), minimum(length, in - i)};
                finish_weights(&t, lanes, sink);
                call_between(sink->between);
            }
    }
}

void ls_gemm_backward_weight_part(const ls_gemm *g, const ls_lanes *lanes, size_t in,
                                  ls_tree_range part, const float *x, const ls_operand *dy,
                                  float *const *dw, const ls_between *between) {
    walk_weights(g, lanes, in, part, x, dy, &(weight_sink){.dw = dw, .between = between});
}

void ls_gemm_backward_weight_tiles(const ls_gemm *g, const ls_lanes *lanes, size_t in,
                                   const float *x, const ls_operand *dy, ls_tile_use *use,
                                   void *context) {
    walk_weights(g, lanes, in, (ls_tree_range){0, dy->count}, x, dy,
                 &(weight_sink){.use = use, .context = context});
}

/* ---- sums over columns ---- */

/* What a tile of z is made of. */
typedef struct column_tile {
    const ls_gemm *g;
    const ls_operand *x;
    const float *w;
    size_t out, row, o, height, width;
} column_tile;

static void columns_kernel(const void *context, size_t segment, tile_at c) {
    const column_tile *t = context;
    const size_t *edge = t->x->terms.first + segment;
    t->g->nt(t->g, &(ls_product){.m = t->height,
                                 .n = t->width,
                                 .k = edge[1] - edge[0],
                                 .a = t->x,
                                 .first = t->row,
                                 .segment = segment,
                                 .b = t->w + edge[0] * t->out,
                                 .c = c.at,
                                 .ldc = c.stride,
                                 .b_first = t->o,
                                 .b_rows = t->out,
                                 .b_panel = t->g->panel});
}

void ls_gemm_forward_columns(const ls_gemm *g, const ls_lanes *blocks, size_t out,
                             const ls_operand *x, const float *w, float *const *z) {
    const size_t height = g->any_tile ? g->forward_rows : LS_GEMM_ROWS;
    const size_t down = tiles(x->count, height);
    const size_t length = forward_length(g, out, down * blocks->n_roots);
    const size_t across = tiles(out, length);
#pragma omp parallel
    {
        one_thread_a_call();
#pragma omp for collapse(3) schedule(dynamic)
        for (size_t k = 0; k < blocks->n_roots; k++)
            for (size_t v = 0; v < across; v++)
                for (size_t u = 0; u < down; u++) {
                    const size_t r = u * height, o = v * length;
                    const size_t rows = minimum(height, x->count - r);
                    const size_t width = minimum(length, out - o);
                    const column_tile t = {g, x, w, out, r, o, rows, width};
                    run_program(&x->terms, blocks, &blocks->roots[k],
                                (tile_at){z[k] + r * out + o, out}, t.height, t.width,
                                columns_kernel, &t);
                }
    }
}

/* Columns [first, first + count) of dW: the tiles are as even as they can be. */
static void panel_weights(const ls_gemm *g, const ls_lanes *blocks, size_t first, size_t count,
                          size_t columns, const float *x, const ls_operand *dy, ls_tile_use *use,
                          void *context) {
    const size_t width = g->any_tile ? LS_TILE_TALL_IN : LS_TILE_WEIGHT_IN;
    const size_t height = g->any_tile ? LS_TILE_TALL_OUT : LS_TILE_WEIGHT_OUT;
    const size_t across = tiles(count, width), down = tiles(dy->count, height);
    float *scratch = ls_lanes_scratch(blocks);
#pragma omp for collapse(2) schedule(dynamic) nowait
    for (size_t u = 0; u < across; u++)
        for (size_t v = 0; v < down; v++) {
            const size_t i = count * u / across, end = count * (u + 1) / across, o = v * height;
            const weight_tile t = {
                g, x, dy, columns, first + i, o, minimum(height, dy->count - o), end - i};
            weight_kernel(&t, 0, (tile_at){scratch, t.width});
            use(context, &(ls_tile){scratch, o, t.height, first + i, t.width});
        }
}

void ls_gemm_backward_columns(const ls_gemm *g, const ls_lanes *blocks, const ls_segments *panels,
                              const float *x, const ls_operand *dy, ls_tile_use *use,
                              void *context) {
    const size_t *edge = panels->first, columns = edge[panels->count];
#pragma omp parallel
    {
        one_thread_a_call();
        for (size_t i = 0; i < panels->count; i++)
            panel_weights(g, blocks, edge[i], edge[i + 1] - edge[i], columns, x, dy, use, context);
    }
}

/* ---- biases ---- */

/* What a tile of db is made of. */
typedef struct bias_tile {
    const ls_segments *rows;
    const float *dy; /* from the tile's first column */
    size_t out, width;
} bias_tile;

static void bias_kernel(const void *context, size_t segment, tile_at c) {
    const bias_tile *t = context;
    const size_t first = t->rows->first[segment], end = t->rows->first[segment + 1];
    memcpy(c.at, t->dy + first * t->out, t->width * sizeof(float));
    for (size_t r = first + 1; r < end; r++)
        for (size_t j = 0; j < t->width; j++)
            c.at[j] += t->dy[r * t->out + j];
}

void ls_gemm_backward_bias(const ls_segments *rows, const ls_lanes *lanes, size_t out,
                           const float *dy, float *const *db) {
    size_t n = tiles(out, LS_TILE_FORWARD_OUT);
#pragma omp parallel for schedule(static)
    for (size_t v = 0; v < n; v++) {
        const size_t o = v * LS_TILE_FORWARD_OUT;
        const bias_tile t = {rows, dy + o, out, minimum(LS_TILE_FORWARD_OUT, out - o)};
        for (size_t k = 0; k < lanes->n_roots; k++)
            run_program(rows, lanes, &lanes->roots[k], (tile_at){db[k] + o, out}, 1, t.width,
                        bias_kernel, &t);
    }
}
