/* Termination signals as a flag.
 *
 * Why here: a handler may only set a flag; whoever works for long looks at it between two pieces of
 * work. It is the one piece of global state in lockstep, because a handler can reach nothing else.
 */
#ifndef LS_BASE_STOP_H
#define LS_BASE_STOP_H

#include <stdbool.h>

/* From now on TERM, INT, USR1 and USR2 set the flag and do nothing else; a closed stderr (PIPE)
 * ends nothing. Call before MPI starts. */
void ls_stop_catch_signals(void);

/* Whether one of them has come. */
bool ls_stop_is_asked(void);

#endif
