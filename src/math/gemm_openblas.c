/* Tiles by OpenBLAS: one single-threaded cblas_sgemm each. W lies row by row. */
#include <cblas.h>

#include "gemm_backend.h"
#include "lockstep/math/math.h"

static void product(CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, const ls_product *p, const float *from,
                    size_t ldb) {
    cblas_sgemm(CblasRowMajor, a, b, (int)p->m, (int)p->n, (int)p->k, 1.0f, ls_product_a(p),
                (int)p->a->ld, from, (int)ldb, 0.0f, p->c, (int)p->ldc);
}

static void forward(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasNoTrans, CblasTrans, p, ls_product_strip(p, p->output, p->column), p->w.in);
}

static void backward_input(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasNoTrans, CblasNoTrans, p, ls_product_strip(p, 0, p->column), p->w.in);
}

static void backward_weight(const ls_gemm *gemm, const ls_product *p) {
    (void)gemm;
    product(CblasTrans, CblasNoTrans, p, p->b, p->ldb);
}

/* Its kind of build is checked for the whole process: ls_math_init. */
static ls_status check(void) {
    return LS_OK;
}

const ls_gemm ls_gemm_openblas = {.name = "openblas",
                                  .strip = 1,
                                  .describe = ls_math_blas,
                                  .check = check,
                                  .forward = forward,
                                  .backward_input = backward_input,
                                  .backward_weight = backward_weight};
