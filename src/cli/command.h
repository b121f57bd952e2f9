/* What a command of the program is.
 *
 * Why here: main.c finds a command in a table, starts MPI, runs it and turns its status into
 * one message and one exit code. A command parses its arguments and calls what does the work.
 */
#ifndef LS_CLI_COMMAND_H
#define LS_CLI_COMMAND_H

#include <stdbool.h>

#include "lockstep/base/log.h"
#include "lockstep/base/status.h"
#include "lockstep/comm/comm.h"

typedef struct ls_cli {
    ls_comm *comm;
    ls_log *log; /* NULL on all ranks but 0 */
    int argc;    /* arguments behind the command's name */
    char **argv;
    char threads_warning[512]; /* rank 0: threads do not fit the machine, see train/threads.h */
} ls_cli;

/* Has the ranks watch for one that stalls, as --stall-timeout says (NULL: by default; 0: the run
 * is never ended for it). Collective. Errors: ERR_USAGE, ERR_MEMORY. */
ls_status ls_cli_watch(const ls_cli *cli, const char *timeout) LS_MUST_CHECK;

typedef struct ls_command {
    const char *name;
    const char *summary;      /* one line for --help */
    const char *usage;        /* for COMMAND --help: the calls, the options, an example */
    bool root_only;           /* run by rank 0; the others wait for its status */
    void (*before_mpi)(void); /* NULL: nothing to prepare */
    ls_status (*run)(ls_cli *cli);
} ls_command;

extern const ls_command ls_cmd_train;
extern const ls_command ls_cmd_evaluate;
extern const ls_command ls_cmd_predict;
extern const ls_command ls_cmd_import;
extern const ls_command ls_cmd_synth;
extern const ls_command ls_cmd_inspect;
extern const ls_command ls_cmd_bench;

#endif
