/* HDF5 arrays: their elements, whole or block by block.
 * Why here: see lockstep/format/h5.h. Never reads strings: that is h5_text.c. */
#include <string.h>

#include "h5_direct.h"
#include "h5_private.h"
#include "lockstep/base/memory.h"

#define CACHE_BYTES_DEFAULT ((size_t)64 << 20)
#define CACHE_CHUNKS_MAX ((size_t)1 << 17) /* each takes 80 bytes of the cache's table */
#define CHECKED_CHUNK_BYTES ((size_t)256 << 10)

struct ls_h5_array {
    ls_h5 *file; /* not owned */
    char *name;
    hid_t id;
    hid_t space; /* of the whole array; its selection changes with every access */
    ls_h5_info info;
    ls_h5_direct direct; /* of an array that is read */
};

hid_t ls_h5_memory_type(ls_h5_type type) {
    switch (type) {
    case LS_H5_F32:
        return H5T_NATIVE_FLOAT;
    case LS_H5_F64:
        return H5T_NATIVE_DOUBLE;
    case LS_H5_I32:
        return H5T_NATIVE_INT32;
    case LS_H5_I64:
        return H5T_NATIVE_INT64;
    case LS_H5_U8:
        return H5T_NATIVE_UINT8;
    case LS_H5_U64:
        return H5T_NATIVE_UINT64;
    }
    return -1;
}

hid_t ls_h5_stored_type(ls_h5_type type) {
    switch (type) {
    case LS_H5_F32:
        return H5T_IEEE_F32LE;
    case LS_H5_F64:
        return H5T_IEEE_F64LE;
    case LS_H5_I32:
        return H5T_STD_I32LE;
    case LS_H5_I64:
        return H5T_STD_I64LE;
    case LS_H5_U8:
        return H5T_STD_U8LE;
    case LS_H5_U64:
        return H5T_STD_U64LE;
    }
    return -1;
}

static void to_hsize(int rank, const size_t *from, hsize_t *to) {
    for (int i = 0; i < rank; i++)
        to[i] = from[i];
}

hid_t ls_h5_space(int rank, const size_t *dim) {
    hsize_t size[LS_H5_RANK_MAX];
    if (rank == 0)
        return H5Screate(H5S_SCALAR);
    if (rank < 0 || rank > LS_H5_RANK_MAX)
        return -1;
    to_hsize(rank, dim, size);
    return H5Screate_simple(rank, size, NULL);
}

/* ---- open, create ---- */

/* Chunks that one row of chunks and one column of chunks hold: what a sweep over blocks of rows
 * or of columns touches again and again. */
static size_t chunks_to_keep(const ls_h5_info *info) {
    size_t most = 0, total = 0;
    for (int i = 0; i < info->rank; i++) {
        const size_t n = info->chunk[i] ? (info->dim[i] + info->chunk[i] - 1) / info->chunk[i] : 1;
        total += n;
        most = n > most ? n : most;
    }
    return info->rank > 2 ? most : total;
}

static size_t next_prime(size_t n) {
    for (n |= 1;; n += 2) {
        bool prime = true;
        for (size_t d = 3; prime && d * d <= n; d += 2)
            prime = n % d != 0;
        if (prime)
            return n;
    }
}

static ls_status set_chunk_cache(hid_t access, const ls_h5_info *info, size_t cache_bytes) {
    size_t chunk_bytes = info->element_bytes;
    for (int i = 0; i < info->rank; i++)
        chunk_bytes *= info->chunk[i] ? info->chunk[i] : 1;
    size_t chunks = chunks_to_keep(info);
    const size_t limit = cache_bytes ? cache_bytes : CACHE_BYTES_DEFAULT;
    if (chunk_bytes > 0 && chunks > limit / chunk_bytes)
        chunks = limit / chunk_bytes;
    chunks = chunks < CACHE_CHUNKS_MAX ? chunks : CACHE_CHUNKS_MAX;
    /* A cache smaller than a chunk makes HDF5 read just the bytes asked for. */
    const herr_t r = H5Pset_chunk_cache(access, next_prime(10 * chunks + 101), chunks * chunk_bytes,
                                        H5D_CHUNK_CACHE_W0_DEFAULT);
    return r < 0 ? LS_ERR_RUNTIME : LS_OK;
}

static ls_status new_array(ls_h5 *file, const char *name, ls_h5_array **out) {
    LS_TRY(ls_alloc(1, sizeof **out, "HDF5 array", out));
    **out = (ls_h5_array){.file = file, .id = -1, .space = -1};
    return ls_strdup(name, &(*out)->name);
}

ls_status ls_h5_array_open(ls_h5 *file, const char *name, size_t cache_bytes, ls_h5_array **out) {
    LS_H5_ALONE;
    ls_h5_array *a = NULL;
    hid_t access = -1;
    ls_h5_info info;
    *out = NULL;
    ls_status st = ls_h5_describe(file, name, &info);
    if (st == LS_OK)
        st = new_array(file, name, &a);
    if (st == LS_OK && (access = H5Pcreate(H5P_DATASET_ACCESS)) < 0)
        st = ls_h5_fail(file, name, "open the array");
    if (st == LS_OK && info.chunked && set_chunk_cache(access, &info, cache_bytes) != LS_OK)
        st = ls_h5_fail(file, name, "set the cache of the array");
    if (st == LS_OK)
        st = ls_h5_open_id(file, name, access, &a->id);
    if (st == LS_OK && (a->space = H5Dget_space(a->id)) < 0)
        st = ls_h5_fail(file, name, "open the array");
    if (access >= 0)
        H5Pclose(access);
    if (st != LS_OK) {
        ls_h5_array_destroy(a);
        return st;
    }
    a->info = info;
    if (!file->writable)
        ls_h5_direct_prepare(file->id, a->id, &info, &a->direct);
    *out = a;
    return LS_OK;
}

/* Chunks of as many rows as make about CHECKED_CHUNK_BYTES. */
static void chunk_rows(int rank, const size_t *dim, size_t element_bytes, size_t *chunk) {
    size_t row_bytes = element_bytes;
    for (int i = 1; i < rank; i++)
        row_bytes *= chunk[i] = dim[i];
    const size_t rows = row_bytes < CHECKED_CHUNK_BYTES ? CHECKED_CHUNK_BYTES / row_bytes : 1;
    chunk[0] = rows < dim[0] ? rows : dim[0];
}

static bool set_chunks(hid_t creation, int rank, const size_t *chunk, bool checked,
                       int gzip_level) {
    hsize_t size[LS_H5_RANK_MAX];
    to_hsize(rank, chunk, size);
    if (H5Pset_chunk(creation, rank, size) < 0)
        return false;
    /* Shuffled bytes of floats compress better and faster. */
    if (gzip_level > 0 &&
        (H5Pset_shuffle(creation) < 0 || H5Pset_deflate(creation, (unsigned)gzip_level) < 0))
        return false;
    return !checked || H5Pset_fletcher32(creation) >= 0;
}

/* A chunk that damage has hidden reads as NaN, -1 or 255, not as zeros that could be values. */
static bool set_fill(hid_t creation, hid_t stored) {
    const uint64_t ones = UINT64_MAX;
    const H5T_class_t c = H5Tget_class(stored);
    return (c != H5T_FLOAT && c != H5T_INTEGER) || H5Tget_size(stored) > sizeof ones ||
           H5Pset_fill_value(creation, stored, &ones) >= 0;
}

hid_t ls_h5_creation(const ls_h5 *file, hid_t stored, int rank, const size_t *dim,
                     const size_t *chunk, int gzip_level) {
    size_t rows[LS_H5_RANK_MAX];
    const bool checked = file->label == NULL;
    bool empty = rank == 0;
    for (int i = 0; i < rank; i++)
        empty = empty || dim[i] == 0;
    if (!empty && chunk == NULL && checked) {
        chunk_rows(rank, dim, H5Tget_size(stored), rows);
        chunk = rows;
    }
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (creation >= 0 && H5Pset_obj_track_times(creation, false) >= 0 &&
        (empty || chunk == NULL || set_chunks(creation, rank, chunk, checked, gzip_level)) &&
        (!checked || set_fill(creation, stored)))
        return creation;
    if (creation >= 0)
        H5Pclose(creation);
    return -1;
}

/* Chunks without a sum need no copy in HDF5's cache before they are written. */
static hid_t creation_access(const ls_h5 *file) {
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (access < 0 || file->label == NULL ||
        H5Pset_chunk_cache(access, 0, 0, H5D_CHUNK_CACHE_W0_DEFAULT) >= 0)
        return access;
    H5Pclose(access);
    return -1;
}

ls_status ls_h5_array_create(ls_h5 *file, const char *name, ls_h5_type stored, int rank,
                             const size_t *dim, const size_t *chunk, int gzip_level,
                             ls_h5_array **out) {
    LS_H5_ALONE;
    ls_h5_array *a = NULL;
    *out = NULL;
    LS_TRY(ls_h5_make_parents(file, name));
    ls_status st = new_array(file, name, &a);
    const hid_t creation =
        ls_h5_creation(file, ls_h5_stored_type(stored), rank, dim, chunk, gzip_level);
    const hid_t access = creation_access(file);
    if (st == LS_OK) {
        a->space = ls_h5_space(rank, dim);
        if (a->space >= 0 && creation >= 0 && access >= 0)
            a->id = H5Dcreate2(file->id, name, ls_h5_stored_type(stored), a->space, H5P_DEFAULT,
                               creation, access);
        st = a->id < 0 ? ls_h5_fail(file, name, "create the array")
                       : ls_h5_describe_open(file, name, a->id, &a->info);
    }
    if (st == LS_OK)
        st = ls_h5_check_disk(file);
    if (creation >= 0)
        H5Pclose(creation);
    if (access >= 0)
        H5Pclose(access);
    if (st != LS_OK) {
        ls_h5_array_destroy(a);
        return st;
    }
    *out = a;
    return LS_OK;
}

const ls_h5_info *ls_h5_array_info(const ls_h5_array *a) {
    return &a->info;
}

ls_status ls_h5_array_take_parts(ls_h5_array *a) {
    return ls_h5_direct_take_parts(&a->direct, &a->info);
}

void ls_h5_array_destroy(ls_h5_array *a) {
    if (!a)
        return;
    LS_H5_ALONE;
    if (a->space >= 0)
        H5Sclose(a->space);
    if (a->id >= 0)
        H5Dclose(a->id);
    ls_h5_direct_free(&a->direct);
    ls_free(a->name);
    ls_free(a);
}

/* ---- elements ---- */

/* Selects the block in the array and makes a space of its shape; *empty: it has no elements. */
static hid_t select_block(ls_h5_array *a, const size_t *start, const size_t *count, bool *empty) {
    hsize_t first[LS_H5_RANK_MAX], size[LS_H5_RANK_MAX];
    const int rank = a->info.rank;
    *empty = false;
    if (rank == 0)
        return H5Screate(H5S_SCALAR);
    for (int i = 0; i < rank; i++)
        *empty = *empty || count[i] == 0;
    to_hsize(rank, start, first);
    to_hsize(rank, count, size);
    if (!*empty && H5Sselect_hyperslab(a->space, H5S_SELECT_SET, first, NULL, size, NULL) < 0)
        return -1;
    return H5Screate_simple(rank, size, NULL);
}

ls_status ls_h5_array_read(ls_h5_array *a, const size_t *start, const size_t *count,
                           ls_h5_type type, void *out) {
    bool empty;
    if (type == LS_H5_F32 &&
        ls_h5_direct_read(&a->direct, a->id, &a->info, &a->file->disk, start, count, out))
        return LS_OK;
    LS_H5_ALONE;
    const hid_t memory = select_block(a, start, count, &empty);
    const bool ok = memory >= 0 && (empty || H5Dread(a->id, ls_h5_memory_type(type), memory,
                                                     a->space, H5P_DEFAULT, out) >= 0);
    const ls_status st = ok ? LS_OK : ls_h5_fail(a->file, a->name, "read the array");
    if (memory >= 0)
        H5Sclose(memory);
    return st;
}

bool ls_h5_array_read_rows(ls_h5_array *a, const size_t *start, const size_t *count,
                           float *const *row) {
    return ls_h5_direct_read_rows(&a->direct, a->id, &a->info, &a->file->disk, start, count, row);
}

ls_status ls_h5_array_write(ls_h5_array *a, const size_t *start, const size_t *count,
                            ls_h5_type type, const void *in) {
    LS_H5_ALONE;
    bool empty;
    LS_TRY(ls_h5_check_disk(a->file));
    const hid_t memory = select_block(a, start, count, &empty);
    const bool ok = memory >= 0 && (empty || H5Dwrite(a->id, ls_h5_memory_type(type), memory,
                                                      a->space, H5P_DEFAULT, in) >= 0);
    const ls_status st =
        ok ? ls_h5_check_disk(a->file) : ls_h5_fail(a->file, a->name, "write the array");
    if (memory >= 0)
        H5Sclose(memory);
    return st;
}

ls_status ls_h5_read(ls_h5 *file, const char *name, ls_h5_type type, size_t elements, void *out) {
    static const size_t start[LS_H5_RANK_MAX] = {0};
    ls_h5_array *a = NULL;
    LS_TRY(ls_h5_array_open(file, name, 0, &a));
    size_t held = 1;
    for (int i = 0; i < a->info.rank; i++)
        held *= a->info.dim[i];
    ls_status st = LS_OK;
    if (a->info.type_class != LS_H5_INTEGER && a->info.type_class != LS_H5_FLOAT)
        st = ls_fail(LS_ERR_DATA, file->path, "%s holds %s, not numbers", name, a->info.type_name);
    else if (held != elements)
        st = ls_fail(LS_ERR_DATA, file->path, "%s has %zu elements, expected %zu", name, held,
                     elements);
    else
        st = ls_h5_array_read(a, start, a->info.dim, type, out);
    ls_h5_array_destroy(a);
    return st;
}

ls_status ls_h5_write(ls_h5 *file, const char *name, ls_h5_type type, int rank, const size_t *dim,
                      const void *in) {
    static const size_t start[LS_H5_RANK_MAX] = {0};
    ls_h5_array *a = NULL;
    LS_TRY(ls_h5_array_create(file, name, type, rank, dim, NULL, 0, &a));
    const ls_status st = ls_h5_array_write(a, start, a->info.dim, type, in);
    ls_h5_array_destroy(a);
    return st;
}
