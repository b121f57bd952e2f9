/* Tiles by OpenBLAS: one single-threaded cblas_sgemm each. */
#include <cblas.h>
#include <stdint.h>

#include "gemm_backend.h"
#include "lockstep/math/math.h"

static void product(CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, const ls_product *p, const float *from,
                    size_t ldb) {
    cblas_sgemm(CblasRowMajor, a, b, (int)p->m, (int)p->n, (int)p->k, 1.0f, ls_product_a(p),
                (int)p->a->ld, from, (int)ldb, 0.0f, p->c, (int)p->ldc);
}

static void nt(const ls_gemm *gemm, const ls_product *p) {
    size_t ldb = 0;
    const float *b = ls_product_b(p, 0, 0, &ldb);
    (void)gemm;
    product(CblasNoTrans, CblasTrans, p, b, ldb);
}

static void nn(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasNoTrans, CblasNoTrans, p, p->b, p->ldb);
}

static void tn(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasTrans, CblasNoTrans, p, p->b, p->ldb);
}

/* Its kind of build is checked for the whole process: ls_math_init. */
static ls_status check(void) {
    return LS_OK;
}

const ls_gemm ls_gemm_openblas = {.name = "openblas",
                                  .panel = SIZE_MAX,
                                  .describe = ls_math_blas,
                                  .check = check,
                                  .nt = nt,
                                  .nn = nn,
                                  .tn = tn};
