/* The watch over stalled ranks, as wait.c sees it. */
#ifndef LS_COMM_WATCH_H
#define LS_COMM_WATCH_H

#include "internal.h"

/* A wait for operation is not over yet. Returns soon, or ends the run. */
void ls_watch_look(ls_watch *w, const char *operation);
/* The wait is over. */
void ls_watch_end(ls_watch *w);

/* Receives what is still under way, ends the watch and frees it. Collective. */
void ls_watch_close(ls_watch *w);

#endif
