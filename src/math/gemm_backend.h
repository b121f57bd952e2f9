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

/* c[m, n] = a b, each element a sum of k products; row-major, ld: length of a row in floats. */
typedef struct ls_product {
    size_t m, n, k;
    const float *a;
    size_t lda;
    const float *b;
    size_t ldb;
    float *c;
    size_t ldc;
} ls_product;

typedef void ls_product_kernel(const ls_gemm *gemm, const ls_product *p);

struct ls_gemm {
    const char *name;
    /* Whether a sum's bits are its own, whatever the tile around it; else only calls of the same
     * shape give the same bits. */
    bool any_tile;
    /* Where any tile will do: the rows and outputs of the largest one of a forward product, and
     * whether rather outputs than rows are cut for there to be enough tiles. */
    size_t forward_rows, forward_out;
    bool keeps_rows;
    /* The library's name and version and what it chose for this processor. */
    char *(*describe)(char *buffer, size_t size);
    /* Whether it can be used on this processor. Errors: ERR_RUNTIME. */
    ls_status (*check)(void);
    /* NULL: nothing was created. */
    void (*destroy)(ls_gemm *gemm);
    size_t bytes;          /* that were allocated */
    ls_product_kernel *nt; /* a[m, k], b[n, k]: transposed */
    ls_product_kernel *nn; /* a[m, k], b[k, n] */
    ls_product_kernel *tn; /* a[k, m]: transposed, b[k, n] */
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
