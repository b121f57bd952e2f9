/* Files and paths: names, directories, and writes that appear under their name only when they
 * are complete.
 *
 * Why here: whatever lockstep leaves on disk is either whole or absent. Never interprets
 * contents.
 */
#ifndef LS_BASE_FILE_H
#define LS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"

/* An absolute path is copied, a relative one is put behind directory. *out: ls_free. */
ls_status ls_path_join(const char *directory, const char *path, char **out) LS_MUST_CHECK;

/* The path made absolute against the working directory, with "." and ".." resolved as text;
 * the file need not exist. *out: ls_free. */
ls_status ls_path_absolute(const char *path, char **out) LS_MUST_CHECK;

/* The directory part ("." where there is none). *out: ls_free. */
ls_status ls_path_directory(const char *path, char **out) LS_MUST_CHECK;

bool ls_path_exists(const char *path);
bool ls_path_is_directory(const char *path);

/* Whether path ends with suffix, ".h5" say; ASCII case is ignored. */
bool ls_path_has_suffix(const char *path, const char *suffix);

/* Checks that the file out, which is going to be replaced, is not the file input (NULL: none).
 * Errors: ERR_USAGE. */
ls_status ls_check_output(const char *out, const char *input) LS_MUST_CHECK;

/* Creates a directory and its missing parents, on disk. Errors: ERR_IO. */
ls_status ls_make_directories(const char *path) LS_MUST_CHECK;

/* Checks that ls_make_directories would work and that files can be made in there, as far as can be
 * told without making anything. Errors: ERR_IO. */
ls_status ls_check_directories(const char *path) LS_MUST_CHECK;

/* The whole file as text with a terminating 0; *length may be NULL. Errors: ERR_IO, and
 * ERR_USAGE "no such file" for a missing one. *out: ls_free. */
ls_status ls_read_file(const char *path, char **out, size_t *length) LS_MUST_CHECK;

/* Forces what was written to a file, if it is there, or to the directory that holds path to disk.
 * Errors: ERR_IO. */
ls_status ls_sync_file(const char *path) LS_MUST_CHECK;
ls_status ls_sync_directory_of(const char *path) LS_MUST_CHECK;

/* A file being written: write to temporary_path, then commit or abandon. A process that dies
 * leaves only the temporary name behind. */
typedef struct ls_pending_file {
    char *path;
    char *temporary_path; /* in the same directory as path */
} ls_pending_file;

/* Chooses the temporary name and checks that the directory can be written. Errors: ERR_IO. */
ls_status ls_pending_begin(ls_pending_file *file, const char *path) LS_MUST_CHECK;

/* fsync of the file, rename to its name, fsync of the directory; frees. On an error the
 * temporary file is removed. Errors: ERR_IO. */
ls_status ls_pending_commit(ls_pending_file *file) LS_MUST_CHECK;

/* Removes the temporary file and frees; safe after commit and on {0}. */
void ls_pending_abandon(ls_pending_file *file);

/* Makes path, replacing what is there at once, another name of the file `existing`, or a copy where
 * the file system has no second names. Errors: ERR_IO. */
ls_status ls_duplicate_file(const char *existing, const char *path) LS_MUST_CHECK;

/* Writes a whole file through ls_pending_*. Errors: ERR_IO. */
ls_status ls_write_file(const char *path, const char *text, size_t length) LS_MUST_CHECK;

#endif
