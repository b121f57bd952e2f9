/* Names, lock and clean-up of a run directory. */
#include "run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

ls_status ls_run_dir_name(ls_run_dir *dir, const char *path) {
    *dir = (ls_run_dir){.lock_fd = -1};
    const struct {
        char **out;
        const char *name;
    } names[] = {{&dir->config, "config.yaml"},       {&dir->provenance, "provenance.json"},
                 {&dir->metrics, "metrics.jsonl"},    {&dir->log, "log.txt"},
                 {&dir->checkpoints, "checkpoints"},  {&dir->best, "checkpoints/best.h5"},
                 {&dir->last, "checkpoints/last.h5"}, {&dir->lock, ".lock"}};
    ls_status st = ls_strdup(path, &dir->path);
    for (size_t i = 0; st == LS_OK && i < sizeof names / sizeof *names; i++)
        st = ls_path_join(path, names[i].name, names[i].out);
    if (st != LS_OK)
        ls_run_dir_free(dir);
    return st;
}

void ls_run_dir_free(ls_run_dir *dir) {
    if (dir->lock_fd >= 0) {
        (void)unlink(dir->lock); /* a lock file that stays is found to be nobody's */
        close(dir->lock_fd);
    }
    ls_free(dir->path);
    ls_free(dir->config);
    ls_free(dir->provenance);
    ls_free(dir->metrics);
    ls_free(dir->log);
    ls_free(dir->checkpoints);
    ls_free(dir->best);
    ls_free(dir->last);
    ls_free(dir->lock);
    *dir = (ls_run_dir){.lock_fd = -1};
}

/* Who holds the lock, as its file tells it. */
static ls_status busy(const ls_run_dir *dir) {
    char *holder = NULL;
    const char *who = "another process";
    if (ls_read_file(dir->lock, &holder, NULL) == LS_OK) {
        holder[strcspn(holder, "\n")] = '\0';
        if (holder[0] != '\0')
            who = holder;
    }
    ls_status st =
        ls_hint(ls_fail(LS_ERR_BUSY, dir->path, "the run directory is in use by %s", who),
                "wait for that run, or give this one another --run-dir");
    ls_free(holder);
    return st;
}

/* A lock of the open file: it ends with the process that holds it, however that ends. */
static struct flock whole_file(void) {
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* Whether a living process holds the lock. */
static bool is_held(const ls_run_dir *dir) {
    int fd = open(dir->lock, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock lock = whole_file();
    bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return held;
}

ls_status ls_run_dir_check(const ls_run_dir *dir, bool resume, bool overwrite, bool *found) {
    *found = ls_path_exists(dir->last);
    if (ls_path_exists(dir->path) && !ls_path_is_directory(dir->path))
        return ls_fail(LS_ERR_USAGE, dir->path, "this is not a directory");
    if (is_held(dir))
        return busy(dir);
    bool holds_run = *found || ls_path_exists(dir->best) || ls_path_exists(dir->config);
    if (holds_run && !resume && !overwrite)
        return ls_hint(ls_fail(LS_ERR_USAGE, dir->path, "the run directory holds a run"),
                       "go on with --resume, start anew with --overwrite, or choose another "
                       "--run-dir");
    return LS_OK;
}

/* Opens the lock file and locks it; *fd is -1 where another process holds it, or where the file
 * was removed by its last holder between the two calls, *again then. */
static ls_status open_lock(const ls_run_dir *dir, int *fd, bool *again) {
    struct stat about;
    *again = false;
    *fd = open(dir->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return ls_fail_errno(LS_ERR_IO, dir->lock, "open");
    struct flock lock = whole_file();
    bool refused = fcntl(*fd, F_OFD_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES);
    *again = !refused && fstat(*fd, &about) == 0 && about.st_nlink == 0;
    if (refused || *again) {
        close(*fd);
        *fd = -1;
    } /* a file system without locks protects nothing, but trains */
    return LS_OK;
}

static ls_status take_lock(ls_run_dir *dir) {
    char host[256] = "unknown host", now[32], text[384];
    int fd = -1;
    (void)gethostname(host, sizeof host - 1);
    for (bool again = true; again;)
        LS_TRY(open_lock(dir, &fd, &again));
    if (fd < 0)
        return busy(dir);
    dir->lock_fd = fd;
    int n = snprintf(text, sizeof text, "%s, process %ld, since %s\n", host, (long)getpid(),
                     ls_clock_iso(now));
    if (ftruncate(fd, 0) != 0 || write(fd, text, (size_t)n) != n)
        return ls_fail_errno(LS_ERR_IO, dir->lock, "write");
    return LS_OK;
}

/* What a killed process had not finished writing, in one of the run's folders. */
static void remove_unfinished(const char *folder) {
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
        if (strstr(e->d_name, ".tmp-") != NULL)
            (void)unlinkat(dirfd(entries), e->d_name, 0); /* it only takes room */
    closedir(entries);
}

static ls_status remove_old(const ls_run_dir *dir) {
    const char *const files[] = {dir->last,   dir->best,       dir->metrics,
                                 dir->config, dir->provenance, dir->log};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (unlink(files[i]) != 0 && errno != ENOENT)
            return ls_fail_errno(LS_ERR_IO, files[i], "remove");
    return LS_OK;
}

ls_status ls_run_dir_open(ls_run_dir *dir, bool overwrite) {
    LS_TRY(ls_make_directories(dir->checkpoints));
    LS_TRY(take_lock(dir));
    remove_unfinished(dir->path);
    remove_unfinished(dir->checkpoints);
    return overwrite ? remove_old(dir) : LS_OK;
}
