/* What a GEMM library does for the tiles of a matrix product, and which libraries there are.
 *
 * Why here: a library is one file, gemm_<name>.c, and one row of the table below.
 * Never threads: a tile is one thread's work.
 */
#ifndef LS_MATH_GEMM_BACKEND_H
#define LS_MATH_GEMM_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/math/gemm.h"

/* A tile of one of the three products; every element a sum of k terms, over one of a's segments.
 *
 * forward: c[m, n] = rows [first, first + m) of x times outputs [output, output + n) of W, whose
 * columns begin at `column`.
 * backward_input: c[m, n] = rows [first, first + m) of dy times columns [column, column + n) of W.
 * backward_weight: of dW the outputs [first, first + m) and n columns, dy's times those of b[k, n],
 * x. They lie in strips: [n][strip] at c + s ldc, c + (s + 1) ldc and so on, as far as m goes.
 *
 * Outputs begin with a strip of W. ldb, ldc: lengths of a row of b and c in floats. */
typedef struct ls_product {
    size_t m, n, k;
    const ls_operand *a;
    size_t first, segment;
    const float *b; /* W, or x */
    ls_strips w;    /* how W lies */
    size_t output, column;
    size_t ldb;
    float *c;
    size_t ldc;
    size_t strip;
} ls_product;

/* Where column `column` of the strip of W that begins with output o begins. */
static inline const float *ls_product_strip(const ls_product *p, size_t o, size_t column) {
    return p->b + ls_strips_at(&p->w, o, column);
}

/* a where it lies as it was given, from the first of its sums and terms on. */
static inline const float *ls_product_a(const ls_product *p) {
    const size_t term = p->a->terms.first[p->segment];
    return p->a->kind == LS_BACKWARD_WEIGHT ? p->a->at + term * p->a->ld + p->first
                                            : p->a->at + p->first * p->a->ld + term;
}

/* A piece of an operand: sums [first, first + count), and of a segment the terms
 * [terms.first, terms.first + terms.count), counted from its begin. */
typedef struct ls_operand_piece {
    size_t first, count, segment;
    ls_tree_range terms;
} ls_operand_piece;

/* What a piece has at most, and multiples of which it begins at; the last of a segment may have up
 * to twice as many terms. */
#define LS_PIECE_SUMS ((size_t)LS_STRIP)
#define LS_PIECE_TERMS ((size_t)4096)

typedef void ls_product_kernel(const ls_gemm *gemm, const ls_product *p);

struct ls_gemm {
    const char *name;
    /* Whether a sum's bits are its own, whatever the tile around it; else only calls of the same
     * shape give the same bits. */
    bool any_tile;
    /* Where any tile will do: the rows and outputs of the largest one of a forward product, and the
     * outputs of one of dW in one sum over all rows. */
    size_t forward_rows, forward_out, weight_out;
    size_t strip; /* outputs of a strip of W: LS_STRIP or 1 */
    /* Bytes that an operand of so many sums takes when it is ready, its terms in so many segments;
     * 0: it is read where it lies. NULL: all are. */
    size_t (*room)(const ls_gemm *gemm, ls_product_kind kind, size_t count, size_t terms,
                   size_t segments);
    /* Makes a piece of it ready. */
    void (*make_ready)(const ls_gemm *gemm, const ls_operand *a, const ls_operand_piece *piece);
    /* The library's name and version and what it chose for this processor. */
    char *(*describe)(char *buffer, size_t size);
    /* Whether it can be used on this processor. Errors: ERR_RUNTIME. */
    ls_status (*check)(void);
    /* Whether it has failed at a product. NULL: it cannot, or does not come back (OpenBLAS without
     * memory). */
    ls_status (*status)(const ls_gemm *gemm);
    /* NULL: nothing was created. */
    void (*destroy)(ls_gemm *gemm);
    size_t bytes; /* that were allocated */
    ls_product_kernel *forward, *backward_input, *backward_weight;
};

/* a with its ready form in room, by all threads, or as it is. */
ls_operand ls_gemm_make_ready(const ls_gemm *gemm, ls_operand a, void *room);

/* The libraries, better ones later: the name, whether it is in this build (0 or 1), what it needs
 * to be there. A row's place is its kind, which checkpoints keep by name: it may move. */
#define LS_GEMM_LIBRARIES(ROW)                                                                     \
    ROW(openblas, 1, "OpenBLAS")                                                                   \
    ROW(libxsmm, LS_HAVE_LIBXSMM,                                                                  \
        "libxsmm is installed (Debian: libxsmm-dev), on a processor with AVX2")

#define LS_GEMM_DECLARE(name, built, needs) extern const ls_gemm ls_gemm_##name;
LS_GEMM_LIBRARIES(LS_GEMM_DECLARE)

/* oneDNN, which multiplies in bfloat16, where it is in this build: see ls_gemm_create_bf16. */
ls_status ls_gemm_onednn_create(ls_gemm **out) LS_MUST_CHECK;

#endif
