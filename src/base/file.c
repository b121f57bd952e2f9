/* Whole files in and out.
 *
 * Why here: see file.h. A file is written under a temporary name, forced to disk and renamed, so
 * that its name never stands for half of it. Never interprets contents.
 */
#include "lockstep/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

static ls_status fail_open(const char *path) {
    if (errno != ENOENT)
        return ls_fail_errno(LS_ERR_IO, path, "open");
    return ls_hint(ls_fail(LS_ERR_USAGE, path, "no such file"),
                   "check the spelling; a relative path is taken from the working directory, in a "
                   "config from the config's own directory");
}

ls_status ls_read_file(const char *path, char **out, size_t *length) {
    *out = NULL;
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return fail_open(path);
    ls_buffer all = {0};
    ls_buffer_addn(&all, "", 0);
    char piece[16384];
    size_t got;
    while (all.status == LS_OK && (got = fread(piece, 1, sizeof piece, file)) > 0)
        ls_buffer_addn(&all, piece, got);
    ls_status st = all.status;
    if (st == LS_OK && ferror(file))
        st = ls_fail_errno(LS_ERR_IO, path, "read");
    (void)fclose(file); /* nothing was written: nothing can be lost */
    if (st != LS_OK) {
        ls_buffer_free(&all);
        return st;
    }
    if (length != NULL)
        *length = all.length;
    *out = all.data;
    return LS_OK;
}

static ls_status temporary_name(const char *path, char **out) {
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    return ls_format(out, "%.*s.%s.tmp-%ld", (int)(name - path), path, name, (long)getpid());
}

/* Creates the file empty: whether it can be is known before the work that fills it. */
static ls_status create_empty(const char *path, const char *temporary_path) {
    if (ls_path_is_directory(path)) {
        errno = EISDIR;
        return ls_fail_errno(LS_ERR_IO, path, "create");
    }
    int fd = open(temporary_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return ls_hint(ls_fail_errno(LS_ERR_IO, path, "create"),
                       "the file's directory must exist and be writable");
    if (close(fd) != 0)
        return ls_fail_errno(LS_ERR_IO, path, "create");
    return LS_OK;
}

ls_status ls_pending_begin(ls_pending_file *file, const char *path) {
    *file = (ls_pending_file){0};
    ls_status st = ls_strdup(path, &file->path);
    if (st == LS_OK)
        st = temporary_name(path, &file->temporary_path);
    if (st == LS_OK)
        st = create_empty(path, file->temporary_path);
    if (st != LS_OK)
        ls_pending_abandon(file);
    return st;
}

/* Forces a file or a directory to disk. A file system that cannot do this for directories says
 * EINVAL, and there is nothing to be done about it. */
static ls_status sync_path(const char *path, int flags, const char *name) {
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return ls_fail_errno(LS_ERR_IO, name, "open");
    ls_status st = LS_OK;
    if (fsync(fd) != 0 && errno != EINVAL)
        st = ls_fail_errno(LS_ERR_IO, name, "write to disk");
    if (close(fd) != 0 && st == LS_OK)
        st = ls_fail_errno(LS_ERR_IO, name, "write to disk");
    return st;
}

ls_status ls_sync_directory_of(const char *path) {
    char *directory;
    LS_TRY(ls_path_directory(path, &directory));
    ls_status st = sync_path(directory, O_RDONLY | O_DIRECTORY, directory);
    ls_free(directory);
    return st;
}

ls_status ls_sync_file(const char *path) {
    return ls_path_exists(path) ? sync_path(path, O_RDWR, path) : LS_OK;
}

ls_status ls_pending_commit(ls_pending_file *file) {
    ls_status st = sync_path(file->temporary_path, O_RDWR, file->path);
    if (st == LS_OK && rename(file->temporary_path, file->path) != 0)
        st = ls_fail_errno(LS_ERR_IO, file->path, "rename to this name");
    if (st != LS_OK) {
        ls_pending_abandon(file);
        return st;
    }
    st = ls_sync_directory_of(file->path);
    ls_free(file->temporary_path);
    ls_free(file->path);
    *file = (ls_pending_file){0};
    return st;
}

void ls_pending_abandon(ls_pending_file *file) {
    if (file->temporary_path != NULL)
        (void)unlink(file->temporary_path); /* it may not have been created yet */
    ls_free(file->temporary_path);
    ls_free(file->path);
    *file = (ls_pending_file){0};
}

/* A second name appears at once; rename leaves both where they are one file already. */
static bool link_file(const char *existing, const char *path, const char *temporary) {
    bool linked = link(existing, temporary) == 0 && rename(temporary, path) == 0;
    (void)unlink(temporary);
    return linked;
}

static ls_status copy_bytes(const char *from, const ls_pending_file *to) {
    FILE *in = fopen(from, "rbe");
    if (in == NULL)
        return ls_fail_errno(LS_ERR_IO, from, "open");
    FILE *out = fopen(to->temporary_path, "wbe");
    ls_status st = out == NULL ? ls_fail_errno(LS_ERR_IO, to->path, "open") : LS_OK;
    char piece[65536];
    for (size_t n; st == LS_OK && (n = fread(piece, 1, sizeof piece, in)) > 0;)
        if (fwrite(piece, 1, n, out) != n)
            st = ls_fail_errno(LS_ERR_IO, to->path, "write");
    if (st == LS_OK && ferror(in))
        st = ls_fail_errno(LS_ERR_IO, from, "read");
    if (out != NULL && fclose(out) != 0 && st == LS_OK)
        st = ls_fail_errno(LS_ERR_IO, to->path, "write");
    (void)fclose(in); /* nothing was written to it */
    return st;
}

static ls_status copy_file(const char *existing, const char *path) {
    ls_pending_file pending;
    LS_TRY(ls_pending_begin(&pending, path));
    ls_status st = copy_bytes(existing, &pending);
    if (st == LS_OK)
        return ls_pending_commit(&pending);
    ls_pending_abandon(&pending);
    return st;
}

ls_status ls_duplicate_file(const char *existing, const char *path) {
    char *temporary = NULL;
    LS_TRY(temporary_name(path, &temporary));
    bool linked = link_file(existing, path, temporary);
    ls_free(temporary);
    return linked ? ls_sync_directory_of(path) : copy_file(existing, path);
}

static ls_status write_text(const ls_pending_file *pending, const char *text, size_t length) {
    FILE *file = fopen(pending->temporary_path, "wbe");
    if (file == NULL)
        return ls_fail_errno(LS_ERR_IO, pending->path, "open");
    ls_status st = LS_OK;
    if (fwrite(text, 1, length, file) != length)
        st = ls_fail_errno(LS_ERR_IO, pending->path, "write");
    if (fclose(file) != 0 && st == LS_OK)
        st = ls_fail_errno(LS_ERR_IO, pending->path, "write");
    return st;
}

ls_status ls_write_file(const char *path, const char *text, size_t length) {
    ls_pending_file pending;
    LS_TRY(ls_pending_begin(&pending, path));
    ls_status st = write_text(&pending, text, length);
    if (st == LS_OK)
        return ls_pending_commit(&pending);
    ls_pending_abandon(&pending);
    return st;
}
