/* What the files of comm share: the communicator and the check of every MPI call. */
#ifndef LS_COMM_INTERNAL_H
#define LS_COMM_INTERNAL_H

#include <mpi.h>

#include "lockstep/comm/comm.h"

struct ls_comm {
    MPI_Comm mpi;
    int rank, size;
    int *counts, *offsets; /* [size] room for calls that want them */
};

/* A failed MPI call is a panic that names the call. */
#define LS_MPI(comm, call) ls_comm_check((comm), (call), #call)
void ls_comm_check(ls_comm *comm, int code, const char *call);

#endif
