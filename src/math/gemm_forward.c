/* y = x W^T + b and sums over columns, tile by tile. */
#include "gemm_tiles.h"
#include "lockstep/base/add.h"
#include "lockstep/math/math.h"

/* Rows and outputs of a tile. */
typedef struct tile_shape {
    size_t rows, outputs;
} tile_shape;

/* Where any tile will do: x is read once for every tile across, W once for every tile down. */
static tile_shape shape_of(const ls_gemm *g, size_t rows, size_t outputs, size_t others) {
    tile_shape s = {g->any_tile ? g->forward_rows : LS_GEMM_ROWS,
                    g->any_tile ? g->forward_out : LS_TILE_FORWARD_OUT};
    s.outputs = ls_tile_length(g, outputs, s.outputs, g->strip, ls_tiles(rows, s.rows) * others);
    s.rows = ls_tile_length(g, rows, s.rows, LS_TILE_LEAST, ls_tiles(outputs, s.outputs) * others);
    return s;
}

/* Twice as many tiles as threads make a part: the least of all products. */
size_t ls_gemm_part(const ls_gemm *g, const ls_segments *rows, size_t wanted) {
    const size_t all = rows->first[rows->count];
    const size_t down = g->any_tile ? ls_tiles(all, LS_TILE_LEAST) : rows->count;
    const size_t width = g->any_tile ? g->strip : LS_TILE_FORWARD_OUT;
    size_t part = g->any_tile ? LS_TILE_LANES_OUT : LS_TILE_WEIGHT_OUT;
    while (part < wanted || (down > 0 && part / width * down < 2 * (size_t)ls_math_threads()))
        part *= 2;
    return part;
}

/* What a tile of a segment's sums is made of. */
typedef struct forward_tile {
    const ls_gemm *g;
    const ls_operand *x;
    const float *w;
    size_t out, row, o, height, width;
} forward_tile;

static void forward_kernel(const void *context, size_t segment, ls_tile_at c) {
    const forward_tile *t = context;
    const size_t *edge = t->x->terms.first + segment;
    t->g->forward(t->g, &(ls_product){.m = t->height,
                                      .n = t->width,
                                      .k = edge[1] - edge[0],
                                      .a = t->x,
                                      .first = t->row,
                                      .segment = segment,
                                      .b = t->w,
                                      .w = ls_gemm_strips(t->g, t->out, t->x->ld),
                                      .output = t->o,
                                      .column = edge[0],
                                      .c = c.at,
                                      .ldc = c.stride});
}

static void add_bias(ls_tile_at c, size_t height, size_t width, const float *bias) {
    for (size_t r = 0; bias != NULL && r < height; r++)
        ls_add_to(width, bias, c.at + r * c.stride);
}

void ls_gemm_forward_part(const ls_gemm *g, const ls_segments *rows, size_t out, ls_tree_range part,
                          const ls_operand *x, const float *w, const float *bias, float *y,
                          const ls_between *between) {
    const tile_shape shape = shape_of(g, rows->first[rows->count], part.count, 1);
    const ls_row_tiles down = ls_row_tiles_of(g, rows, shape.rows);
    const size_t across = ls_tiles(part.count, shape.outputs);
#pragma omp parallel if (x->count * x->ld * part.count >= LS_TEAM_PRODUCTS)
    {
        ls_one_thread_a_call();
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t t = 0; t < across; t++)
            for (size_t s = 0; s < down.count; s++) {
                const ls_tree_range r = ls_row_tile(&down, s);
                const size_t width = minimum(shape.outputs, part.count - t * shape.outputs);
                const size_t o = part.first + t * shape.outputs;
                const ls_tile_at c = {y + r.first * out + o, out};
                if (r.count == 0)
                    continue;
                forward_kernel(&(forward_tile){g, x, w, out, r.first, o, r.count, width}, 0, c);
                add_bias(c, r.count, width, bias != NULL ? bias + o : NULL);
                ls_call_between(between);
            }
    }
}

void ls_gemm_forward_columns(const ls_gemm *g, const ls_lanes *blocks, size_t out,
                             const ls_operand *x, const float *w, float *const *z) {
    const tile_shape shape = shape_of(g, x->count, out, blocks->n_roots);
    const size_t down = ls_tiles(x->count, shape.rows), across = ls_tiles(out, shape.outputs);
#pragma omp parallel
    {
        ls_one_thread_a_call();
#pragma omp for collapse(3) schedule(dynamic)
        for (size_t k = 0; k < blocks->n_roots; k++)
            for (size_t v = 0; v < across; v++)
                for (size_t u = 0; u < down; u++) {
                    const size_t r = u * shape.rows, o = v * shape.outputs;
                    const size_t rows = minimum(shape.rows, x->count - r);
                    const size_t width = minimum(shape.outputs, out - o);
                    const forward_tile t = {g, x, w, out, r, o, rows, width};
                    ls_run_program(&x->terms, blocks, &blocks->roots[k],
                                   (ls_tile_at){z[k] + r * out + o, out}, rows, width,
                                   forward_kernel, &t);
                }
    }
}
