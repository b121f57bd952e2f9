/* Memory that several processes of one machine see.
 *
 * It is an anonymous file of the kernel's (memfd_create), which another process of the same user
 * opens through /proc: unlike /dev/shm, which containers make small, it has no limit of its own,
 * and nothing of it is left behind by a process that is killed.
 *
 * Why here: a pointer and its file belong together. Never waits for another process, and never says
 * who may write what.
 */
#ifndef LS_BASE_SHARED_MEMORY_H
#define LS_BASE_SHARED_MEMORY_H

#include <stddef.h>

#include "lockstep/base/status.h"

/* What another process needs to open it. */
typedef struct ls_shared_name {
    int pid, fd;
} ls_shared_name;

typedef struct ls_shared_memory {
    char *at; /* NULL: none. Aligned to a page */
    size_t bytes;
    int fd; /* of who created it; else -1 */
} ls_shared_memory;

/* bytes (at least 1) that are 0; they take room when they are first touched. Errors: ERR_RUNTIME.
 */
ls_status ls_shared_memory_create(size_t bytes, ls_shared_memory *out,
                                  ls_shared_name *name) LS_MUST_CHECK;

/* What another process has created and still holds open. Errors: ERR_RUNTIME. */
ls_status ls_shared_memory_open(const ls_shared_name *name, size_t bytes,
                                ls_shared_memory *out) LS_MUST_CHECK;

/* No other process can open it any more; those that have keep it. */
void ls_shared_memory_seal(ls_shared_memory *memory);

/* Safe where there is none. */
void ls_shared_memory_close(ls_shared_memory *memory);

#endif
