/* The program: finds the command, starts MPI, runs it, and turns its status into one message
 * and one exit code on all ranks. Does no work itself. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "lockstep/base/error.h"
#include "lockstep/base/text.h"

static const ls_command *const commands[] = {NULL};

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    (void)commands;
    return 0;
}
