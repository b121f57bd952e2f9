/* Threads beside those of OpenMP: for work that mostly waits, such as writing to disk.
 *
 * Why here: every such thread leaves signals to the main thread, which waits in calls that they
 * interrupt. Never for arithmetic: that is OpenMP's.
 */
#ifndef LS_BASE_THREAD_H
#define LS_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts work(context) in a thread that takes no signals; the caller joins it. False: the system
 * has no thread to give. */
bool ls_thread_start(pthread_t *thread, void *(*work)(void *), void *context);

/* Waits for its end. */
void ls_thread_join(pthread_t thread);

#endif
