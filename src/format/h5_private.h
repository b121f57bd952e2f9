/* What the sources of the HDF5 door share: the file handle, the storage driver below HDF5, and
 * how a failure gets its words.
 *
 * Why here: private to src/format. Never seen by another module.
 */
#ifndef LS_FORMAT_H5_PRIVATE_H
#define LS_FORMAT_H5_PRIVATE_H

#include <hdf5.h>
#include <sys/types.h>

#include "h5_behind.h"
#include "lockstep/base/error.h"
#include "lockstep/format/h5.h"

/* Debian's HDF5 is not thread-safe, and its state is one for the process: LS_H5_ALONE, among a
 * function's declarations, keeps all other threads out of HDF5 from there to the end of the block.
 * Whatever calls the library begins so; a thread may nest it. What waits for a disk stays outside
 * where that can be. */
#define LS_H5_ALONE                                                                                \
    __attribute__((cleanup(ls_h5_leave), unused)) const int ls_h5_entered = ls_h5_enter()
int ls_h5_enter(void);
void ls_h5_leave(const int *entered);

#define LS_H5_SEAL_BYTES 4096 /* a power of two, as HDF5 wants it, and a whole page */

/* Where an HDF5 file's bytes are. After the first failed write nothing more is written and HDF5
 * is told that all is well; error keeps the errno for whoever looks. */
typedef struct ls_h5_disk {
    int fd;
    int error;            /* errno of the first failed read or write; 0: none */
    hid_t driver;         /* registered with HDF5 until the file is closed; 0: not */
    ls_h5_behind *behind; /* takes what is written; NULL: the file is read */
    bool locating;        /* reads give no bytes, but note where they would come from */
    haddr_t located;
} ls_h5_disk;

struct ls_h5 {
    hid_t id;
    char *path;
    bool writable;
    const char *label; /* of the seal that closing writes; NULL: none, and arrays that are created
                          get checksums of their own, which HDF5 verifies (Fletcher-32) */
    ls_h5_disk disk;
};

/* A file access property list that reads and writes through disk, which must outlive the file;
 * negative on failure. Closed with H5Pclose. */
hid_t ls_h5_disk_access(ls_h5_disk *disk);

/* Waits until all that HDF5 has written is in the file. */
void ls_h5_disk_finish(ls_h5_disk *disk);

/* Records a failure with object, what was tried ("read the array"), and why: the system's error
 * when there was one, else HDF5's own words. Status: ERR_DATA for a file opened to read, ERR_IO
 * for one being written. */
ls_status ls_h5_fail(const ls_h5 *file, const char *object, const char *tried) LS_MUST_CHECK;

/* ERR_IO when an earlier write did not reach the disk. */
ls_status ls_h5_check_disk(const ls_h5 *file) LS_MUST_CHECK;

/* Reads up to size bytes at offset of the file, past HDF5; *got is less only at its end. Errors:
 * ERR_DATA, ERR_IO. */
ls_status ls_h5_read_at(const ls_h5 *file, off_t offset, char *buffer, size_t size,
                        size_t *got) LS_MUST_CHECK;

/* Sums what HDF5 has written and puts the seal before it. Errors: ERR_IO, ERR_MEMORY. */
ls_status ls_h5_write_seal(ls_h5 *file) LS_MUST_CHECK;

/* *sealed: the file begins with label; the sum is verified then. Errors: ERR_DATA. */
ls_status ls_h5_check_seal(const ls_h5 *file, const char *label, bool *sealed) LS_MUST_CHECK;

/* Makes the groups that name lies in, with links in creation order. */
ls_status ls_h5_make_parents(ls_h5 *file, const char *name) LS_MUST_CHECK;

/* The HDF5 type of an element in memory, and in a file (little-endian). */
hid_t ls_h5_memory_type(ls_h5_type type);
hid_t ls_h5_stored_type(ls_h5_type type);

/* A type for strings of variable length in UTF-8; negative on failure. */
hid_t ls_h5_text_type(void);

/* How an array is created: with rank 0 or no elements chunk is not used. chunk NULL: contiguous, or
 * where the file has no seal in chunks of rows, for their checksums. Negative on failure; closed
 * with H5Pclose. */
hid_t ls_h5_creation(const ls_h5 *file, hid_t stored, int rank, const size_t *dim,
                     const size_t *chunk, int gzip_level);

/* A data space: scalar for rank 0. */
hid_t ls_h5_space(int rank, const size_t *dim);

/* Opens an array's id, with the words for one that is not there; access: a property list. Errors:
 * ERR_DATA. */
ls_status ls_h5_open_id(const ls_h5 *file, const char *name, hid_t access,
                        hid_t *out) LS_MUST_CHECK;

/* What an open array says of itself; whether that can be believed is not looked at. */
ls_status ls_h5_describe_open(const ls_h5 *file, const char *name, hid_t id,
                              ls_h5_info *info) LS_MUST_CHECK;

/* Reads the strings of an open dataset or attribute (exactly one is given, the other -1) with at
 * most one dimension, and adds them to out. */
ls_status ls_h5_read_text_of(const ls_h5 *file, const char *object, hid_t dataset, hid_t attribute,
                             ls_strings *out) LS_MUST_CHECK;

/* Adds the `count` strings of variable length of an open dataset or attribute (exactly one is
 * given, the other -1) to out. Errors: ERR_DATA where the file is damaged. */
ls_status ls_h5_read_variable(const ls_h5 *file, const char *object, hid_t dataset, hid_t attribute,
                              size_t count, ls_strings *out) LS_MUST_CHECK;

#endif
