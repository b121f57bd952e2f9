/* Tiles by OpenBLAS: one single-threaded cblas_sgemm each. */
#include <cblas.h>

#include "gemm_backend.h"
#include "lockstep/math/math.h"

static void product(CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, const ls_product *p) {
    cblas_sgemm(CblasRowMajor, a, b, (int)p->m, (int)p->n, (int)p->k, 1.0f, p->a, (int)p->lda, p->b,
                (int)p->ldb, 0.0f, p->c, (int)p->ldc);
}

static void nt(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasNoTrans, CblasTrans, p);
}

static void nn(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasNoTrans, CblasNoTrans, p);
}

static void tn(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasTrans, CblasNoTrans, p);
}

/* Its kind of build is checked for the whole process: ls_math_init. */
static ls_status check(void) {
    return LS_OK;
}

const ls_gemm ls_gemm_openblas = {
    .name = "openblas", .describe = ls_math_blas, .check = check, .nt = nt, .nn = nn, .tn = tn};
