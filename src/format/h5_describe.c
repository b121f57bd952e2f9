/* HDF5 arrays: what they are, and whether there is data behind what they promise.
 * Why here: see lockstep/format/h5.h. Never reads an element: that is h5_array.c. */
#include <stdio.h>

#include "h5_private.h"
#include "packing.h"

/* An array up to this size may be packed as tightly as some filter can. */
#define PACKING_FREE_BYTES (64.0 * 1024 * 1024)

static void describe_type(hid_t type, ls_h5_info *info) {
    const H5T_class_t c = H5Tget_class(type);
    info->element_bytes = H5Tget_size(type);
    info->type_class = LS_H5_OTHER;
    const unsigned bits = (unsigned)(8 * info->element_bytes);
    if (c == H5T_INTEGER || c == H5T_ENUM) { /* h5py stores booleans as an enumeration */
        const hid_t base = c == H5T_ENUM ? H5Tget_super(type) : H5Tcopy(type);
        info->type_class = LS_H5_INTEGER;
        info->is_signed = H5Tget_sign(base) == H5T_SGN_2;
        H5Tclose(base);
        snprintf(info->type_name, sizeof info->type_name, "%sint%u", info->is_signed ? "" : "u",
                 bits);
    } else if (c == H5T_FLOAT) {
        info->type_class = LS_H5_FLOAT;
        info->is_signed = true;
        snprintf(info->type_name, sizeof info->type_name, "float%u", bits);
    } else if (c == H5T_STRING) {
        info->type_class = LS_H5_STRING;
        snprintf(info->type_name, sizeof info->type_name, "string");
    } else {
        snprintf(info->type_name, sizeof info->type_name, "%s",
                 c == H5T_COMPOUND ? "compound" : "other");
    }
}

static void describe_layout(hid_t creation, ls_h5_info *info) {
    hsize_t chunk[LS_H5_RANK_MAX];
    if (H5Pget_layout(creation) != H5D_CHUNKED ||
        H5Pget_chunk(creation, LS_H5_RANK_MAX, chunk) != info->rank)
        return;
    info->chunked = true;
    for (int i = 0; i < info->rank; i++)
        info->chunk[i] = (size_t)chunk[i];
    const int filters = H5Pget_nfilters(creation);
    for (int i = 0; i < filters; i++) {
        unsigned flags, config;
        size_t values = 0;
        const H5Z_filter_t f =
            H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        if (f != H5Z_FILTER_SHUFFLE && f != H5Z_FILTER_FLETCHER32)
            info->compressed = true;
    }
}

static ls_status describe_shape(const ls_h5 *file, const char *name, hid_t space,
                                ls_h5_info *info) {
    hsize_t dim[LS_H5_RANK_MAX];
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL)
        return ls_fail(LS_ERR_DATA, file->path, "%s: has no elements", name);
    if (rank > LS_H5_RANK_MAX)
        return ls_fail(LS_ERR_DATA, file->path, "%s: has %d dimensions, at most %d are supported",
                       name, rank, LS_H5_RANK_MAX);
    info->rank = rank;
    if (rank > 0 && H5Sget_simple_extent_dims(space, dim, NULL) < 0)
        return ls_h5_fail(file, name, "read the shape");
    for (int i = 0; i < rank; i++)
        info->dim[i] = (size_t)dim[i];
    return LS_OK;
}

ls_status ls_h5_describe_open(const ls_h5 *file, const char *name, hid_t id, ls_h5_info *info) {
    *info = (ls_h5_info){0};
    const hid_t type = H5Dget_type(id), space = H5Dget_space(id);
    const hid_t creation = H5Dget_create_plist(id);
    ls_status st = LS_OK;
    if (type < 0 || space < 0 || creation < 0)
        st = ls_h5_fail(file, name, "read the array's header");
    if (st == LS_OK)
        st = describe_shape(file, name, space, info);
    if (st == LS_OK) {
        describe_type(type, info);
        describe_layout(creation, info);
    }
    if (creation >= 0)
        H5Pclose(creation);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return st;
}

ls_status ls_h5_open_id(const ls_h5 *file, const char *name, hid_t access, hid_t *out) {
    H5O_info_t about;
    if (!ls_h5_has(file, name))
        return ls_fail(LS_ERR_DATA, file->path, "no array %s", name);
    if (H5Oget_info_by_name(file->id, name, &about, H5P_DEFAULT) < 0)
        return ls_h5_fail(file, name, "open the array");
    if (about.type != H5O_TYPE_DATASET)
        return ls_fail(LS_ERR_DATA, file->path, "%s is a group, not an array", name);
    *out = H5Dopen2(file->id, name, access);
    return *out < 0 ? ls_h5_fail(file, name, "open the array") : LS_OK;
}

/* *out = the elements of that shape; false where there can be no memory for them, in the file's
 * type or the widest that they can be read as. */
static bool count_elements(const ls_h5_info *info, const size_t *dim, size_t *out) {
    const size_t widest =
        info->element_bytes > sizeof(double) ? info->element_bytes : sizeof(double);
    size_t bytes = 0;
    bool fits = true;
    *out = 1;
    for (int i = 0; i < info->rank; i++)
        fits = fits && !__builtin_mul_overflow(*out, dim[i], out);
    return fits && !__builtin_mul_overflow(*out, widest, &bytes) && bytes <= PTRDIFF_MAX;
}

/* Whether the values are in other files: HDF5 gives zeros where it does not find them. */
static bool is_elsewhere(hid_t creation) {
    return H5Pget_layout(creation) == H5D_VIRTUAL || H5Pget_external_count(creation) > 0;
}

/* An array's sizes are only numbers in the file. They are believed as far as there is data for
 * them, so that a small file can not ask for all memory. */
static ls_status check_stored(const ls_h5 *file, const char *name, const ls_h5_info *info,
                              double stored, double file_bytes) {
    size_t whole = 0, chunk = 0;
    if (!count_elements(info, info->dim, &whole) ||
        (info->chunked && !count_elements(info, info->chunk, &chunk)))
        return ls_fail(LS_ERR_DATA, file->path, "%s: is larger than can be", name);
    const double bytes = (double)whole * (double)info->element_bytes;
    const double largest = (double)(whole > chunk ? whole : chunk) * (double)info->element_bytes;
    char present[32], promised[32];
    if (whole == 0)
        return LS_OK;
    if (stored == 0 || (!info->chunked && stored < bytes))
        return ls_hint(ls_fail(LS_ERR_DATA, file->path, "%s: holds no data", name),
                       "the array was made, but not written: run what makes the file again");
    if (stored > file_bytes ||
        (largest > PACKING_FREE_BYTES && largest > stored * LS_PACKING_RATIO_MAX))
        return ls_hint(ls_fail(LS_ERR_DATA, file->path, "%s: %s are stored for %s of values", name,
                               ls_print_bytes(stored, present), ls_print_bytes(largest, promised)),
                       "most of the array was never written, or the file is damaged");
    return LS_OK;
}

static ls_status check_storage(const ls_h5 *file, const char *name, hid_t id,
                               const ls_h5_info *info) {
    uint64_t bytes = 0;
    const hid_t creation = H5Dget_create_plist(id);
    if (creation < 0)
        return ls_h5_fail(file, name, "read the array's header");
    const bool elsewhere = is_elsewhere(creation);
    H5Pclose(creation);
    if (elsewhere)
        return ls_hint(ls_fail(LS_ERR_DATA, file->path, "%s: its values are in other files", name),
                       "copy them into one file");
    LS_TRY(ls_h5_size(file, &bytes));
    return check_stored(file, name, info, (double)H5Dget_storage_size(id), (double)bytes);
}

ls_status ls_h5_describe(const ls_h5 *file, const char *name, ls_h5_info *out) {
    LS_H5_ALONE;
    hid_t id = -1;
    LS_TRY(ls_h5_open_id(file, name, H5P_DEFAULT, &id));
    ls_status st = ls_h5_describe_open(file, name, id, out);
    if (st == LS_OK && !file->writable) /* what is written may not be in the file yet */
        st = check_storage(file, name, id, out);
    H5Dclose(id);
    return st;
}
