/* POSIX threads. Why here: see thread.h. */
#include "lockstep/base/thread.h"

#include <signal.h>
#include <stddef.h>

bool ls_thread_start(pthread_t *thread, void *(*work)(void *), void *context) {
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* fails only on a wrong first argument */
    bool started = pthread_create(thread, NULL, work, context) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void ls_thread_join(pthread_t thread) {
    (void)pthread_join(thread, NULL); /* fails only for what is no thread, or is joined twice */
}
