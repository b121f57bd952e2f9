/* Strings in HDF5 files, and attributes.
 * Why here: see lockstep/format/h5.h. Never guesses an encoding: bytes go through as they are. */
#include <stdint.h>
#include <string.h>

#include "h5_private.h"
#include "lockstep/base/memory.h"

#define PADDED_BYTES_MAX ((size_t)64 << 20)

hid_t ls_h5_text_type(void) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 &&
        (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static bool read_raw(hid_t dataset, hid_t attribute, hid_t type, void *out) {
    return dataset >= 0 ? H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0
                        : H5Aread(attribute, type, out) >= 0;
}

static ls_status read_fixed(const ls_h5 *file, const char *object, hid_t dataset, hid_t attribute,
                            hid_t stored, size_t count, ls_strings *out) {
    const size_t width = H5Tget_size(stored);
    const bool spaces = H5Tget_strpad(stored) == H5T_STR_SPACEPAD;
    char *text = NULL;
    ls_status st = ls_alloc(count, width, "strings", &text);
    if (st == LS_OK && !read_raw(dataset, attribute, stored, text))
        st = ls_h5_fail(file, object, "read the strings");
    for (size_t i = 0; st == LS_OK && i < count; i++) {
        const char *s = text + i * width;
        size_t n = strnlen(s, width);
        while (spaces && n > 0 && s[n - 1] == ' ')
            n--;
        st = ls_strings_addn(out, s, n);
    }
    ls_free(text);
    return st;
}

ls_status ls_h5_read_text_of(const ls_h5 *file, const char *object, hid_t dataset, hid_t attribute,
                             ls_strings *out) {
    const hid_t stored = dataset >= 0 ? H5Dget_type(dataset) : H5Aget_type(attribute);
    const hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5Aget_space(attribute);
    const hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    ls_status st = LS_OK;
    if (stored < 0 || count < 0)
        st = ls_h5_fail(file, object, "read the strings");
    else if (H5Tget_class(stored) != H5T_STRING)
        st = ls_fail(LS_ERR_DATA, file->path, "%s: does not hold strings", object);
    else if (H5Sget_simple_extent_ndims(space) > 1)
        st = ls_fail(LS_ERR_DATA, file->path, "%s: has more than one dimension", object);
    else if (H5Tis_variable_str(stored) > 0)
        st = ls_h5_read_variable(file, object, dataset, attribute, (size_t)count, out);
    else
        st = read_fixed(file, object, dataset, attribute, stored, (size_t)count, out);
    if (space >= 0)
        H5Sclose(space);
    if (stored >= 0)
        H5Tclose(stored);
    return st;
}

ls_status ls_h5_read_strings(ls_h5 *file, const char *name, ls_strings *out) {
    LS_H5_ALONE;
    ls_h5_info info;
    LS_TRY(ls_h5_describe(file, name, &info)); /* for its messages */
    const hid_t id = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (id < 0)
        return ls_h5_fail(file, name, "open the array");
    const ls_status st = ls_h5_read_text_of(file, name, id, -1, out);
    H5Dclose(id);
    return st;
}

/* Writes an array of strings from what lies in memory as `type`. */
static ls_status write_text(ls_h5 *file, const char *name, hid_t type, int rank, size_t count,
                            const void *text) {
    LS_TRY(ls_h5_make_parents(file, name));
    const hid_t space = ls_h5_space(rank, &count);
    const hid_t creation = ls_h5_creation(file, type, rank, &count, NULL, 0);
    hid_t id = -1;
    if (space >= 0 && creation >= 0)
        id = H5Dcreate2(file->id, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const bool ok =
        id >= 0 && (count == 0 || H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0);
    const ls_status st = ok ? ls_h5_check_disk(file) : ls_h5_fail(file, name, "write the strings");
    if (id >= 0)
        H5Dclose(id);
    if (creation >= 0)
        H5Pclose(creation);
    if (space >= 0)
        H5Sclose(space);
    return st;
}

static ls_status write_variable(ls_h5 *file, const char *name, int rank, size_t count,
                                const char *const *text) {
    const hid_t type = ls_h5_text_type();
    if (type < 0)
        return ls_h5_fail(file, name, "write the strings");
    const ls_status st = write_text(file, name, type, rank, count, text);
    H5Tclose(type);
    return st;
}

static ls_status write_fixed(ls_h5 *file, const char *name, size_t count, size_t width,
                             const char *const *text) {
    char *padded = NULL;
    LS_TRY(ls_alloc(count, width, "strings", &padded));
    for (size_t i = 0; i < count; i++)
        memcpy(padded + i * width, text[i], strlen(text[i]));
    const hid_t type = H5Tcopy(H5T_C_S1);
    ls_status st = LS_OK;
    if (type < 0 || H5Tset_size(type, width) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
        H5Tset_cset(type, H5T_CSET_UTF8) < 0)
        st = ls_h5_fail(file, name, "write the strings");
    else
        st = write_text(file, name, type, 1, count, padded);
    if (type >= 0)
        H5Tclose(type);
    ls_free(padded);
    return st;
}

/* Checksums are of what stands in an array, and strings of variable length stand elsewhere. So
 * where arrays have checksums strings are padded to one length, unless that takes too much. */
ls_status ls_h5_write_strings(ls_h5 *file, const char *name, const ls_strings *in) {
    LS_H5_ALONE;
    const char **text = NULL;
    size_t width = 1;
    LS_TRY(ls_alloc(in->count, sizeof *text, "strings", &text));
    for (size_t i = 0; i < in->count; i++) {
        text[i] = ls_strings_at(in, i);
        const size_t length = strlen(text[i]);
        width = length > width ? length : width;
    }
    const bool fixed = file->label == NULL && width <= PADDED_BYTES_MAX / (in->count + 1);
    const ls_status st = fixed ? write_fixed(file, name, in->count, width, text)
                               : write_variable(file, name, 1, in->count, text);
    ls_free(text);
    return st;
}

/* The one string of a list that must hold just one. */
static ls_status take_only(const ls_h5 *file, const char *object, const ls_strings *list,
                           char **out) {
    if (list->count != 1)
        return ls_fail(LS_ERR_DATA, file->path, "%s: holds %zu strings, expected one", object,
                       list->count);
    return ls_strdup(ls_strings_at(list, 0), out);
}

ls_status ls_h5_read_text(ls_h5 *file, const char *name, char **out) {
    ls_strings list = {0};
    ls_status st = ls_h5_read_strings(file, name, &list);
    if (st == LS_OK)
        st = take_only(file, name, &list, out);
    ls_strings_free(&list);
    return st;
}

ls_status ls_h5_write_text(ls_h5 *file, const char *name, const char *text) {
    LS_H5_ALONE;
    return write_variable(file, name, 0, 1, &text);
}

/* ---- attributes ---- */

bool ls_h5_has_attribute(const ls_h5 *file, const char *object, const char *name) {
    LS_H5_ALONE;
    return ls_h5_has(file, object) && H5Aexists_by_name(file->id, object, name, H5P_DEFAULT) > 0;
}

static ls_status open_attribute(const ls_h5 *file, const char *object, const char *name,
                                hid_t *out) {
    if (!ls_h5_has_attribute(file, object, name))
        return ls_fail(LS_ERR_DATA, file->path, "%s has no attribute '%s'", object, name);
    *out = H5Aopen_by_name(file->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
    return *out < 0 ? ls_h5_fail(file, object, "open an attribute") : LS_OK;
}

ls_status ls_h5_read_attribute(ls_h5 *file, const char *object, const char *name, ls_h5_type type,
                               size_t count, void *out) {
    LS_H5_ALONE;
    hid_t id = -1;
    LS_TRY(open_attribute(file, object, name, &id));
    const hid_t space = H5Aget_space(id), stored = H5Aget_type(id);
    const hssize_t held = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    const H5T_class_t c = stored >= 0 ? H5Tget_class(stored) : H5T_NO_CLASS;
    ls_status st = LS_OK;
    if (c != H5T_INTEGER && c != H5T_FLOAT && c != H5T_ENUM)
        st = ls_fail(LS_ERR_DATA, file->path, "%s: attribute '%s' does not hold numbers", object,
                     name);
    else if (held < 0 || (size_t)held != count)
        st = ls_fail(LS_ERR_DATA, file->path, "%s: attribute '%s' has %lld elements, expected %zu",
                     object, name, (long long)held, count);
    else if (H5Aread(id, ls_h5_memory_type(type), out) < 0)
        st = ls_h5_fail(file, object, "read an attribute");
    if (stored >= 0)
        H5Tclose(stored);
    if (space >= 0)
        H5Sclose(space);
    H5Aclose(id);
    return st;
}

/* Writes an attribute, in place of one of that name. */
static ls_status write_attribute(ls_h5 *file, const char *object, const char *name, hid_t stored,
                                 hid_t memory, size_t count, const void *in) {
    LS_TRY(ls_h5_check_disk(file));
    if (ls_h5_has_attribute(file, object, name) &&
        H5Adelete_by_name(file->id, object, name, H5P_DEFAULT) < 0)
        return ls_h5_fail(file, object, "replace an attribute");
    const hid_t space = ls_h5_space(count == 1 ? 0 : 1, &count);
    hid_t id = -1;
    if (space >= 0)
        id = H5Acreate_by_name(file->id, object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT,
                               H5P_DEFAULT);
    const bool ok = id >= 0 && (count == 0 || H5Awrite(id, memory, in) >= 0);
    const ls_status st =
        ok ? ls_h5_check_disk(file) : ls_h5_fail(file, object, "write an attribute");
    if (id >= 0)
        H5Aclose(id);
    if (space >= 0)
        H5Sclose(space);
    return st;
}

ls_status ls_h5_write_attribute(ls_h5 *file, const char *object, const char *name, ls_h5_type type,
                                size_t count, const void *in) {
    LS_H5_ALONE;
    return write_attribute(file, object, name, ls_h5_stored_type(type), ls_h5_memory_type(type),
                           count, in);
}

ls_status ls_h5_read_attribute_text(ls_h5 *file, const char *object, const char *name, char **out) {
    LS_H5_ALONE;
    hid_t id = -1;
    ls_strings list = {0};
    LS_TRY(open_attribute(file, object, name, &id));
    ls_status st = ls_h5_read_text_of(file, object, -1, id, &list);
    if (st == LS_OK)
        st = take_only(file, object, &list, out);
    ls_strings_free(&list);
    H5Aclose(id);
    return st;
}

ls_status ls_h5_write_attribute_text(ls_h5 *file, const char *object, const char *name,
                                     const char *text) {
    LS_H5_ALONE;
    const hid_t type = ls_h5_text_type();
    if (type < 0)
        return ls_h5_fail(file, object, "write an attribute");
    const ls_status st = write_attribute(file, object, name, type, type, 1, &text);
    H5Tclose(type);
    return st;
}
