/* The storage driver below HDF5: plain reads and writes on a file descriptor.
 *
 * Why here: HDF5's own driver passes a failed write up through its caches, and a file with
 * unwritten parts can then not be closed cleanly (1.10 crashes or tries for ever at exit). This
 * one remembers the first failure, drops what follows, and lets HDF5 end in peace; the caller
 * learns of it from ls_h5_disk.error. It also takes no file locks, which parallel file systems
 * often refuse. Never reports an error by itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h5_private.h"
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

/* Far below what off_t holds, so that no sum of address and size overflows. */
#define ADDRESS_MAX (((haddr_t)1 << 62) - 1)

/* Objects of at least ALIGN_FROM bytes begin at a multiple of ALIGN_TO. */
#define ALIGN_FROM 65536
#define ALIGN_TO 4096

typedef struct open_disk {
    H5FD_t base; /* must be first: HDF5 sees this part */
    ls_h5_disk *disk;
    bool read_only;
    haddr_t end_allocated, end_written;
} open_disk;

typedef struct access_info {
    ls_h5_disk *disk;
} access_info;

static H5FD_t *disk_open(const char *name, unsigned flags, hid_t access, haddr_t address_max) {
    (void)name;
    (void)address_max;
    const access_info *info = H5Pget_driver_info(access);
    if (!info)
        return NULL;
    const bool cut = !(flags & H5F_ACC_TRUNC) || ftruncate(info->disk->fd, 0) == 0;
    const off_t end = cut ? lseek(info->disk->fd, 0, SEEK_END) : -1;
    open_disk *d = end < 0 ? NULL : calloc(1, sizeof *d); /* HDF5 frees through disk_close */
    if (!d) {
        info->disk->error = errno;
        return NULL;
    }
    d->disk = info->disk;
    d->read_only = !(flags & H5F_ACC_RDWR);
    d->end_written = (haddr_t)end;
    return &d->base;
}

static herr_t disk_close(H5FD_t *file) {
    free(file);
    return 0;
}

static herr_t disk_query(const H5FD_t *file, unsigned long *flags) {
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t disk_get_eoa(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const open_disk *)file)->end_allocated;
}

static herr_t disk_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
    (void)type;
    ((open_disk *)file)->end_allocated = end;
    return 0;
}

static haddr_t disk_get_eof(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const open_disk *)file)->end_written;
}

void ls_h5_disk_finish(ls_h5_disk *disk) {
    const int error = disk->behind != NULL ? ls_h5_behind_finish(disk->behind) : 0;
    disk->error = disk->error ? disk->error : error;
}

/* While a file is written, what lies behind its end reads as zeros, as HDF5 expects. In a finished
 * file only damage points there: HDF5 would ask for as many zeros as a length in it says. */
static herr_t disk_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                        void *buffer) {
    (void)type;
    (void)transfer;
    const open_disk *d = (const open_disk *)file;
    ls_h5_disk *disk = d->disk;
    char *p = buffer;
    if (d->read_only && (address > d->end_written || size > d->end_written - address))
        return -1;
    if (disk->locating) {
        disk->located = address;
        return 0;
    }
    ls_h5_disk_finish(disk);
    while (size > 0) {
        const ssize_t n = pread(disk->fd, p, size, (off_t)address);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            disk->error = disk->error ? disk->error : errno;
            return -1;
        }
        if (n == 0) {
            memset(p, 0, size);
            return 0;
        }
        p += n;
        address += (haddr_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static herr_t disk_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address,
                         size_t size, const void *buffer) {
    (void)type;
    (void)transfer;
    open_disk *d = (open_disk *)file;
    if (address + size > d->end_written)
        d->end_written = address + size;
    if (!d->disk->error)
        d->disk->error = ls_h5_behind_write(d->disk->behind, buffer, size, (off_t)address);
    return 0;
}

/* Makes the file as long as HDF5 says it is. */
static herr_t disk_truncate(H5FD_t *file, hid_t transfer, hbool_t closing) {
    (void)transfer;
    (void)closing;
    open_disk *d = (open_disk *)file;
    if (d->end_allocated == d->end_written)
        return 0;
    ls_h5_disk_finish(d->disk);
    if (!d->disk->error && ftruncate(d->disk->fd, (off_t)d->end_allocated) != 0)
        d->disk->error = errno;
    ls_h5_behind_cut(d->disk->behind, (off_t)d->end_allocated);
    d->end_written = d->end_allocated;
    return 0;
}

static const H5FD_class_t disk_class = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)513, /* 512 and above: not registered with the HDF Group */
#endif
    .name = "lockstep",
    .maxaddr = ADDRESS_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(access_info),
    .open = disk_open,
    .close = disk_close,
    .query = disk_query,
    .get_eoa = disk_get_eoa,
    .set_eoa = disk_set_eoa,
    .get_eof = disk_get_eof,
    .read = disk_read,
    .write = disk_write,
    .truncate = disk_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t ls_h5_disk_access(ls_h5_disk *disk) {
    const hid_t driver = H5FDregister(&disk_class);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    const access_info info = {disk};
    /* 1.8's structures where they do, so that older tools read the files, too. */
    const bool ok = driver >= 0 && access >= 0 && H5Pset_driver(access, driver, &info) >= 0 &&
                    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
                    /* A chunk lies in pages of its own. */
                    H5Pset_alignment(access, ALIGN_FROM, ALIGN_TO) >= 0 &&
                    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110) >= 0;
    if (driver >= 0)
        disk->driver = driver; /* HDF5 looks at the class once more after the file's last use */
    if (!ok && access >= 0)
        H5Pclose(access);
    return ok ? access : -1;
}
