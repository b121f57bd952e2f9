/* Brings the rows of two layers together. Why here: see weight_rows.h. */
#include "weight_rows.h"

#include <string.h>

#include "lockstep/base/memory.h"

size_t ls_shared_rows_state(size_t in, size_t out) {
    return 2 * (in + out) * sizeof(float);
}

/* For the edges of lanes of twice the rows. */
size_t ls_shared_rows_room(size_t lanes) {
    return ((lanes + 1) * sizeof(size_t) + LS_ALIGNMENT - 1) / LS_ALIGNMENT * LS_ALIGNMENT;
}

static float *dy_of(void *state) {
    return state;
}

static float *x_of(const ls_segments *rows, size_t out, void *state) {
    return dy_of(state) + 2 * rows->first[rows->count] * out;
}

/* A lane of rows [first, end) has [2 first, 2 end) of them all: its own to 2 first + r - first. */
static void put(const ls_segments *rows, bool is_tied, size_t columns, const float *from,
                float *to) {
#pragma omp parallel
    for (size_t s = 0; s < rows->count; s++) {
        const size_t first = rows->first[s], end = rows->first[s + 1];
        const size_t down = is_tied ? end : first;
#pragma omp for schedule(static) nowait
        for (size_t r = first; r < end; r++)
            memcpy(to + (down + r) * columns, from + r * columns, columns * sizeof *to);
    }
}

void ls_lend_rows(const ls_segments *rows, size_t in, size_t out, const float *x, const float *dy,
                  void *state) {
    put(rows, true, out, dy, dy_of(state));
    put(rows, true, in, x, x_of(rows, out, state));
}

void *ls_share_rows(const ls_segments *rows, size_t in, size_t out, const ls_layer_io *io,
                    ls_weight_rows *all) {
    size_t *edge = io->room;
    put(rows, false, out, io->dy, dy_of(io->state));
    put(rows, false, in, io->x, x_of(rows, out, io->state));
    for (size_t s = 0; s <= rows->count; s++)
        edge[s] = 2 * rows->first[s];
    *all = (ls_weight_rows){{rows->count, edge}, x_of(rows, out, io->state), dy_of(io->state)};
    return (char *)io->room + ls_shared_rows_room(rows->count);
}
