/* HDF5 files: arrays, strings and attributes, whole or block by block.
 *
 * Why here: the only door to the HDF5 library; HDF5's own messages are kept silent and turned
 * into lockstep's. Serial: every rank opens a file by itself, read-only. Never decides what an
 * array means. Threads may call it at once (inside HDF5 is one at a time), but not for one file.
 */
#ifndef LS_FORMAT_H5_H
#define LS_FORMAT_H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/file.h"
#include "lockstep/base/status.h"
#include "lockstep/base/text.h"

#define LS_H5_RANK_MAX 8

typedef struct ls_h5 ls_h5;             /* a file */
typedef struct ls_h5_array ls_h5_array; /* an open array; destroyed before its file */

/* Element types in memory; HDF5 converts from and to what the file holds. */
typedef enum ls_h5_type {
    LS_H5_F32,
    LS_H5_F64,
    LS_H5_I32,
    LS_H5_I64,
    LS_H5_U8,
    LS_H5_U64
} ls_h5_type;

/* What a file's array holds. */
typedef enum ls_h5_class { LS_H5_INTEGER, LS_H5_FLOAT, LS_H5_STRING, LS_H5_OTHER } ls_h5_class;

typedef struct ls_h5_info {
    ls_h5_class type_class;
    bool is_signed;
    size_t element_bytes;
    int rank;
    size_t dim[LS_H5_RANK_MAX];
    bool chunked;
    size_t chunk[LS_H5_RANK_MAX];
    bool compressed;
    char type_name[24]; /* "float32", "int64", "string", ... */
} ls_h5_info;

/* Opens for reading. Errors: ERR_DATA: no such file, not HDF5, truncated. */
ls_status ls_h5_open(const char *path, ls_h5 **out) LS_MUST_CHECK;

/* Creates, replacing what is there. The chunks of its arrays have checksums, which HDF5 verifies
 * whenever they are read. Errors: ERR_IO. */
ls_status ls_h5_create(const char *path, ls_h5 **out) LS_MUST_CHECK;

/* Creates what ls_pending_commit will give its name, by which messages call it. Errors: ERR_IO. */
ls_status ls_h5_create_pending(const ls_pending_file *pending, ls_h5 **out) LS_MUST_CHECK;

/* The same with a seal instead of these checksums: closing puts a block of text before HDF5's part
 * that begins with label (it must outlive the file) and holds a sum of all bytes that follow the
 * block: the XXH3-128 of the XXH3-128s, in hex, of every 2 MiB of them. */
ls_status ls_h5_create_sealed(const ls_pending_file *pending, const char *label,
                              ls_h5 **out) LS_MUST_CHECK;

/* Opens for reading; with a seal of this label the bytes are summed and compared before HDF5 sees
 * them. *sealed: there is one. Errors: ERR_DATA. */
ls_status ls_h5_open_sealed(const char *path, const char *label, bool *sealed,
                            ls_h5 **out) LS_MUST_CHECK;

/* Flushes and closes; the writer's last chance to see a full disk. Errors: ERR_IO. Frees. */
ls_status ls_h5_close(ls_h5 *file) LS_MUST_CHECK;

/* Closes without a result, for readers and on the way out of an error; safe on NULL. */
void ls_h5_destroy(ls_h5 *file);

/* What the file is called in messages. */
const char *ls_h5_path(const ls_h5 *file);

/* The file's bytes on disk. Errors: ERR_DATA. */
ls_status ls_h5_size(const ls_h5 *file, uint64_t *bytes) LS_MUST_CHECK;

/* Whether an array or group of that absolute name ("/X") is there. */
bool ls_h5_has(const ls_h5 *file, const char *name);

/* Names of what a group holds, in creation order where the file has it, else by name. */
ls_status ls_h5_list(const ls_h5 *file, const char *name, ls_strings *out) LS_MUST_CHECK;

/* What an array holds that can be read. Errors: ERR_DATA "file: no array /y"; an array that was
 * never written, whose values are in other files, or larger than what is stored can be. */
ls_status ls_h5_describe(const ls_h5 *file, const char *name, ls_h5_info *out) LS_MUST_CHECK;

/* Opens an array for block reads or writes with a cache that holds the chunks of one row of
 * chunks and one column of chunks, at most cache_bytes (0: 64 MiB). */
ls_status ls_h5_array_open(ls_h5 *file, const char *name, size_t cache_bytes,
                           ls_h5_array **out) LS_MUST_CHECK;

/* Creates an array. chunk NULL: contiguous in a file with a seal, else rows in chunks; gzip_level
 * 0: not compressed. Missing groups on the way are made. stored is the type in the file. Errors:
 * ERR_IO. */
ls_status ls_h5_array_create(ls_h5 *file, const char *name, ls_h5_type stored, int rank,
                             const size_t *dim, const size_t *chunk, int gzip_level,
                             ls_h5_array **out) LS_MUST_CHECK;
const ls_h5_info *ls_h5_array_info(const ls_h5_array *array);
/* From now on a block that is a part of its chunks is read without the rest of them, and so without
 * their checksums, where they are not compressed: for a caller who has sums of its own. Errors:
 * ERR_MEMORY. */
ls_status ls_h5_array_take_parts(ls_h5_array *array) LS_MUST_CHECK;
/* start and count have the array's rank. Errors: ERR_DATA (read), ERR_IO (write). */
ls_status ls_h5_array_read(ls_h5_array *array, const size_t *start, const size_t *count,
                           ls_h5_type type, void *out) LS_MUST_CHECK;
/* A block of a matrix, row r of it into row[r][count[1]], NULL: not wanted. False: not of this
 * array, or something is wrong with it, of which ls_h5_array_read can tell; rows may hold
 * anything then. */
bool ls_h5_array_read_rows(ls_h5_array *array, const size_t *start, const size_t *count,
                           float *const *row);
ls_status ls_h5_array_write(ls_h5_array *array, const size_t *start, const size_t *count,
                            ls_h5_type type, const void *in) LS_MUST_CHECK;
void ls_h5_array_destroy(ls_h5_array *array);

/* A whole array at once. elements: how many the caller expects (out holds them). */
ls_status ls_h5_read(ls_h5 *file, const char *name, ls_h5_type type, size_t elements,
                     void *out) LS_MUST_CHECK;
/* Stored as `type`. */
ls_status ls_h5_write(ls_h5 *file, const char *name, ls_h5_type type, int rank, const size_t *dim,
                      const void *in) LS_MUST_CHECK;

/* A one-dimensional array of strings, of fixed or variable length, ASCII or UTF-8; a scalar
 * gives one. Written as UTF-8. */
ls_status ls_h5_read_strings(ls_h5 *file, const char *name, ls_strings *out) LS_MUST_CHECK;
ls_status ls_h5_write_strings(ls_h5 *file, const char *name, const ls_strings *in) LS_MUST_CHECK;

/* One long text as a scalar string array. */
ls_status ls_h5_read_text(ls_h5 *file, const char *name, char **out) LS_MUST_CHECK;
ls_status ls_h5_write_text(ls_h5 *file, const char *name, const char *text) LS_MUST_CHECK;

ls_status ls_h5_make_group(ls_h5 *file, const char *name) LS_MUST_CHECK;

/* Attributes of an array or group ("/" for the file). count elements of `type`. */
bool ls_h5_has_attribute(const ls_h5 *file, const char *object, const char *name);
ls_status ls_h5_read_attribute(ls_h5 *file, const char *object, const char *name, ls_h5_type type,
                               size_t count, void *out) LS_MUST_CHECK;
ls_status ls_h5_write_attribute(ls_h5 *file, const char *object, const char *name, ls_h5_type type,
                                size_t count, const void *in) LS_MUST_CHECK;
ls_status ls_h5_read_attribute_text(ls_h5 *file, const char *object, const char *name,
                                    char **out) LS_MUST_CHECK;
ls_status ls_h5_write_attribute_text(ls_h5 *file, const char *object, const char *name,
                                     const char *text) LS_MUST_CHECK;

/* "1.10.8": the version of the library in use; buffer holds at least 32 bytes. */
char *ls_h5_version(char *buffer);

#endif
