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

/* c[m, n] = a b, each element a sum of k products; row-major, ld: length of a row in floats. Row i
 * of c is sum first + i of a, over one of a's segments. The b[n, k] of nt is rows
 * [b_first, b_first + n) of a matrix of b_rows in panels of b_panel columns. */
typedef struct ls_product {
    size_t m, n, k;
    const ls_operand *a;
    size_t first, segment;
    const float *b;
    size_t ldb; /* nn, tn */
    float *c;
    size_t ldc;
    size_t b_first, b_rows, b_panel; /* nt */
} ls_product;

/* b[j, k] of nt, with *ld the length of its row there. */
static inline const float *ls_product_b(const ls_product *p, size_t j, size_t k, size_t *ld) {
    const size_t begin = k / p->b_panel * p->b_panel;
    const size_t width = p->k - begin < p->b_panel ? p->k - begin : p->b_panel;
    *ld = width;
    return p->b + begin * p->b_rows + (p->b_first + j) * width + (k - begin);
}

/* Where a lies as it was given: a[i, l] or, transposed, a[l, i]. */
static inline const float *ls_product_a(const ls_product *p) {
    const size_t term = p->a->terms.first[p->segment];
    return p->a->transposed ? p->a->at + term * p->a->ld + p->first
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
#define LS_PIECE_SUMS ((size_t)64)
#define LS_PIECE_TERMS ((size_t)4096)

typedef void ls_product_kernel(const ls_gemm *gemm, const ls_product *p);

struct ls_gemm {
    const char *name;
    /* Whether a sum's bits are its own, whatever the tile around it; else only calls of the same
     * shape give the same bits. */
    bool any_tile;
    /* Where any tile will do: the rows and outputs of the largest one of a forward product. */
    size_t forward_rows, forward_out;
    size_t panel; /* see ls_gemm_panel; SIZE_MAX: b_panel is never less than k */
    /* How an operand is made ready, piece by piece, and the bytes that it takes then, with its
     * terms in so many segments; NULL: it is read where it lies. */
    size_t (*room)(const ls_gemm *gemm, size_t count, size_t terms, size_t segments);
    void (*make_ready)(const ls_gemm *gemm, const ls_operand *a, const ls_operand_piece *piece);
    /* The library's name and version and what it chose for this processor. */
    char *(*describe)(char *buffer, size_t size);
    /* Whether it can be used on this processor. Errors: ERR_RUNTIME. */
    ls_status (*check)(void);
    /* NULL: nothing was created. */
    void (*destroy)(ls_gemm *gemm);
    size_t bytes;          /* that were allocated */
    ls_product_kernel *nt; /* a[m, k], ready; b[n, k]: transposed */
    ls_product_kernel *nn; /* a[m, k], never ready; b[k, n] */
    ls_product_kernel *tn; /* a[k, m]: transposed, ready; b[k, n] */
};

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
