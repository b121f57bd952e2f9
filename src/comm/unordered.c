/* MPI_Allreduce of floats, for measuring alone: see unordered.h. Never called by training. */
#include "lockstep/comm/unordered.h"

#include "internal.h"

/* MPI_Iallreduce and a wait that watches would be fairer to a user who loses a rank, but unfair to
 * MPI: it takes more than twice as long. */
ls_status ls_allreduce_unordered(ls_comm *comm, const float *mine, size_t floats, float *sum) {
    LS_MPI(comm, MPI_Allreduce(mine, sum, (int)floats, MPI_FLOAT, MPI_SUM, comm->mpi));
    return LS_OK;
}
