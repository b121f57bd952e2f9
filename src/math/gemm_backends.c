/* The table of GEMM libraries, best first, and the choice among them. */
#include "gemm_backend.h"
#include "lockstep/base/error.h"

static const ls_gemm *const table[] = {
#ifdef LS_HAVE_LIBXSMM
    &ls_gemm_libxsmm,
#endif
    &ls_gemm_openblas,
};

enum { COUNT = sizeof table / sizeof *table };

ls_status ls_gemm_choose(int kind, const ls_gemm **out) {
    ls_status st = LS_OK;
    for (size_t i = 0; i < COUNT; i++) {
        if (kind != LS_GEMM_AUTO && kind != table[i]->kind)
            continue;
        st = table[i]->check();
        if (st == LS_OK) {
            *out = table[i];
            return LS_OK;
        }
    }
    if (st == LS_OK)
        st = ls_fail(LS_ERR_RUNTIME, "compute.gemm", "this lockstep was built without libxsmm");
    return ls_hint(st, "build it where libxsmm is installed (Debian: libxsmm-dev), on a processor "
                       "with AVX2; or start a run of its own with compute.gemm: openblas");
}

int ls_gemm_kind_of(const ls_gemm *gemm) {
    return gemm->kind;
}

const char *ls_gemm_name(const ls_gemm *gemm) {
    return gemm->name;
}

char *ls_gemm_describe(const ls_gemm *gemm, char *buffer, size_t size) {
    return gemm->describe(buffer, size);
}
