/* Makes what all tiles of a product read ready for the library, in parallel; whole products from
 * operands as they are. */
#include "gemm_backend.h"
#include "tiles.h"

static size_t room_of(const ls_gemm *g, ls_product_kind kind, size_t count, size_t terms,
                      size_t segments) {
    return g->room != NULL ? g->room(g, kind, count, terms, segments) : 0;
}

size_t ls_gemm_room(const ls_gemm *g, size_t rows, size_t lanes, size_t in, size_t blocks,
                    size_t out) {
    const size_t x = room_of(g, LS_FORWARD, rows, in, blocks);
    const size_t dx = room_of(g, LS_BACKWARD_INPUT, rows, out, 1);
    const size_t dw = room_of(g, LS_BACKWARD_WEIGHT, out, rows, lanes);
    const size_t most = x > dx ? x : dx;
    return most > dw ? most : dw;
}

static size_t pieces_of(size_t terms) {
    return terms < LS_PIECE_TERMS ? 1 : terms / LS_PIECE_TERMS;
}

static ls_operand_piece piece_at(const ls_operand *a, size_t sums, size_t segment, size_t i) {
    const size_t *edge = a->terms.first;
    const size_t terms = edge[segment + 1] - edge[segment], first = i * LS_PIECE_TERMS;
    const bool last = i + 1 == pieces_of(terms);
    return (ls_operand_piece){sums * LS_PIECE_SUMS,
                              minimum(LS_PIECE_SUMS, a->count - sums * LS_PIECE_SUMS), segment,
                              (ls_tree_range){first, last ? terms - first : LS_PIECE_TERMS}};
}

ls_operand ls_gemm_make_ready(const ls_gemm *g, ls_operand a, void *room) {
    if (room_of(g, a.kind, a.count, a.terms.first[a.terms.count], a.terms.count) == 0)
        return a;
    a.ready = room;
    const size_t down = (a.count + LS_PIECE_SUMS - 1) / LS_PIECE_SUMS;
    const size_t *edge = a.terms.first;
#pragma omp parallel if (a.count * edge[a.terms.count] >= LS_TEAM_FLOATS)
    for (size_t s = 0; s < a.terms.count; s++) {
        const size_t across = pieces_of(edge[s + 1] - edge[s]);
#pragma omp for collapse(2) schedule(dynamic) nowait
        for (size_t d = 0; d < down; d++)
            for (size_t i = 0; i < across; i++) {
                const ls_operand_piece piece = piece_at(&a, d, s, i);
                g->make_ready(g, &a, &piece);
            }
    }
    return a;
}

ls_operand ls_gemm_ready_x(const ls_gemm *g, size_t rows, ls_segments columns, const float *x,
                           void *room) {
    return ls_gemm_make_ready(
        g, (ls_operand){LS_FORWARD, x, columns.first[columns.count], rows, columns, NULL}, room);
}

ls_operand ls_gemm_ready_dy(const ls_gemm *g, ls_segments rows, size_t out, const float *dy,
                            void *room) {
    return ls_gemm_make_ready(g, (ls_operand){LS_BACKWARD_WEIGHT, dy, out, out, rows, NULL}, room);
}

/* ---- whole products ---- */

void ls_gemm_forward(const ls_gemm *g, const ls_segments *rows, size_t in, size_t out,
                     const float *x, const float *w, const float *bias, float *y, void *room) {
    const size_t columns[2] = {0, in};
    const ls_operand ready =
        ls_gemm_ready_x(g, rows->first[rows->count], (ls_segments){1, columns}, x, room);
    ls_gemm_forward_part(g, rows, out, (ls_tree_range){0, out}, &ready, w, bias, y, NULL);
}

void ls_gemm_backward_weight(const ls_gemm *g, const ls_segments *rows, const ls_lanes *lanes,
                             size_t in, size_t out, const float *x, const float *dy,
                             float *const *dw, void *room) {
    const ls_operand ready = ls_gemm_ready_dy(g, *rows, out, dy, room);
    ls_gemm_backward_weight_part(g, lanes, in, (ls_tree_range){0, out}, x, &ready, dw, NULL);
}
