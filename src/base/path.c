/* Paths as text. Why here: see file.h. Never touches a file, but for asking whether it exists. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

ls_status ls_path_join(const char *directory, const char *path, char **out) {
    size_t length = strlen(directory);
    if (path[0] == '/' || length == 0)
        return ls_strdup(path, out);
    return ls_format(out, "%s%s%s", directory, directory[length - 1] == '/' ? "" : "/", path);
}

/* Resolves "", "." and ".." in an absolute path, in place. */
static void normalise(char *path) {
    size_t used = 0; /* path[0..used) is done; no '/' at its end */
    const char *rest = path;
    while (*rest != '\0') {
        const char *part = rest + strspn(rest, "/");
        size_t length = strcspn(part, "/");
        rest = part + length;
        if (length == 0 || (length == 1 && part[0] == '.'))
            continue;
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            while (used > 0 && path[--used] != '/')
                continue;
            continue;
        }
        path[used++] = '/';
        memmove(path + used, part, length);
        used += length;
    }
    if (used == 0)
        path[used++] = '/';
    path[used] = '\0';
}

ls_status ls_path_absolute(const char *path, char **out) {
    *out = NULL;
    char here[4096] = "";
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return ls_fail_errno(LS_ERR_IO, path, "find the working directory");
    LS_TRY(ls_path_join(here, path, out));
    normalise(*out);
    return LS_OK;
}

ls_status ls_path_directory(const char *path, char **out) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return ls_strdup(".", out);
    return ls_strndup(path, slash == path ? 1 : (size_t)(slash - path), out);
}

bool ls_path_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool ls_path_is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool ls_path_has_suffix(const char *path, const char *suffix) {
    size_t length = strlen(path), end = strlen(suffix);
    return length >= end && strcasecmp(path + length - end, suffix) == 0;
}

static ls_status make_directory(const char *path) {
    if (mkdir(path, 0777) == 0)
        return ls_sync_directory_of(path);
    int reason = errno;
    if (ls_path_is_directory(path))
        return LS_OK;
    errno = reason == EEXIST ? ENOTDIR : reason;
    return ls_fail_errno(LS_ERR_IO, path, "create the directory");
}

ls_status ls_make_directories(const char *path) {
    char *part;
    LS_TRY(ls_strdup(path, &part));
    ls_status st = LS_OK;
    for (char *slash = strchr(part + (part[0] == '/'), '/'); slash != NULL && st == LS_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        st = make_directory(part);
        *slash = '/';
    }
    if (st == LS_OK)
        st = make_directory(part);
    ls_free(part);
    return st;
}

ls_status ls_check_directories(const char *path) {
    char *part, *parent;
    LS_TRY(ls_strdup(path, &part));
    ls_status st = LS_OK;
    while (st == LS_OK && !ls_path_exists(part)) {
        st = ls_path_directory(part, &parent);
        if (st != LS_OK)
            break;
        ls_free(part);
        part = parent;
    }
    if (st == LS_OK && !ls_path_is_directory(part)) {
        errno = ENOTDIR;
        st = ls_fail_errno(LS_ERR_IO, path, "create the directory");
    } else if (st == LS_OK && access(part, W_OK | X_OK) != 0) {
        st = ls_fail_errno(LS_ERR_IO, part, "write into the directory");
    }
    ls_free(part);
    return st;
}

ls_status ls_check_output(const char *out, const char *input) {
    struct stat a, b;
    if (input == NULL || stat(input, &a) != 0 || stat(out, &b) != 0 || a.st_dev != b.st_dev ||
        a.st_ino != b.st_ino)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_USAGE, out, "is an input file, and would be overwritten"),
                   "name another output with -o");
}
