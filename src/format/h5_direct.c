/* Reading past HDF5. Why here: see h5_direct.h. */
#include "h5_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "h5_filters.h"
#include "lockstep/base/memory.h"

#define PIECE_BYTES ((size_t)1 << 20) /* of an array that is one block, read at a time */
#define PART_MAX 8.0                  /* times what is wanted may be read */
#define BUFFERS_MAX 268435456.0       /* bytes of all threads' buffers */

/* ---- what can be read so ---- */

/* Shuffle, deflate and Fletcher-32, in this order, each or none of them. */
static bool takes_filters(hid_t creation, ls_h5_direct *d) {
    static const H5Z_filter_t known[] = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE,
                                         H5Z_FILTER_FLETCHER32};
    bool *const used[] = {&d->filters.shuffled, &d->filters.deflated, &d->filters.summed};
    const int n = H5Pget_nfilters(creation);
    int next = 0;
    for (int i = 0; i < n; i++) {
        unsigned flags, config;
        size_t values = 0;
        const H5Z_filter_t f =
            H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        while (next < 3 && known[next] != f)
            next++;
        if (next == 3)
            return false;
        *used[next++] = true;
    }
    return n >= 0;
}

/* Addresses count from the end of a user block, which a dataset does not have. */
static bool has_no_user_block(hid_t file) {
    hsize_t bytes = 1;
    const hid_t creation = H5Fget_create_plist(file);
    const bool none = creation >= 0 && H5Pget_userblock(creation, &bytes) >= 0 && bytes == 0;
    if (creation >= 0)
        H5Pclose(creation);
    return none;
}

static bool takes_layout(hid_t id, hid_t creation, const ls_h5_info *info, ls_h5_direct *d) {
    unsigned options = 0; /* such as: no filters for the chunks at the edge */
    if (info->chunked)
        return H5Pget_chunk_opts(creation, &options) >= 0 && options == 0 &&
               takes_filters(creation, d);
    const haddr_t at =
        H5Pget_layout(creation) == H5D_CONTIGUOUS && H5Pget_external_count(creation) == 0
            ? H5Dget_offset(id)
            : HADDR_UNDEF;
    d->at = at != HADDR_UNDEF ? at : 0;
    return d->at > 0;
}

void ls_h5_direct_prepare(hid_t file, hid_t id, const ls_h5_info *info, ls_h5_direct *out) {
    const hid_t type = H5Dget_type(id), creation = H5Dget_create_plist(id);
    *out = (ls_h5_direct){0};
    out->usable = type >= 0 && creation >= 0 && info->rank == 2 &&
                  H5Tequal(type, H5T_IEEE_F32LE) > 0 &&
                  H5Tequal(H5T_NATIVE_FLOAT, H5T_IEEE_F32LE) > 0 && has_no_user_block(file) &&
                  takes_layout(id, creation, info, out);
    if (creation >= 0)
        H5Pclose(creation);
    if (type >= 0)
        H5Tclose(type);
}

static size_t chunks_along(const ls_h5_info *info, int dimension) {
    return (info->dim[dimension] + info->chunk[dimension] - 1) / info->chunk[dimension];
}

ls_status ls_h5_direct_take_parts(ls_h5_direct *d, const ls_h5_info *info) {
    if (!d->usable || d->at > 0 || d->filters.shuffled || d->filters.deflated || d->known != NULL)
        return LS_OK;
    return ls_alloc(chunks_along(info, 0) * chunks_along(info, 1), sizeof *d->known, "chunks",
                    &d->known);
}

void ls_h5_direct_free(ls_h5_direct *d) {
    ls_free(d->chunk);
    ls_free(d->buffer);
    ls_free(d->known);
    *d = (ls_h5_direct){0};
}

/* ---- bytes ---- */

static bool read_at(int fd, char *to, size_t bytes, uint64_t at) {
    while (bytes > 0) {
        const ssize_t n = pread(fd, to, bytes, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        at += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return true;
}

/* ---- blocks ---- */

typedef struct block {
    const size_t *start, *count;
    float *const *row; /* [count[0]] where they go; NULL: as they follow each other, in out */
    float *out;
} block;

static float *place_of(const block *b, size_t row) {
    return b->row != NULL ? b->row[row] : b->out + row * b->count[1];
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

/* What the chunk and the block have in common. */
static void copy_common(const ls_h5_info *info, const ls_h5_chunk *c, const float *data,
                        const block *b) {
    const size_t row = most(c->row, b->start[0]), column = most(c->column, b->start[1]);
    const size_t rows = least(c->row + info->chunk[0], b->start[0] + b->count[0]);
    const size_t columns = least(c->column + info->chunk[1], b->start[1] + b->count[1]);
    for (size_t r = row; r < rows; r++) {
        float *to = place_of(b, r - b->start[0]);
        if (to != NULL)
            memcpy(to + column - b->start[1],
                   data + (r - c->row) * info->chunk[1] + column - c->column,
                   (columns - column) * sizeof *data);
    }
}

/* The most that a chunk takes in the file: deflate may make it a little larger (zlib's bound). */
static size_t room_of(size_t full) {
    return full + full / 1000 + 64 + LS_H5_SUM_BYTES;
}

/* Where HDF5 would read a chunk from: it is asked to, through a driver that only takes a note. (The
 * call that tells addresses goes through all chunks to find one.) */
static bool locate(hid_t id, ls_h5_disk *disk, size_t room, ls_h5_chunk *c) {
    LS_H5_ALONE;
    const hsize_t offset[2] = {c->row, c->column};
    uint32_t skipped = 0;
    hsize_t bytes = 0;
    char nothing[1];
    if (H5Dget_chunk_storage_size(id, offset, &bytes) < 0 || bytes == 0 || bytes > room)
        return false;
    disk->locating = true;
    disk->located = HADDR_UNDEF;
    const herr_t read = H5Dread_chunk(id, H5P_DEFAULT, offset, &skipped, nothing);
    disk->locating = false;
    c->at = disk->located;
    c->bytes = bytes;
    return read >= 0 && c->at != HADDR_UNDEF && skipped == 0;
}

/* The same with the addresses that are known already. Chunks without other filters than a sum have
 * all the same size. */
static bool locate_known(ls_h5_direct *d, hid_t id, ls_h5_disk *disk, const ls_h5_info *info,
                         size_t room, ls_h5_chunk *c) {
    if (d->known == NULL)
        return locate(id, disk, room, c);
    uint64_t *at =
        &d->known[c->row / info->chunk[0] * chunks_along(info, 1) + c->column / info->chunk[1]];
    const size_t bytes =
        info->chunk[0] * info->chunk[1] * sizeof(float) + (d->filters.summed ? LS_H5_SUM_BYTES : 0);
    if (*at == 0 && (!locate(id, disk, room, c) || c->bytes != bytes))
        return false;
    c->at = *at = *at > 0 ? *at : c->at;
    c->bytes = bytes;
    return true;
}

/* Finds the chunks that the block touches; *n of them, all there and all with all filters. */
static bool find_chunks(ls_h5_direct *d, hid_t id, ls_h5_disk *disk, const ls_h5_info *info,
                        const block *b, size_t *n) {
    const size_t *chunk = info->chunk;
    const size_t room = room_of(chunk[0] * chunk[1] * sizeof(float));
    *n = 0;
    for (size_t r = b->start[0] / chunk[0] * chunk[0]; r < b->start[0] + b->count[0]; r += chunk[0])
        for (size_t c = b->start[1] / chunk[1] * chunk[1]; c < b->start[1] + b->count[1];
             c += chunk[1]) {
            if (ls_grow(&d->chunk, &d->capacity, *n + 1, sizeof *d->chunk, "chunks") != LS_OK)
                return false;
            d->chunk[*n] = (ls_h5_chunk){.row = r, .column = c};
            if (!locate_known(d, id, disk, info, room, &d->chunk[(*n)++]))
                return false;
        }
    return true;
}

/* Chunks along one dimension that a block touches. */
static double touched(size_t start, size_t count, size_t chunk) {
    const size_t last = (start + count - 1) / chunk, first = start / chunk;
    return (double)(last - first + 1);
}

static size_t threads(void) {
#ifdef _OPENMP
    return (size_t)omp_get_max_threads();
#else
    return 1;
#endif
}

static size_t thread(void) {
#ifdef _OPENMP
    return (size_t)omp_get_thread_num();
#else
    return 0;
#endif
}

static bool make_buffers(ls_h5_direct *d, size_t bytes) {
    if (d->n_buffers >= threads())
        return true;
    ls_free(d->buffer);
    d->n_buffers = 0;
    if (ls_alloc(2 * threads(), bytes, "chunks", &d->buffer) != LS_OK)
        return false;
    d->n_buffers = threads();
    return true;
}

/* HDF5 keeps chunks for the next block, and of a plain one reads no more than is wanted: where a
 * block is a small part of its chunks, or a chunk is large, that is better. */
static bool is_worth_it(const ls_h5_direct *d, const ls_h5_info *info, const block *b) {
    const double full = (double)info->chunk[0] * (double)info->chunk[1];
    const double chunks = touched(b->start[0], b->count[0], info->chunk[0]) *
                          touched(b->start[1], b->count[1], info->chunk[1]);
    return (d->known != NULL ||
            chunks * full <= PART_MAX * (double)b->count[0] * (double)b->count[1]) &&
           2 * (double)threads() * full * sizeof(float) <= BUFFERS_MAX;
}

/* The bytes of a chunk's rows that the block wants: *at in the file, the result in the chunk. */
static size_t part_of(const ls_h5_info *info, const ls_h5_chunk *c, const block *b, size_t *bytes,
                      uint64_t *at) {
    const size_t row = most(c->row, b->start[0]), row_bytes = info->chunk[1] * sizeof(float);
    const size_t end = least(c->row + info->chunk[0], b->start[0] + b->count[0]);
    const size_t skipped = (row - c->row) * row_bytes;
    *bytes = (end - row) * row_bytes;
    *at = c->at + skipped;
    return skipped;
}

/* All parts are asked for before the first is waited for: a disk is fast only where it has many
 * pieces to choose from. */
static void announce_parts(const ls_h5_direct *d, const ls_h5_info *info, int fd, const block *b,
                           size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t bytes;
        uint64_t at;
        (void)part_of(info, &d->chunk[i], b, &bytes, &at);
        (void)posix_fadvise(fd, (off_t)at, (off_t)bytes, POSIX_FADV_WILLNEED); /* a wish */
    }
}

/* Reads a chunk, or of one that may be read in parts what the block wants of it. Returns where its
 * elements are, or NULL; buffer[2], each with the room for one. */
static const char *read_chunk(const ls_h5_direct *d, const ls_h5_info *info, int fd,
                              const ls_h5_chunk *c, const block *b, char *const buffer[2]) {
    size_t bytes;
    uint64_t at;
    if (d->known == NULL)
        return read_at(fd, buffer[0], c->bytes, c->at)
                   ? ls_h5_unpack(&d->filters, buffer, c->bytes,
                                  info->chunk[0] * info->chunk[1] * sizeof(float))
                   : NULL;
    const size_t skipped = part_of(info, c, b, &bytes, &at);
    return read_at(fd, buffer[0] + skipped, bytes, at) ? buffer[0] : NULL;
}

static bool read_chunks(ls_h5_direct *d, hid_t id, const ls_h5_info *info, ls_h5_disk *disk,
                        const block *b) {
    const size_t full = info->chunk[0] * info->chunk[1] * sizeof(float), room = room_of(full);
    size_t n = 0;
    int failed = 0;
    if (!is_worth_it(d, info, b) || !find_chunks(d, id, disk, info, b, &n) ||
        !make_buffers(d, room))
        return false;
    if (d->known != NULL)
        announce_parts(d, info, disk->fd, b, n);
#pragma omp parallel for schedule(dynamic) reduction(| : failed)
    for (size_t i = 0; i < n; i++) {
        char *own = d->buffer + 2 * thread() * room, *const buffer[2] = {own, own + room};
        const char *data = read_chunk(d, info, disk->fd, &d->chunk[i], b, buffer);
        if (data != NULL)
            copy_common(info, &d->chunk[i], (const float *)(const void *)data, b);
        failed |= data == NULL;
    }
    return failed == 0;
}

/* Whole rows follow each other; parts of rows, and rows that go apart, are read one by one. */
static bool read_one_block(const ls_h5_direct *d, const ls_h5_info *info, int fd, const block *b) {
    const bool whole = b->count[1] == info->dim[1] && b->row == NULL;
    const size_t row = b->count[1] * sizeof(float);
    const size_t step = whole && row < PIECE_BYTES ? PIECE_BYTES / row : 1;
    int failed = 0;
#pragma omp parallel for schedule(static) reduction(| : failed)
    for (size_t r = 0; r < b->count[0]; r += step) {
        const size_t rows = least(step, b->count[0] - r);
        const uint64_t element = (uint64_t)(b->start[0] + r) * info->dim[1] + b->start[1];
        float *to = place_of(b, r);
        failed |=
            to != NULL && !read_at(fd, (char *)to, rows * row, d->at + element * sizeof(float));
    }
    return failed == 0;
}

static bool read_block(ls_h5_direct *d, hid_t id, const ls_h5_info *info, ls_h5_disk *disk,
                       const block *b) {
    if (!d->usable || b->count[0] == 0 || b->count[1] == 0)
        return false;
    return d->at > 0 ? read_one_block(d, info, disk->fd, b) : read_chunks(d, id, info, disk, b);
}

bool ls_h5_direct_read(ls_h5_direct *d, hid_t id, const ls_h5_info *info, ls_h5_disk *disk,
                       const size_t *start, const size_t *count, float *out) {
    return read_block(d, id, info, disk, &(block){.start = start, .count = count, .out = out});
}

bool ls_h5_direct_read_rows(ls_h5_direct *d, hid_t id, const ls_h5_info *info, ls_h5_disk *disk,
                            const size_t *start, const size_t *count, float *const *row) {
    return read_block(d, id, info, disk, &(block){.start = start, .count = count, .row = row});
}
