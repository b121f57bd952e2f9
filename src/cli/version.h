/* What `lockstep --version` prints: the program's version, its build and its libraries. */
#ifndef LS_CLI_VERSION_H
#define LS_CLI_VERSION_H

#include <stdio.h>

/* Works before MPI is started. */
void ls_print_version(FILE *to);

#endif
