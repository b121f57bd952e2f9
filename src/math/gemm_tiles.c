/* Tiles and their sums. Why here: see gemm_tiles.h. */
#include "gemm_tiles.h"

#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "lockstep/base/add.h"
#include "lockstep/math/math.h"

/* Inside a parallel region OpenBLAS sees to it by itself, but not in a region whose team has one
 * thread only. Sets the calling task's own number, nobody else's. */
void ls_one_thread_a_call(void) {
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

void ls_call_between(const ls_between *between) {
    if (between != NULL && is_first_thread())
        between->call(between->context);
}

size_t ls_tile_length(const ls_gemm *g, size_t n, size_t most, size_t least, size_t others) {
    const size_t wanted = 2 * (size_t)ls_math_threads();
    size_t length = most;
    while (g->any_tile && length > least && ls_tiles(n, length) * others < wanted)
        length /= 2;
    return length;
}

ls_row_tiles ls_row_tiles_of(const ls_gemm *g, const ls_segments *rows, size_t length) {
    if (!g->any_tile)
        return (ls_row_tiles){rows, rows->count, 0};
    return (ls_row_tiles){rows, ls_tiles(rows->first[rows->count], length), length};
}

ls_tree_range ls_row_tile(const ls_row_tiles *t, size_t i) {
    const size_t *edge = t->rows->first;
    if (t->length == 0)
        return (ls_tree_range){edge[i], edge[i + 1] - edge[i]};
    const size_t first = i * t->length;
    return (ls_tree_range){first, minimum(t->length, edge[t->rows->count] - first)};
}

static void zero_tile(ls_tile_at c, size_t height, size_t width) {
    for (size_t r = 0; r < height; r++)
        memset(c.at + r * c.stride, 0, width * sizeof(float));
}

static void add_tile(ls_tile_at a, ls_tile_at b, size_t height, size_t width) {
    for (size_t r = 0; r < height; r++)
        ls_add_to(width, b.at + r * b.stride, a.at + r * a.stride);
}

void ls_run_program(const ls_segments *terms, const ls_lanes *lanes, const ls_tree_program *program,
                    ls_tile_at result, size_t height, size_t width, ls_segment_kernel *kernel,
                    const void *context) {
    float *scratch = ls_lanes_scratch(lanes);
    size_t top = 0;
    ls_tile_at level[LS_TREE_DEPTH_MAX + 1] = {result};
    for (size_t i = 1; i < lanes->depth; i++)
        level[i] = (ls_tile_at){scratch + i * lanes->tile_floats, width};
    for (size_t i = 0; i < program->count; i++) {
        if (program->op[i] == LS_TREE_ADD) {
            top--;
            add_tile(level[top - 1], level[top], height, width);
            continue;
        }
        size_t s = program->op[i] - lanes->mine.first;
        if (terms->first[s] == terms->first[s + 1])
            zero_tile(level[top], height, width);
        else
            kernel(context, s, level[top]);
        top++;
    }
}
