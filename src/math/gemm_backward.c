/* The gradients of x, W and b, tile by tile. */
#include <string.h>

#include "gemm_tiles.h"
#include "lockstep/base/add.h"

void ls_gemm_backward_input(const ls_gemm *g, const ls_segments *rows, size_t in, size_t out,
                            const float *dy, const float *w, float *dx, void *room,
                            const ls_between *between) {
    const size_t all[2] = {0, out}, across = ls_tiles(in, LS_TILE_INPUT_IN);
    const ls_operand a = ls_gemm_make_ready(g,
                                            (ls_operand){.kind = LS_BACKWARD_INPUT,
                                                         .at = dy,
                                                         .ld = out,
                                                         .count = rows->first[rows->count],
                                                         .terms = {1, all}},
                                            room);
    const ls_row_tiles down = ls_row_tiles_of(
        g, rows, ls_tile_length(g, a.count, LS_TILE_INPUT_ROWS, LS_TILE_LEAST, across));
#pragma omp parallel if (a.count * in * out >= LS_TEAM_PRODUCTS)
    {
        ls_one_thread_a_call();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t t = 0; t < across; t++)
            for (size_t s = 0; s < down.count; s++) {
                const ls_tree_range r = ls_row_tile(&down, s);
                const size_t i = t * LS_TILE_INPUT_IN;
                if (r.count > 0)
                    g->backward_input(g, &(ls_product){.m = r.count,
                                                       .n = minimum(LS_TILE_INPUT_IN, in - i),
                                                       .k = out,
                                                       .a = &a,
                                                       .first = r.first,
                                                       .b = w,
                                                       .w = ls_gemm_strips(g, out, in),
                                                       .column = i,
                                                       .c = dx + r.first * in + i,
                                                       .ldc = in});
                ls_call_between(between);
            }
    }
}

/* ---- dW ---- */

/* What a tile of dW is made of: `outputs` from o on, in strips of `strip`, and `columns` from i on.
 * As floats it has so many rows, strips, of so many floats. */
typedef struct weight_tile {
    const ls_gemm *g;
    const float *x;
    const ls_operand *dy;
    size_t in; /* length of a row of x */
    size_t i, o, outputs, columns, strip;
    size_t rows, floats;
} weight_tile;

static void weight_kernel(const void *context, size_t segment, ls_tile_at c) {
    const weight_tile *t = context;
    const size_t *edge = t->dy->terms.first + segment;
    t->g->backward_weight(t->g, &(ls_product){.m = t->outputs,
                                              .n = t->columns,
                                              .k = edge[1] - edge[0],
                                              .a = t->dy,
                                              .first = t->o,
                                              .segment = segment,
                                              .b = t->x + edge[0] * t->in + t->i,
                                              .ldb = t->in,
                                              .c = c.at,
                                              .ldc = c.stride,
                                              .strip = t->strip});
}

/* Tiles of outputs [first, end) of `out`: a last strip that has fewer than the others is one. */
typedef struct output_tiles {
    size_t first, whole, end, height, count;
} output_tiles;

static output_tiles output_tiles_of(const ls_gemm *g, ls_tree_range part, size_t height) {
    const size_t end = part.first + part.count, whole = end / g->strip * g->strip;
    return (output_tiles){part.first, whole, end, height,
                          ls_tiles(whole - part.first, height) + (whole < end ? 1 : 0)};
}

static weight_tile weight_tile_at(const ls_gemm *g, const output_tiles *down, size_t v,
                                  ls_tree_range columns, size_t in, const float *x,
                                  const ls_operand *dy) {
    const bool last = down->whole < down->end && v + 1 == down->count;
    const size_t o = last ? down->whole : down->first + v * down->height;
    const size_t outputs = last ? down->end - o : minimum(down->height, down->whole - o);
    const size_t strip = last ? outputs : g->strip;
    return (weight_tile){g,
                         x,
                         dy,
                         in,
                         columns.first,
                         o,
                         outputs,
                         columns.count,
                         strip,
                         outputs / strip,
                         columns.count * strip};
}

/* Where the tiles of dW go: into the roots' arrays, or through scratch to whoever uses them. */
typedef struct weight_sink {
    float *const *dw; /* [roots][out, in]; NULL: */
    ls_tile_use *use;
    void *context;
    const ls_between *between;
} weight_sink;

/* Which float of dW a tile begins with, and how far its rows are apart there. */
static size_t place_of(const weight_tile *t) {
    const ls_strips w = ls_gemm_strips(t->g, t->dy->count, t->in);
    return ls_strips_at(&w, t->o, t->i);
}

static size_t stride_of(const weight_tile *t) {
    return t->g->strip * t->in;
}

static void hand_over(const weight_tile *t, const float *tile, const weight_sink *sink) {
    sink->use(sink->context, &(ls_tile){tile, place_of(t), t->rows, t->floats, stride_of(t)});
}

static void finish_weights(const weight_tile *t, const ls_lanes *lanes, const weight_sink *sink) {
    const ls_segments *rows = &t->dy->terms;
    if (sink->dw == NULL) {
        const ls_tile_at result = {ls_lanes_scratch(lanes), t->floats};
        ls_run_program(rows, lanes, &lanes->roots[0], result, t->rows, t->floats, weight_kernel, t);
        hand_over(t, result.at, sink);
        return;
    }
    for (size_t k = 0; k < lanes->n_roots; k++)
        ls_run_program(rows, lanes, &lanes->roots[k],
                       (ls_tile_at){sink->dw[k] + place_of(t), stride_of(t)}, t->rows, t->floats,
                       weight_kernel, t);
}

static void walk_weights(const ls_gemm *g, const ls_lanes *lanes, size_t in, ls_tree_range part,
                         const float *x, const ls_operand *dy, const weight_sink *sink) {
    const output_tiles down =
        output_tiles_of(g, part, g->any_tile ? LS_TILE_LANES_OUT : LS_TILE_WEIGHT_OUT);
    const size_t length = ls_tile_length(g, in, g->any_tile ? LS_TILE_LANES_IN : LS_TILE_WEIGHT_IN,
                                         LS_TILE_LEAST, down.count);
    const size_t across = ls_tiles(in, length);
#pragma omp parallel if (dy->terms.first[dy->terms.count] * in * part.count >= LS_TEAM_PRODUCTS)
    {
        ls_one_thread_a_call();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t u = 0; u < across; u++)
            for (size_t v = 0; v < down.count; v++) {
                const ls_tree_range columns = {u * length, minimum(length, in - u * length)};
                const weight_tile t = weight_tile_at(g, &down, v, columns, in, x, dy);
                finish_weights(&t, lanes, sink);
                ls_call_between(sink->between);
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

/* A block of columns, by the threads that call it: the bits of a tile may depend on its width. */
static void walk_block(const ls_gemm *g, const ls_lanes *blocks, ls_tree_range block, size_t in,
                       const float *x, const ls_operand *dy, const weight_sink *sink) {
    const output_tiles down = output_tiles_of(g, (ls_tree_range){0, dy->count},
                                              g->any_tile ? g->weight_out : LS_TILE_WEIGHT_OUT);
    const size_t width = g->any_tile ? LS_TILE_SUM_IN : LS_TILE_WEIGHT_IN;
    const size_t across = ls_tiles(block.count, width);
    float *scratch = ls_lanes_scratch(blocks);
#pragma omp for collapse(2) schedule(dynamic) nowait
    for (size_t u = 0; u < across; u++)
        for (size_t v = 0; v < down.count; v++) {
            const ls_tree_range own = {block.first + u * width,
                                       minimum(width, block.count - u * width)};
            const weight_tile t = weight_tile_at(g, &down, v, own, in, x, dy);
            weight_kernel(&t, 0, (ls_tile_at){scratch, t.floats});
            hand_over(&t, scratch, sink);
        }
}

void ls_gemm_backward_columns(const ls_gemm *g, const ls_lanes *blocks, const ls_segments *columns,
                              const float *x, const ls_operand *dy, ls_tile_use *use,
                              void *context) {
    const size_t *edge = columns->first;
    const weight_sink sink = {.use = use, .context = context};
#pragma omp parallel
    {
        ls_one_thread_a_call();
        for (size_t b = 0; b < columns->count; b++)
            walk_block(g, blocks, (ls_tree_range){edge[b], edge[b + 1] - edge[b]},
                       edge[columns->count], x, dy, &sink);
    }
}

/* ---- biases ---- */

/* What a tile of db is made of. */
typedef struct bias_tile {
    const ls_segments *rows;
    const float *dy; /* from the tile's first column */
    size_t out, width;
} bias_tile;

static void bias_kernel(const void *context, size_t segment, ls_tile_at c) {
    const bias_tile *t = context;
    const size_t first = t->rows->first[segment], end = t->rows->first[segment + 1];
    memcpy(c.at, t->dy + first * t->out, t->width * sizeof(float));
    for (size_t r = first + 1; r < end; r++)
        ls_add_to(t->width, t->dy + r * t->out, c.at);
}

void ls_gemm_backward_bias(const ls_segments *rows, const ls_lanes *lanes, size_t out,
                           const float *dy, float *const *db) {
    size_t n = ls_tiles(out, LS_TILE_FORWARD_OUT);
#pragma omp parallel for schedule(static) if (n > 1)
    for (size_t v = 0; v < n; v++) {
        const size_t o = v * LS_TILE_FORWARD_OUT;
        const bias_tile t = {rows, dy + o, out, minimum(LS_TILE_FORWARD_OUT, out - o)};
        for (size_t k = 0; k < lanes->n_roots; k++)
            ls_run_program(rows, lanes, &lanes->roots[k], (ls_tile_at){db[k] + o, out}, 1, t.width,
                           bias_kernel, &t);
    }
}
