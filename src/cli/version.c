/* The facts of this build and of the libraries it found when it started. */
#include "version.h"

#include "lockstep/base/build.h"
#include "lockstep/comm/comm.h"
#include "lockstep/format/h5.h"
#include "lockstep/math/math.h"

static void print_one(const ls_gemm *gemm, FILE *to) {
    char name[256], arithmetic[40];
    if (ls_math_fingerprint(gemm, arithmetic) == LS_OK)
        fprintf(to, "arithmetic: %s by %s\n", arithmetic,
                ls_gemm_describe(gemm, name, sizeof name));
}

/* By every library that is here: the one that compute.gemm: auto takes first, that of precision:
 * bf16 last. */
static void print_arithmetic(FILE *to) {
    for (int kind = ls_gemm_kinds(); kind > 0; kind--) {
        const ls_gemm *gemm = NULL;
        if (ls_gemm_choose(kind, &gemm) == LS_OK)
            print_one(gemm, to);
    }
    ls_gemm *bf16 = NULL;
    if (ls_gemm_create_bf16(&bf16) == LS_OK)
        print_one(bf16, to);
    ls_gemm_destroy(bf16);
    fprintf(to, "            (runs are the same, bit for bit, where this is)\n");
}

void ls_print_version(FILE *to) {
    char mpi[256], hdf5[32], blas[256];
    fprintf(to, "lockstep %s (commit %s, %s build)\n", ls_build_version(), ls_build_commit(),
            ls_build_type());
    fprintf(to, "MPI:        %s\n", ls_comm_version(mpi, sizeof mpi));
    fprintf(to, "HDF5:       %s\n", ls_h5_version(hdf5));
    fprintf(to, "BLAS:       %s\n", ls_math_blas(blas, sizeof blas));
    if (ls_math_init() == LS_OK)
        print_arithmetic(to);
    fprintf(to, "threads:    %d (OpenMP)\n", ls_math_threads());
    fprintf(to, "compiler:   %s\n", ls_build_compiler());
}
