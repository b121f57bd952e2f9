/* Anonymous files in memory. Why here: see shared_memory.h. */
#include "lockstep/base/shared_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lockstep/base/error.h"

#define WHERE "memory shared by processes"

static ls_status map(ls_shared_memory *m, int fd) {
    void *p = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return ls_fail_errno(LS_ERR_RUNTIME, WHERE, "map");
    m->at = p;
    return LS_OK;
}

ls_status ls_shared_memory_create(size_t bytes, ls_shared_memory *out, ls_shared_name *name) {
    *out = (ls_shared_memory){.bytes = bytes, .fd = memfd_create("lockstep", MFD_CLOEXEC)};
    if (out->fd < 0)
        return ls_fail_errno(LS_ERR_RUNTIME, WHERE, "create");
    ls_status st = LS_OK;
    if (ftruncate(out->fd, (off_t)bytes) != 0)
        st = ls_fail_errno(LS_ERR_RUNTIME, WHERE, "size");
    if (st == LS_OK)
        st = map(out, out->fd);
    if (st != LS_OK)
        (void)close(out->fd);
    *name = (ls_shared_name){(int)getpid(), out->fd};
    return st;
}

ls_status ls_shared_memory_open(const ls_shared_name *name, size_t bytes, ls_shared_memory *out) {
    char path[64];
    *out = (ls_shared_memory){.bytes = bytes, .fd = -1};
    snprintf(path, sizeof path, "/proc/%d/fd/%d", name->pid, name->fd);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return ls_fail_errno(LS_ERR_RUNTIME, path, "open");
    const ls_status st = map(out, fd);
    (void)close(fd); /* the mapping stays */
    return st;
}

void ls_shared_memory_seal(ls_shared_memory *m) {
    if (m->at != NULL && m->fd >= 0)
        (void)close(m->fd);
    m->fd = -1;
}

void ls_shared_memory_close(ls_shared_memory *m) {
    ls_shared_memory_seal(m);
    if (m->at != NULL)
        (void)munmap(m->at, m->bytes);
    m->at = NULL;
}
