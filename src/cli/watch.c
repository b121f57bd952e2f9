/* --stall-timeout: how long the ranks of a command wait for one that stalls. Why here: train,
 * evaluate and predict share the option. Never watches by itself: comm does. */
#include <math.h>

#include "args.h"
#include "command.h"

#define DEFAULT_S 1800.0
#define NOTICE_S 60.0

ls_status ls_cli_watch(const ls_cli *cli, const char *timeout) {
    double seconds = DEFAULT_S;
    if (timeout != NULL)
        LS_TRY(ls_args_duration("--stall-timeout", timeout, &seconds));
    if (seconds <= 0)
        seconds = INFINITY;
    return ls_comm_watch(cli->comm, fmin(NOTICE_S, seconds / 2), seconds, cli->log);
}
