/* The programs of a rank's roots and the scratch for their open sums. */
#include "lockstep/math/lanes.h"

#include "lockstep/base/memory.h"
#include "lockstep/math/math.h"
#include "tiles.h"

ls_status ls_lanes_create(size_t total, ls_tree_range mine, ls_lanes *out) {
    ls_tree_range roots[LS_TREE_DEPTH_MAX];
    ls_lanes lanes = {.total = total,
                      .mine = mine,
                      .depth = 1,
                      .tile_floats = (size_t)LS_TILE_WEIGHT_OUT * LS_TILE_WEIGHT_IN,
                      .n_threads = (size_t)ls_math_threads()};
    lanes.n_roots = ls_tree_roots(total, mine.first, mine.first + mine.count, roots);
    ls_status st = ls_alloc(lanes.n_roots, sizeof *lanes.roots, "lanes", &lanes.roots);
    for (size_t i = 0; st == LS_OK && i < lanes.n_roots; i++) {
        st = ls_tree_program_create(total, roots[i], &lanes.roots[i]);
        if (st == LS_OK && lanes.roots[i].depth > lanes.depth)
            lanes.depth = lanes.roots[i].depth;
    }
    if (st == LS_OK)
        st = ls_alloc(ls_lanes_scratch_bytes(&lanes), 1, "lanes", &lanes.scratch);
    if (st != LS_OK) {
        ls_lanes_free(&lanes);
        return st;
    }
    *out = lanes;
    return LS_OK;
}

void ls_lanes_free(ls_lanes *lanes) {
    for (size_t i = 0; lanes->roots != NULL && i < lanes->n_roots; i++)
        ls_tree_program_free(&lanes->roots[i]);
    ls_free(lanes->roots);
    ls_free(lanes->scratch);
    *lanes = (ls_lanes){0};
}

/* A tree over n leaves has log2(n) sums open beside the result, rounded up. */
size_t ls_lanes_scratch_most(size_t total) {
    ls_lanes lanes = {.depth = 2,
                      .tile_floats = (size_t)LS_TILE_WEIGHT_OUT * LS_TILE_WEIGHT_IN,
                      .n_threads = (size_t)ls_math_threads()};
    for (size_t n = 1; n < total; n *= 2)
        lanes.depth++;
    return ls_lanes_scratch_bytes(&lanes);
}

size_t ls_lanes_scratch_bytes(const ls_lanes *lanes) {
    return lanes->n_threads * lanes->depth * lanes->tile_floats * sizeof(float);
}

float *ls_lanes_scratch(const ls_lanes *lanes) {
    return lanes->scratch + ls_math_thread() * lanes->depth * lanes->tile_floats;
}
