/* Fuzzes the readers of datasets and checkpoints with files that HDF5 finds whole, but whose
 * arrays, attributes and texts are not what they should be.
 *
 * Input: a byte that chooses a file of the folder FUZZ_TEMPLATES, then edits: object, what to do,
 * and what the deed takes. Why here: chance seldom gets through HDF5's own headers; see fuzz.h. */
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/data/dataset.h"
#include "lockstep/report/inspect.h"
#include "lockstep/train/checkpoint.h"

enum { TEMPLATES = 4, NAMES_MAX = 64, NAME_MAX_BYTES = 64, EDITS_MAX = 6, FILL_MAX = 1 << 16 };

typedef struct tape {
    const uint8_t *at, *end;
} tape;

typedef struct objects {
    char name[NAMES_MAX][NAME_MAX_BYTES];
    unsigned count;
} objects;

static unsigned take(tape *t) {
    return t->at < t->end ? *t->at++ : 0;
}

static herr_t add_name(hid_t file, const char *name, const H5O_info_t *info, void *list) {
    (void)file;
    (void)info;
    objects *all = list;
    if (all->count < NAMES_MAX && strlen(name) < NAME_MAX_BYTES - 1)
        snprintf(all->name[all->count++], NAME_MAX_BYTES, "/%s", strcmp(name, ".") ? name : "");
    return 0;
}

static hid_t take_type(tape *t) {
    const unsigned choice = take(t) % 9;
    const hid_t numbers[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I32LE, H5T_STD_U8LE,
                             H5T_STD_I64BE,  H5T_STD_U64LE,  H5T_STD_I16LE};
    if (choice < 7)
        return H5Tcopy(numbers[choice]);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, choice == 7 ? H5T_VARIABLE : 1 + take(t));
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static hid_t take_space(tape *t, hsize_t most, hsize_t dim[3], int *rank) {
    static const hsize_t sizes[] = {0,  1,   2,    3,     4,          5,          8,         9,
                                    12, 100, 4096, 70000, 1ull << 20, 1ull << 31, 1ull << 33};
    *rank = (int)(take(t) % 4);
    for (int i = 0; i < *rank; i++) {
        dim[i] = sizes[take(t) % (sizeof sizes / sizeof *sizes)];
        dim[i] = dim[i] > most ? most : dim[i];
    }
    return *rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(*rank, dim, NULL);
}

/* One element for all, where they fit: a number, or what is left of the tape as text. */
static void fill(tape *t, hid_t dataset, hid_t attribute, hid_t type, hid_t space) {
    static const double numbers[] = {0, 1, -1, 2, 0.5, 255, 1e300, 4e9, 1e-300};
    static char text[FILL_MAX];
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const size_t size = H5Tget_size(type);
    const unsigned choice = take(t) % (sizeof numbers / sizeof *numbers + 1);
    if (n <= 0 || (size_t)n > FILL_MAX / (size > 8 ? size : 8))
        return;
    void *out = NULL;
    hid_t memory = H5T_NATIVE_DOUBLE;
    fuzz_expect(ls_alloc((size_t)n, size > 8 ? size : 8, "elements", &out) == LS_OK, "memory");
    if (H5Tget_class(type) == H5T_STRING) {
        const uint8_t *end =
            memmem(t->at, (size_t)(t->end - t->at), FUZZ_SEPARATOR, strlen(FUZZ_SEPARATOR));
        const size_t length = (size_t)((end != NULL ? end : t->end) - t->at);
        memory = type;
        memcpy(text, t->at, length < FILL_MAX ? length : FILL_MAX - 1);
        text[length < FILL_MAX ? length : FILL_MAX - 1] = '\0';
        t->at = end != NULL ? end + strlen(FUZZ_SEPARATOR) : t->end;
        for (hssize_t i = 0; i < n && H5Tis_variable_str(type) > 0; i++)
            ((char **)out)[i] = text;
        for (hssize_t i = 0; i < n && H5Tis_variable_str(type) == 0; i++)
            strncpy((char *)out + (size_t)i * size, text, size);
    } else {
        for (hssize_t i = 0; i < n; i++)
            ((double *)out)[i] =
                choice < sizeof numbers / sizeof *numbers ? numbers[choice] : (double)take(t);
    }
    if (dataset >= 0)
        H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
    else
        H5Awrite(attribute, memory, out);
    ls_free(out);
}

static void replace_array(tape *t, hid_t file, const char *name) {
    hsize_t dim[3], chunk[3];
    int rank = 0;
    const hid_t type = take_type(t), space = take_space(t, UINT64_MAX, dim, &rank);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    for (int i = 0; i < rank; i++)
        chunk[i] = dim[i] < 4 ? (dim[i] ? dim[i] : 1) : 4;
    if (rank > 0 && (H5Sget_simple_extent_npoints(space) > FILL_MAX || take(t) % 2)) {
        H5Pset_chunk(creation, rank, chunk);
        H5Pset_deflate(creation, 1);
    }
    H5Ldelete(file, name, H5P_DEFAULT);
    const hid_t id = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (id >= 0) {
        fill(t, id, -1, type, space);
        H5Dclose(id);
    }
    H5Pclose(creation);
    H5Sclose(space);
    H5Tclose(type);
}

static void replace_attribute(tape *t, hid_t file, const char *object) {
    hsize_t dim[3];
    int rank = 0;
    char name[NAME_MAX_BYTES] = "format";
    const hid_t type = take_type(t), space = take_space(t, 100, dim, &rank);
    H5Aget_name_by_idx(file, object, H5_INDEX_NAME, H5_ITER_INC, take(t), name, sizeof name,
                       H5P_DEFAULT);
    H5Adelete_by_name(file, object, name, H5P_DEFAULT);
    const hid_t id =
        H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (id >= 0) {
        fill(t, -1, id, type, space);
        H5Aclose(id);
    }
    H5Sclose(space);
    H5Tclose(type);
}

/* The values alone. */
static void refill(tape *t, hid_t file, const char *name) {
    const hid_t id = H5Dopen2(file, name, H5P_DEFAULT);
    if (id < 0)
        return;
    const hid_t type = H5Dget_type(id), space = H5Dget_space(id);
    fill(t, id, -1, type, space);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(id);
}

static void edit(tape *t, hid_t file, const objects *all) {
    const char *name = all->name[take(t) % all->count];
    const char *other = all->name[take(t) % all->count];
    switch (take(t) % 7) {
    case 0:
        H5Ldelete(file, name, H5P_DEFAULT);
        break;
    case 1:
        replace_array(t, file, name);
        break;
    case 2:
        replace_attribute(t, file, name);
        break;
    case 3:
        refill(t, file, name);
        break;
    case 4:
        H5Ldelete(file, name, H5P_DEFAULT);
        H5Lcreate_soft(other, file, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 5:
        H5Lmove(file, name, file, other, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 6:
        H5Ldelete(file, name, H5P_DEFAULT);
        H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        break;
    default:
        break;
    }
}

static void edit_file(tape *t, const char *path) {
    objects all = {.count = 0};
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    fuzz_expect(file >= 0, "a template can not be edited");
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, add_name, &all);
    for (int i = 0; i < EDITS_MAX && t->at < t->end; i++)
        edit(t, file, &all);
    H5Fclose(file);
}

static void inspect(const char *path, bool json) {
    ls_buffer text = {0};
    const ls_dataset_paths paths = ls_dataset_default_paths(path);
    fuzz_expect_modest(ls_inspect_dataset(&paths, json, NULL, &text));
    ls_buffer_free(&text);
    fuzz_expect_modest(ls_inspect_checkpoint(path, json, &text));
    ls_buffer_free(&text);
}

static void run(const uint8_t *data, size_t size) {
    const char *folder = getenv("FUZZ_TEMPLATES"), *path = fuzz_output();
    char template[400], *bytes = NULL;
    size_t length = 0;
    tape t = {data, data + size};
    const unsigned choice = take(&t);
    fuzz_expect(folder != NULL, "FUZZ_TEMPLATES: name the folder");
    snprintf(template, sizeof template, "%s/%u.h5", folder, choice % TEMPLATES);
    fuzz_expect(ls_read_file(template, &bytes, &length) == LS_OK, "no template");
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_expect(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "no file");
    ls_free(bytes);
    edit_file(&t, path);
    fuzz_expect(ls_read_file(path, &bytes, &length) == LS_OK, "no file");
    fuzz_mend_seal((uint8_t *)bytes, length);
    fuzz_expect(pwrite(fd, bytes, length, 0) == (ssize_t)length, "no file");
    close(fd);
    ls_free(bytes);
    inspect(path, choice >= 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > FILL_MAX)
        return -1;
    fuzz_apart(run, data, size);
    return 0;
}
