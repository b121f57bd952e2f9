/* The one lock of HDF5. Why here: see h5_private.h. */
#include <pthread.h>

#include "h5_private.h"

static pthread_mutex_t alone = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

int ls_h5_enter(void) {
    return pthread_mutex_lock(&alone); /* can not fail: it is recursive, and never destroyed */
}

void ls_h5_leave(const int *entered) {
    (void)entered;
    (void)pthread_mutex_unlock(&alone);
}
