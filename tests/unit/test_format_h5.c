/* HDF5 files: what is written reads back, also through the HDF5 library's own calls and driver;
 * files made elsewhere are read; damaged files and a full disk are errors, not crashes. */
#include <hdf5.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/h5.h"
#include "test_files.h"

static void writes_what_hdf5_reads(void **state) {
    (void)state;
    ls_h5 *f = NULL;
    const float x[6] = {1, 2, 3, -4, 0.5f, 6};
    OK(ls_h5_create(at("a.h5"), &f));
    OK(ls_h5_write(f, "/deep/er/X", LS_H5_F32, 2, (size_t[]){2, 3}, x));
    const int32_t one = 7;
    OK(ls_h5_write_attribute(f, "/deep/er/X", "epoch", LS_H5_I32, 1, &one));
    OK(ls_h5_close(f));

    /* The oracle: HDF5's own driver and calls. */
    hid_t id = H5Fopen(at("a.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(id >= 0);
    hid_t d = H5Dopen2(id, "/deep/er/X", H5P_DEFAULT);
    double back[6] = {0};
    assert_true(H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, back) >= 0);
    for (int i = 0; i < 6; i++)
        assert_true(back[i] == (double)x[i]);
    hid_t type = H5Dget_type(d);
    assert_true(H5Tequal(type, H5T_IEEE_F32LE) > 0);
    hid_t a = H5Aopen(d, "epoch", H5P_DEFAULT);
    long value = 0;
    assert_true(H5Aread(a, H5T_NATIVE_LONG, &value) >= 0 && value == 7);
    H5Aclose(a);
    H5Tclose(type);
    H5Dclose(d);
    H5Fclose(id);
}

static void reads_what_hdf5_wrote(void **state) {
    (void)state;
    hid_t id = H5Fcreate(at("b.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t dim[2] = {5, 4}, chunk[2] = {2, 3}, three = 3;
    hid_t space = H5Screate_simple(2, dim, NULL), row = H5Screate_simple(1, &three, NULL);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_deflate(creation, 4);
    hid_t d = H5Dcreate2(id, "X", H5T_STD_I16BE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    int x[20];
    for (int i = 0; i < 20; i++)
        x[i] = i * i - 7;
    H5Dwrite(d, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dclose(d);
    hid_t fixed = H5Tcopy(H5T_C_S1);
    H5Tset_size(fixed, 4);
    H5Tset_strpad(fixed, H5T_STR_SPACEPAD);
    d = H5Dcreate2(id, "fixed", fixed, row, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(d, fixed, H5S_ALL, H5S_ALL, H5P_DEFAULT, "a   bcdef   ");
    H5Dclose(d);
    hid_t ascii = H5Tcopy(H5T_C_S1);
    H5Tset_size(ascii, H5T_VARIABLE);
    d = H5Dcreate2(id, "ascii", ascii, row, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const char *words[3] = {"one", "", "three words long"};
    H5Dwrite(d, ascii, H5S_ALL, H5S_ALL, H5P_DEFAULT, words);
    H5Dclose(d);
    H5Fclose(id);

    ls_h5 *f = NULL;
    ls_h5_info info;
    OK(ls_h5_open(at("b.h5"), &f));
    OK(ls_h5_describe(f, "/X", &info));
    assert_int_equal(info.type_class, LS_H5_INTEGER);
    assert_string_equal(info.type_name, "int16");
    assert_true(info.is_signed && info.chunked && info.compressed);
    assert_int_equal(info.rank, 2);
    assert_int_equal(info.dim[0], 5);
    assert_int_equal(info.chunk[1], 3);
    ls_h5_array *array = NULL;
    OK(ls_h5_array_open(f, "/X", 0, &array));
    float block[4];
    OK(ls_h5_array_read(array, (size_t[]){3, 1}, (size_t[]){2, 2}, LS_H5_F32, block));
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 2; c++)
            assert_true(block[2 * r + c] == (float)x[4 * (3 + r) + 1 + c]);
    assert_int_equal(ls_h5_array_read(array, (size_t[]){4, 0}, (size_t[]){2, 1}, LS_H5_F32, block),
                     LS_ERR_DATA);
    OK(ls_h5_array_read(array, (size_t[]){5, 0}, (size_t[]){0, 4}, LS_H5_F32, NULL));
    ls_h5_array_destroy(array);
    ls_strings s = {0};
    OK(ls_h5_read_strings(f, "/fixed", &s));
    assert_int_equal(s.count, 3);
    assert_string_equal(ls_strings_at(&s, 0), "a");
    assert_string_equal(ls_strings_at(&s, 1), "bcde");
    ls_strings_free(&s);
    OK(ls_h5_read_strings(f, "/ascii", &s));
    assert_string_equal(ls_strings_at(&s, 1), "");
    assert_string_equal(ls_strings_at(&s, 2), "three words long");
    ls_strings_free(&s);
    ls_h5_destroy(f);
    H5Tclose(fixed);
    H5Tclose(ascii);
    H5Pclose(creation);
    H5Sclose(space);
    H5Sclose(row);
}

static void keeps_strings_and_attributes(void **state) {
    (void)state;
    ls_h5 *f = NULL;
    ls_strings in = {0}, out = {0};
    char *text = NULL;
    OK(ls_strings_add(&in, "Hirn \xc3\xa4"));
    OK(ls_strings_add(&in, ""));
    OK(ls_h5_create(at("c.h5"), &f));
    OK(ls_h5_write_strings(f, "/samples", &in));
    OK(ls_h5_write_strings(f, "/none", &out));
    OK(ls_h5_write_text(f, "/config", "a: 1\nb: 2\n"));
    OK(ls_h5_make_group(f, "/zoo/a"));
    const double many[3] = {1.5, -2, 1e300};
    OK(ls_h5_write_attribute(f, "/", "many", LS_H5_F64, 3, many));
    OK(ls_h5_write_attribute_text(f, "/zoo", "kind", "first"));
    OK(ls_h5_write_attribute_text(f, "/zoo", "kind", "second"));
    OK(ls_h5_close(f));

    OK(ls_h5_open(at("c.h5"), &f));
    OK(ls_h5_read_strings(f, "/samples", &out));
    assert_int_equal(out.count, 2);
    assert_string_equal(ls_strings_at(&out, 0), "Hirn \xc3\xa4");
    ls_strings_free(&out);
    OK(ls_h5_read_strings(f, "/none", &out));
    assert_int_equal(out.count, 0);
    OK(ls_h5_read_text(f, "/config", &text));
    assert_string_equal(text, "a: 1\nb: 2\n");
    ls_free(text);
    OK(ls_h5_read_attribute_text(f, "/zoo", "kind", &text));
    assert_string_equal(text, "second");
    ls_free(text);
    double back[3] = {0};
    OK(ls_h5_read_attribute(f, "/", "many", LS_H5_F64, 3, back));
    assert_memory_equal(many, back, sizeof many);
    assert_true(ls_h5_has_attribute(f, "/", "many") && !ls_h5_has_attribute(f, "/", "few"));
    assert_true(ls_h5_has(f, "/zoo/a") && ls_h5_has(f, "/") && !ls_h5_has(f, "/zoo/a/b/c"));
    OK(ls_h5_list(f, "/", &out));
    assert_int_equal(out.count, 4); /* in the order of creation, not by name */
    assert_string_equal(ls_strings_at(&out, 0), "samples");
    assert_string_equal(ls_strings_at(&out, 2), "config");
    assert_string_equal(ls_strings_at(&out, 3), "zoo");
    ls_strings_free(&out);
    ls_strings_free(&in);

    float x;
    FAILS(LS_ERR_DATA, "c.h5: no array /nothing", ls_h5_read(f, "/nothing", LS_H5_F32, 1, &x));
    FAILS(LS_ERR_DATA, "/zoo is a group", ls_h5_read(f, "/zoo", LS_H5_F32, 1, &x));
    FAILS(LS_ERR_DATA, "/samples holds string, not numbers",
          ls_h5_read(f, "/samples", LS_H5_F32, 2, &x));
    FAILS(LS_ERR_DATA, "'many' has 3 elements, expected 2",
          ls_h5_read_attribute(f, "/", "many", LS_H5_F64, 2, back));
    ls_h5_destroy(f);
}

/* A file with a seal keeps strings of variable length. */
static void write_sealed(const char *name, const ls_strings *list, const char *text) {
    ls_pending_file pending = {0};
    ls_h5 *f = NULL;
    OK(ls_pending_begin(&pending, at(name)));
    OK(ls_h5_create_sealed(&pending, "test", &f));
    OK(ls_h5_write_strings(f, "/names", list));
    OK(ls_h5_write_text(f, "/text", text));
    OK(ls_h5_close(f));
    OK(ls_pending_commit(&pending));
}

/* More than one of HDF5's collections of strings, and one with a single long string. */
static void keeps_many_strings(void **state) {
    (void)state;
    enum { N = 3000, LONG = 100000 };
    ls_h5 *f = NULL;
    ls_strings in = {0}, out = {0};
    char name[32], *text = NULL, *back = NULL;
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "%*d", i % 20, i);
        OK(ls_strings_add(&in, name));
    }
    OK(ls_alloc(LONG, 1, "text", &text));
    memset(text, 'x', LONG - 1);
    write_sealed("many.h5", &in, text);
    OK(ls_h5_open(at("many.h5"), &f));
    OK(ls_h5_read_strings(f, "/names", &out));
    assert_int_equal(out.count, N);
    assert_memory_equal(out.text, in.text, in.text_length);
    OK(ls_h5_read_text(f, "/text", &back));
    assert_string_equal(back, text);
    ls_h5_destroy(f);
    ls_strings_free(&in);
    ls_strings_free(&out);
    ls_free(text);
    ls_free(back);
}

static char *find(char *bytes, size_t length, const void *what, size_t size) {
    char *found = memmem(bytes, length, what, size);
    assert_non_null(found);
    return found;
}

/* Bytes that HDF5 1.10 believes: it reads and writes behind its memory, or never ends. */
static void refuses_damaged_strings(void **state) {
    (void)state;
    ls_h5 *f = NULL;
    ls_strings in = {0}, out = {0};
    char *bytes = NULL;
    size_t length = 0;
    OK(ls_strings_add(&in, "first string"));
    OK(ls_strings_add(&in, "second"));
    write_sealed("whole.h5", &in, "");
    OK(ls_read_file(at("whole.h5"), &bytes, &length));
    char *base = bytes + 4096; /* what addresses count from: the end of the seal */
    char *heap = find(bytes, length, "GCOL", 4);
    const uint64_t address = (uint64_t)(heap - base);
    char *reference = find(bytes, length, &address, 8) - 4;
    char *free_space = find(heap, length - 4096 - address, "first string", 12) + 16;
    const struct {
        char *at;
        uint64_t value;
        size_t size;
        ls_status status;
    } damages[] = {
        {heap, 0, 1, LS_ERR_DATA},
        {heap + 8, (uint64_t)1 << 62, 8, LS_ERR_DATA},
        {heap + 8, UINT64_MAX, 8, LS_ERR_DATA},
        {heap + 8, 0, 8, LS_ERR_DATA},
        {heap + 16, 77, 2, LS_ERR_DATA},
        {heap + 24, 5, 8, LS_ERR_DATA},
        {heap + 24, UINT64_MAX, 8, LS_ERR_DATA},
        {heap + 24, UINT64_MAX - 20, 8, LS_ERR_DATA},
        {free_space + 8, 0, 8, LS_OK},
        {reference, 0xC0000000, 4, LS_ERR_DATA},
        {reference + 4, UINT64_MAX, 8, LS_ERR_DATA},
        {reference + 4, length, 8, LS_ERR_DATA},
        {reference + 12, UINT32_MAX, 4, LS_ERR_DATA},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char kept[8];
        memcpy(kept, damages[i].at, damages[i].size);
        memcpy(damages[i].at, &damages[i].value, damages[i].size);
        OK(ls_write_file(at("damaged.h5"), bytes, length));
        memcpy(damages[i].at, kept, damages[i].size);
        OK(ls_h5_open(at("damaged.h5"), &f));
        assert_int_equal(ls_h5_read_strings(f, "/names", &out), damages[i].status);
        ls_h5_destroy(f);
        ls_strings_free(&out);
    }
    ls_free(bytes);
    ls_strings_free(&in);
}

/* A length in a header that points far behind the file's end: HDF5 would read 2 GB of zeros. */
static void reads_nothing_behind_the_end(void **state) {
    (void)state;
    ls_h5 *f = NULL;
    char *bytes = NULL;
    size_t length = 0;
    uint64_t root = 0;
    const uint32_t size = 0x7ffffff0;
    H5Fclose(H5Fcreate(at("old.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    OK(ls_read_file(at("old.h5"), &bytes, &length));
    memcpy(&root, bytes + 64, sizeof root); /* the root group's header, in a superblock 0 */
    assert_true(root + 12 <= length && bytes[root] == 1);
    memcpy(bytes + root + 8, &size, sizeof size);
    OK(ls_write_file(at("old.h5"), bytes, length));
    ls_free(bytes);
    const uint64_t before = ls_peak_rss_bytes();
    FAILS(LS_ERR_DATA, "damaged or cut short", ls_h5_open(at("old.h5"), &f));
    assert_true(ls_peak_rss_bytes() - before < (uint64_t)1 << 28);
}

static void refuses_what_is_no_file(void **state) {
    (void)state;
    ls_h5 *f = NULL;
    FAILS(LS_ERR_DATA, "absent.h5: no such file", ls_h5_open(at("absent.h5"), &f));
    assert_null(f);
    FAILS(LS_ERR_DATA, "is not a file", ls_h5_open(test_dir, &f));
    OK(ls_write_file(at("text.h5"), "hello", 5));
    FAILS(LS_ERR_DATA, "text.h5: is not an HDF5 file", ls_h5_open(at("text.h5"), &f));
    FAILS(LS_ERR_IO, "No such file or directory", ls_h5_create(at("no/such/dir.h5"), &f));
    OK(ls_h5_create(at("cut.h5"), &f));
    float x[1000] = {0};
    OK(ls_h5_write(f, "/X", LS_H5_F32, 1, (size_t[]){1000}, x));
    OK(ls_h5_close(f));
    assert_int_equal(truncate(at("cut.h5"), 2000), 0);
    FAILS(LS_ERR_DATA, "damaged or cut short", ls_h5_open(at("cut.h5"), &f));
}

/* The same content gives the same bytes, whenever it is written. */
static void files_are_reproducible(void **state) {
    (void)state;
    char *bytes[2];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        const char *path = at(i ? "r1.h5" : "r0.h5");
        ls_h5 *f = NULL;
        ls_h5_array *a = NULL;
        const float x[5] = {1, 2, 3, 4, 5};
        OK(ls_h5_create(path, &f));
        OK(ls_h5_array_create(f, "/g/X", LS_H5_F32, 1, (size_t[]){5}, (size_t[]){3}, 1, &a));
        OK(ls_h5_array_write(a, (size_t[]){0}, (size_t[]){5}, LS_H5_F32, x));
        ls_h5_array_destroy(a);
        OK(ls_h5_write_text(f, "/t", "text"));
        OK(ls_h5_write_attribute_text(f, "/g", "a", "b"));
        OK(ls_h5_close(f));
        OK(ls_read_file(path, &bytes[i], &length[i]));
        if (i == 0)
            sleep(1); /* times in HDF5 files are in whole seconds */
    }
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
    ls_free(bytes[0]);
    ls_free(bytes[1]);
}

/* Fills a small file system; returns after ls_h5_close, and the error must have come. */
static ls_status fill(const char *path, const size_t *chunk, int gzip_level) {
    enum { ROWS = 1000, COLUMNS = 1000 }; /* 4 MB: four times the disk */
    ls_h5 *f = NULL;
    ls_h5_array *a = NULL;
    float *x = calloc(COLUMNS, sizeof *x);
    for (size_t i = 0; i < COLUMNS; i++)
        x[i] = (float)(i * 2654435761u);
    ls_status st = ls_h5_create(path, &f);
    if (st == LS_OK)
        st = ls_h5_array_create(f, "/X", LS_H5_F32, 2, (size_t[]){ROWS, COLUMNS}, chunk, gzip_level,
                                &a);
    for (size_t r = 0; st == LS_OK && r < ROWS; r++) {
        x[0] = (float)r;
        st = ls_h5_array_write(a, (size_t[]){r, 0}, (size_t[]){1, COLUMNS}, LS_H5_F32, x);
    }
    ls_h5_array_destroy(a);
    free(x);
    if (st != LS_OK) {
        ls_h5_destroy(f);
        return st;
    }
    return ls_h5_close(f);
}

static void full_disk_is_an_error(void **state) {
    (void)state;
    char disk[128];
    snprintf(disk, sizeof disk, "%s", at("disk"));
    assert_int_equal(mkdir(disk, 0777), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=1m") != 0) {
        print_message("skipped: mounting a small file system needs root\n");
        skip();
    }
    const size_t *const chunks[] = {NULL, (size_t[]){10, 100}, (size_t[]){1000, 1000}};
    ls_status st[3];
    char message[3][LS_ERROR_MESSAGE_MAX + LS_ERROR_HINT_MAX + 4];
    for (int i = 0; i < 3; i++) {
        st[i] = fill(at("disk/full.h5"), chunks[i], 0);
        snprintf(message[i], sizeof message[i], "%s | %s", ls_error_last()->message,
                 ls_error_last()->hint);
        unlink(at("disk/full.h5"));
    }
    assert_int_equal(umount(disk), 0); /* also: no file was left open */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(st[i], LS_ERR_IO);
        assert_non_null(strstr(message[i], "No space left on device"));
        assert_non_null(strstr(message[i], "free some space"));
    }
}

/* A disk that is full from the first byte: nothing but close and destroy may follow. */
static void no_byte_can_be_written(void **state) {
    (void)state;
    ls_h5 *f = NULL;
    const ls_status created = ls_h5_create("/dev/full", &f);
    if (created == LS_OK) {
        const ls_status st = ls_h5_write_text(f, "/t", "text");
        if (st == LS_OK)
            assert_int_equal(ls_h5_close(f), LS_ERR_IO);
        else
            ls_h5_destroy(f);
    }
    assert_int_equal(ls_error_last()->status, LS_ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_hdf5_reads),
        cmocka_unit_test(reads_what_hdf5_wrote),
        cmocka_unit_test(keeps_strings_and_attributes),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(files_are_reproducible),
        cmocka_unit_test(full_disk_is_an_error),
        cmocka_unit_test(no_byte_can_be_written),
        cmocka_unit_test(keeps_many_strings),
        cmocka_unit_test(refuses_damaged_strings),
        cmocka_unit_test(reads_nothing_behind_the_end),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
