/* Taking and keeping the lock of a run directory. Why here: see run_lock.h. */
#include "run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"

#define HOST_BYTES 256
#define TEXT_BYTES 512

static struct flock whole_file(void) {
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* What the file says of its holder; "" where it says nothing. */
static void read_holder(int fd, char text[TEXT_BYTES]) {
    ssize_t n = pread(fd, text, TEXT_BYTES - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static ls_status busy(const char *directory, const char *holder) {
    return ls_hint(ls_fail(LS_ERR_BUSY, directory, "the run directory is in use by %s",
                           holder[0] != '\0' ? holder : "another process"),
                   "wait for that run, or give this one another --run-dir");
}

static void host_name(char host[HOST_BYTES]) {
    if (gethostname(host, HOST_BYTES - 1) != 0)
        snprintf(host, HOST_BYTES, "unknown host");
    host[HOST_BYTES - 1] = '\0';
}

/* On a file system without locks the text is all there is to go by: a process of this host that
 * lives is the holder, one of another host is taken for dead. */
static bool lives_here(const char *holder) {
    char host[HOST_BYTES];
    long process = 0;
    host_name(host);
    size_t n = strlen(host);
    return strncmp(holder, host, n) == 0 && sscanf(holder + n, ", process %ld", &process) == 1 &&
           process > 0 && process != (long)getpid() &&
           (kill((pid_t)process, 0) == 0 || errno == EPERM);
}

static bool is_refused(int error) {
    return error == EAGAIN || error == EACCES;
}

ls_status ls_run_lock_check(const char *path, const char *directory) {
    char holder[TEXT_BYTES];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return LS_OK;
    struct flock lock = whole_file();
    bool works = fcntl(fd, F_OFD_GETLK, &lock) == 0;
    read_holder(fd, holder);
    (void)close(fd); /* nothing was written */
    bool held = works ? lock.l_type != F_UNLCK : lives_here(holder);
    return held ? busy(directory, holder) : LS_OK;
}

/* *gone: the file was removed by its last holder between opening and locking. */
static ls_status open_locked(const char *path, const char *directory, int *fd, char *holder,
                             bool *gone) {
    struct stat about;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return ls_fail_errno(LS_ERR_IO, path, "open");
    struct flock lock = whole_file();
    bool locked = fcntl(*fd, F_OFD_SETLK, &lock) == 0;
    bool held = !locked && is_refused(errno);
    read_holder(*fd, holder);
    if (!locked && !held)
        held = lives_here(holder);
    *gone = fstat(*fd, &about) == 0 && about.st_nlink == 0;
    if (!held && !*gone)
        return LS_OK;
    (void)close(*fd);
    *fd = -1;
    return *gone ? LS_OK : busy(directory, holder);
}

static ls_status write_holder(const char *path, int fd) {
    char host[HOST_BYTES], now[32], text[TEXT_BYTES];
    host_name(host);
    int n = snprintf(text, sizeof text, "%s, process %ld, since %s\n", host, (long)getpid(),
                     ls_clock_iso(now));
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return ls_fail_errno(LS_ERR_IO, path, "write");
    return LS_OK;
}

ls_status ls_run_lock_take(const char *path, const char *directory, ls_log *log, int *fd) {
    char holder[TEXT_BYTES];
    bool gone = true;
    while (gone)
        LS_TRY(open_locked(path, directory, fd, holder, &gone));
    if (holder[0] != '\0')
        ls_note(log, "the run of %s has died without finishing; this one takes over", holder);
    ls_status st = write_holder(path, *fd);
    if (st == LS_OK)
        return LS_OK;
    ls_run_lock_release(path, *fd);
    *fd = -1;
    return st;
}

void ls_run_lock_release(const char *path, int fd) {
    if (fd < 0)
        return;
    (void)unlink(path); /* a lock file that stays is found to be nobody's */
    (void)close(fd);
}
