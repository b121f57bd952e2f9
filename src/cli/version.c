/* The facts of this build and of the libraries it found when it started. */
#include "version.h"

#include "lockstep/base/build.h"
#include "lockstep/comm/comm.h"
#include "lockstep/format/h5.h"
#include "lockstep/math/math.h"

void ls_print_version(FILE *to) {
    char mpi[256], hdf5[32], blas[256], arithmetic[40];
    fprintf(to, "lockstep %s (commit %s, %s build)\n", ls_build_version(), ls_build_commit(),
            ls_build_type());
    fprintf(to, "MPI:        %s\n", ls_comm_version(mpi, sizeof mpi));
    fprintf(to, "HDF5:       %s\n", ls_h5_version(hdf5));
    fprintf(to, "BLAS:       %s\n", ls_math_blas(blas, sizeof blas));
    if (ls_math_init() == LS_OK && ls_math_fingerprint(arithmetic) == LS_OK)
        fprintf(to, "arithmetic: %s (runs are the same, bit for bit, where this is)\n", arithmetic);
    fprintf(to, "threads:    %d (OpenMP)\n", ls_math_threads());
    fprintf(to, "compiler:   %s\n", ls_build_compiler());
}
