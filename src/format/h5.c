/* HDF5 files: open, create, close, find things in them, and the words of a failure.
 * Why here: see lockstep/format/h5.h. Never reads an array: that is h5_array.c. */
#include "lockstep/format/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5_private.h"
#include "lockstep/base/memory.h"

/* ---- failures ---- */

static herr_t take_reason(unsigned n, const H5E_error2_t *error, void *text) {
    (void)n; /* the innermost comes first and says most */
    snprintf(text, 256, "%s", error->desc ? error->desc : "");
    return 1;
}

/* What went wrong says whether it is the file's fault. */
static ls_status kind_of_failure(const ls_h5 *file) {
    if (file->disk.error == ENOMEM)
        return LS_ERR_MEMORY;
    return file->writable ? LS_ERR_IO : LS_ERR_DATA;
}

ls_status ls_h5_fail(const ls_h5 *file, const char *object, const char *tried) {
    const ls_status st = kind_of_failure(file);
    const char *colon = object ? ": " : "";
    object = object ? object : "";
    if (file->disk.error) {
        ls_fail(st, file->path, "%s%scould not %s: %s", object, colon, tried,
                strerror(file->disk.error));
        return ls_hint_errno(st, file->disk.error);
    }
    char reason[256] = "";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_reason, reason);
    if (!reason[0])
        return ls_fail(st, file->path, "%s%scould not %s", object, colon, tried);
    if (strstr(reason, "Fletcher32"))
        return ls_hint(
            ls_fail(st, file->path, "%s%scould not %s: a checksum differs", object, colon, tried),
            "the file is damaged: make it again, or use a copy");
    return ls_fail(st, file->path, "%s%scould not %s (HDF5: %s)", object, colon, tried, reason);
}

ls_status ls_h5_check_disk(const ls_h5 *file) {
    if (!file->writable || !file->disk.error)
        return LS_OK;
    ls_fail(LS_ERR_IO, file->path, "could not write: %s", strerror(file->disk.error));
    return ls_hint_errno(LS_ERR_IO, file->disk.error);
}

/* ---- open and close ---- */

/* name: what messages call it. */
static ls_status new_file(const char *path, const char *name, int flags, ls_h5 **out) {
    ls_h5 *file = NULL;
    LS_TRY(ls_alloc(1, sizeof *file, "HDF5 file", &file));
    file->id = -1;
    file->writable = (flags & O_CREAT) != 0;
    ls_status st = ls_strdup(name, &file->path);
    if (st == LS_OK && (file->disk.fd = open(path, flags | O_CLOEXEC, 0666)) < 0)
        st = errno == ENOENT && !file->writable
                 ? ls_fail(LS_ERR_DATA, name, "no such file")
                 : ls_fail_errno(file->writable ? LS_ERR_IO : LS_ERR_DATA, name, "open");
    if (st != LS_OK) {
        ls_free(file->path);
        ls_free(file);
        return st;
    }
    *out = file;
    return LS_OK;
}

/* The signature stands at 0, or at a power of two from 512 on: behind a block of the user's. */
static bool has_signature(const ls_h5 *file) {
    static const char signature[8] = "\211HDF\r\n\032\n";
    static const off_t places[] = {0, 512, 1024, 2048, 4096};
    char head[8];
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (pread(file->disk.fd, head, 8, places[i]) == 8 && memcmp(head, signature, 8) == 0)
            return true;
    return false;
}

static ls_status open_library(ls_h5 *file) {
    LS_H5_ALONE;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* HDF5 would print its own messages */
    const hid_t access = ls_h5_disk_access(&file->disk);
    if (access < 0)
        return ls_h5_fail(file, NULL, "open");
    file->id = H5Fopen(file->path, H5F_ACC_RDONLY, access);
    ls_status st = LS_OK;
    if (file->id < 0)
        st = file->disk.error ? ls_h5_fail(file, NULL, "open")
             : has_signature(file)
                 ? ls_h5_fail(file, NULL, "open: the file is damaged or cut short")
                 : ls_fail(LS_ERR_DATA, file->path, "is not an HDF5 file");
    H5Pclose(access);
    return st;
}

static ls_status check_regular(const ls_h5 *file) {
    struct stat about;
    if (fstat(file->disk.fd, &about) != 0)
        return ls_fail_errno(LS_ERR_DATA, file->path, "look at");
    return S_ISREG(about.st_mode) ? LS_OK : ls_fail(LS_ERR_DATA, file->path, "is not a file");
}

ls_status ls_h5_open_sealed(const char *path, const char *label, bool *sealed, ls_h5 **out) {
    ls_h5 *file = NULL;
    *out = NULL;
    LS_TRY(new_file(path, path, O_RDONLY, &file));
    ls_status st = check_regular(file);
    if (st == LS_OK && label != NULL)
        st = ls_h5_check_seal(file, label, sealed);
    if (st == LS_OK)
        st = open_library(file);
    if (st != LS_OK) {
        ls_h5_destroy(file);
        return st;
    }
    *out = file;
    return LS_OK;
}

ls_status ls_h5_open(const char *path, ls_h5 **out) {
    return ls_h5_open_sealed(path, NULL, NULL, out);
}

static ls_status create_library(ls_h5 *file, const char *path, off_t origin) {
    LS_H5_ALONE;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const hid_t access = ls_h5_disk_access(&file->disk);
    const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    /* No times inside: equal contents make equal files. */
    if (access >= 0 && creation >= 0 && H5Pset_userblock(creation, (hsize_t)origin) >= 0 &&
        H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0 &&
        H5Pset_obj_track_times(creation, false) >= 0)
        file->id = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    const ls_status st = file->id < 0 ? ls_h5_fail(file, NULL, "create") : LS_OK;
    if (creation >= 0)
        H5Pclose(creation);
    if (access >= 0)
        H5Pclose(access);
    return st;
}

static ls_status create(const char *path, const char *name, const char *label, ls_h5 **out) {
    ls_h5 *file = NULL;
    *out = NULL;
    LS_TRY(new_file(path, name, O_RDWR | O_CREAT | O_TRUNC, &file));
    const off_t origin = label != NULL ? LS_H5_SEAL_BYTES : 0;
    file->label = label;
    ls_status st = ls_h5_behind_create(file->disk.fd, path, origin, &file->disk.behind);
    if (st == LS_OK)
        st = create_library(file, path, origin);
    if (st != LS_OK) {
        ls_h5_destroy(file);
        return st;
    }
    *out = file;
    return LS_OK;
}

ls_status ls_h5_create(const char *path, ls_h5 **out) {
    return create(path, path, NULL, out);
}

ls_status ls_h5_create_pending(const ls_pending_file *pending, ls_h5 **out) {
    return create(pending->temporary_path, pending->path, NULL, out);
}

ls_status ls_h5_create_sealed(const ls_pending_file *pending, const char *label, ls_h5 **out) {
    return create(pending->temporary_path, pending->path, label, out);
}

static ls_status close_library(ls_h5 *file) {
    LS_H5_ALONE;
    const bool closed = H5Fclose(file->id) >= 0;
    file->id = -1;
    return closed ? LS_OK : ls_h5_fail(file, NULL, "write");
}

ls_status ls_h5_close(ls_h5 *file) {
    if (!file)
        return LS_OK;
    ls_status st = close_library(file);
    ls_h5_disk_finish(&file->disk);
    if (st == LS_OK)
        st = ls_h5_check_disk(file);
    if (st == LS_OK && file->label != NULL)
        st = ls_h5_write_seal(file);
    if (close(file->disk.fd) != 0 && st == LS_OK)
        st = ls_fail_errno(LS_ERR_IO, file->path, "write");
    file->disk.fd = -1;
    ls_h5_destroy(file);
    return st;
}

static void leave_library(ls_h5 *file) {
    LS_H5_ALONE;
    if (file->id >= 0)
        H5Fclose(file->id);
    if (file->disk.driver > 0)
        H5FDunregister(file->disk.driver);
}

void ls_h5_destroy(ls_h5 *file) {
    if (!file)
        return;
    leave_library(file);
    ls_h5_behind_destroy(file->disk.behind);
    if (file->disk.fd >= 0)
        close(file->disk.fd);
    ls_free(file->path);
    ls_free(file);
}

const char *ls_h5_path(const ls_h5 *file) {
    return file->path;
}

ls_status ls_h5_size(const ls_h5 *file, uint64_t *bytes) {
    struct stat about;
    if (fstat(file->disk.fd, &about) != 0)
        return ls_fail_errno(LS_ERR_DATA, file->path, "look at");
    *bytes = (uint64_t)about.st_size;
    return LS_OK;
}

char *ls_h5_version(char *buffer) {
    LS_H5_ALONE;
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(buffer, 32, "%u.%u.%u", major, minor, release);
    return buffer;
}

/* ---- what is in a file ---- */

/* Whether the first n characters of name are a link. */
static bool link_exists(const ls_h5 *file, const char *name, size_t n) {
    char prefix[1024];
    if (n >= sizeof prefix)
        return false;
    memcpy(prefix, name, n);
    prefix[n] = '\0';
    return H5Lexists(file->id, prefix, H5P_DEFAULT) > 0;
}

bool ls_h5_has(const ls_h5 *file, const char *name) {
    LS_H5_ALONE;
    const size_t length = strlen(name);
    if (strspn(name, "/") == length)
        return length > 0;
    /* H5Lexists wants every group on the way to be there. */
    for (size_t i = 1; i <= length; i++)
        if ((name[i] == '/' || i == length) && name[i - 1] != '/' && !link_exists(file, name, i))
            return false;
    return H5Oexists_by_name(file->id, name, H5P_DEFAULT) > 0;
}

static ls_status make_one_group(ls_h5 *file, const char *name) {
    const hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    hid_t group = -1;
    if (creation >= 0 &&
        H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0 &&
        H5Pset_obj_track_times(creation, false) >= 0)
        group = H5Gcreate2(file->id, name, H5P_DEFAULT, creation, H5P_DEFAULT);
    ls_status st = group < 0 ? ls_h5_fail(file, name, "make the group") : LS_OK;
    if (group >= 0)
        H5Gclose(group);
    if (creation >= 0)
        H5Pclose(creation);
    return st;
}

ls_status ls_h5_make_parents(ls_h5 *file, const char *name) {
    LS_H5_ALONE;
    LS_TRY(ls_h5_check_disk(file));
    for (size_t i = 1; name[0] && name[i]; i++) {
        if (name[i] != '/' || name[i - 1] == '/')
            continue;
        char *prefix = NULL;
        LS_TRY(ls_strndup(name, i, &prefix));
        ls_status st = ls_h5_has(file, prefix) ? LS_OK : make_one_group(file, prefix);
        ls_free(prefix);
        LS_TRY(st);
    }
    return LS_OK;
}

ls_status ls_h5_make_group(ls_h5 *file, const char *name) {
    LS_H5_ALONE;
    LS_TRY(ls_h5_make_parents(file, name));
    if (ls_h5_has(file, name))
        return LS_OK;
    LS_TRY(make_one_group(file, name));
    return ls_h5_check_disk(file);
}

static bool keeps_creation_order(hid_t group) {
    unsigned order = 0;
    const hid_t creation = H5Gget_create_plist(group);
    if (creation < 0)
        return false;
    const bool known = H5Pget_link_creation_order(creation, &order) >= 0;
    H5Pclose(creation);
    return known && (order & H5P_CRT_ORDER_TRACKED);
}

static ls_status add_link_name(const ls_h5 *file, hid_t group, const char *name, H5_index_t order,
                               hsize_t i, ls_strings *out) {
    char link[1024];
    const ssize_t n =
        H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, link, sizeof link, H5P_DEFAULT);
    if (n < 0 || (size_t)n >= sizeof link)
        return ls_h5_fail(file, name, "list the group");
    return ls_strings_add(out, link);
}

ls_status ls_h5_list(const ls_h5 *file, const char *name, ls_strings *out) {
    LS_H5_ALONE;
    const hid_t group = H5Gopen2(file->id, name, H5P_DEFAULT);
    if (group < 0)
        return ls_fail(LS_ERR_DATA, file->path, "no group %s", name);
    const H5_index_t order = keeps_creation_order(group) ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    H5G_info_t info;
    ls_status st = H5Gget_info(group, &info) < 0 ? ls_h5_fail(file, name, "list the group") : LS_OK;
    for (hsize_t i = 0; st == LS_OK && i < info.nlinks; i++)
        st = add_link_name(file, group, name, order, i, out);
    H5Gclose(group);
    return st;
}
