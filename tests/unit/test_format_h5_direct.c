/* Reading past HDF5: every kind of file that it takes gives what HDF5 gives, for any block; what it
 * does not take is still read, by HDF5. */
#include <math.h>

#include <hdf5.h>

#include "h5_direct.h"
#include "lockstep/base/file.h"
#include "lockstep/format/h5.h"
#include "numbers.h"
#include "test_files.h"

/* No multiples of the chunks, so that some reach over the edge. */
enum { ROWS = 37, COLUMNS = 53 };
static const hsize_t dim[2] = {ROWS, COLUMNS}, chunk[2] = {8, 10};

typedef enum filters { NONE, SHUFFLE = 1, DEFLATE = 2, FLETCHER = 4, OTHER = 8 } filters;

static float x[ROWS * COLUMNS];

/* Writes x by HDF5's own calls. */
static void write_file(const char *name, bool chunked, unsigned use, hid_t stored,
                       hsize_t user_block) {
    hid_t create = H5Pcreate(H5P_FILE_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_userblock(create, user_block) >= 0);
    hid_t file = H5Fcreate(at(name), H5F_ACC_TRUNC, create, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, dim, NULL);
    if (chunked)
        H5Pset_chunk(creation, 2, chunk);
    if (use & OTHER)
        H5Pset_scaleoffset(creation, H5Z_SO_FLOAT_DSCALE, 3);
    if (use & SHUFFLE)
        H5Pset_shuffle(creation);
    if (use & DEFLATE)
        H5Pset_deflate(creation, 4);
    if (use & FLETCHER)
        H5Pset_fletcher32(creation);
    hid_t d = H5Dcreate2(file, "X", stored, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(H5Dwrite(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    H5Dclose(d);
    H5Sclose(space);
    H5Fclose(file);
    H5Pclose(creation);
    H5Pclose(create);
}

/* The array, by both ways. */
typedef struct both {
    ls_h5 *f;
    ls_h5_array *a;
    ls_h5_direct direct;
    hid_t d;
} both;

static both open_both(const char *name) {
    both b;
    OK(ls_h5_open(at(name), &b.f));
    OK(ls_h5_array_open(b.f, "/X", 0, &b.a));
    b.d = H5Dopen2(b.f->id, "X", H5P_DEFAULT);
    assert_true(b.d >= 0);
    ls_h5_direct_prepare(b.f->id, b.d, ls_h5_array_info(b.a), &b.direct);
    return b;
}

static void close_both(both *b) {
    ls_h5_direct_free(&b->direct);
    H5Dclose(b->d);
    ls_h5_array_destroy(b->a);
    ls_h5_destroy(b->f);
}

/* Other blocks are left to HDF5, where there are chunks. */
static bool is_most_of_its_chunks(const size_t *start, const size_t *count) {
    size_t read = 1;
    for (int k = 0; k < 2; k++)
        read *= ((start[k] + count[k] - 1) / chunk[k] - start[k] / chunk[k] + 1) * chunk[k];
    return read <= 8 * count[0] * count[1];
}

static void check_block(both *b, bool taken, const size_t *start, const size_t *count, double off) {
    static float got[ROWS * COLUMNS];
    for (int way = 0; way < (taken && is_most_of_its_chunks(start, count) ? 2 : 1); way++) {
        memset(got, 0xff, sizeof got);
        if (way == 0)
            OK(ls_h5_array_read(b->a, start, count, LS_H5_F32, got));
        else
            assert_true(ls_h5_direct_read(&b->direct, b->d, ls_h5_array_info(b->a), &b->f->disk,
                                          start, count, got));
        for (size_t r = 0; r < count[0]; r++)
            for (size_t c = 0; c < count[1]; c++)
                assert_true(fabs((double)got[r * count[1] + c] -
                                 (double)x[(start[0] + r) * COLUMNS + start[1] + c]) <= off);
    }
}

/* Every block that begins and ends at these places; the values may be off by `off`. taken: the file
 * is one that is read past HDF5. */
static void check_blocks(const char *name, bool taken, double off) {
    static const size_t places[] = {0, 1, 7, 8, 9, 20, 30, 36, 37}, more[] = {0, 9, 10, 11, 50, 53};
    both b = open_both(name);
    assert_int_equal(b.direct.usable, taken);
    for (size_t i = 0; i < 9; i++)
        for (size_t j = i + 1; j < 9; j++)
            for (size_t k = 0; k < 6; k++)
                for (size_t l = k + 1; l < 6; l++)
                    check_block(&b, taken, (size_t[]){places[i], more[k]},
                                (size_t[]){places[j] - places[i], more[l] - more[k]}, off);
    close_both(&b);
}

static void takes_what_is_plain(void **state) {
    (void)state;
    for (unsigned use = NONE; use < OTHER; use++) {
        write_file("chunks.h5", true, use, H5T_IEEE_F32LE, 0);
        check_blocks("chunks.h5", true, 0);
    }
    write_file("one.h5", false, NONE, H5T_IEEE_F32LE, 0);
    check_blocks("one.h5", true, 0);
}

static void leaves_the_rest_to_hdf5(void **state) {
    (void)state;
    write_file("other.h5", true, OTHER | FLETCHER, H5T_IEEE_F32LE, 0);
    check_blocks("other.h5", false, 1e-3);
    write_file("big.h5", true, DEFLATE, H5T_IEEE_F32BE, 0);
    check_blocks("big.h5", false, 0);
    write_file("double.h5", false, NONE, H5T_IEEE_F64LE, 0);
    check_blocks("double.h5", false, 0);
    write_file("user.h5", true, NONE, H5T_IEEE_F32LE, 512);
    check_blocks("user.h5", false, 0);
}

/* Chunks that are missing, or that some filter has not been applied to. */
static void odd_chunks(void **state) {
    (void)state;
    write_file("odd.h5", true, SHUFFLE | DEFLATE, H5T_IEEE_F32LE, 0);
    hid_t file = H5Fopen(at("odd.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t d = H5Dopen2(file, "X", H5P_DEFAULT);
    static float plain[8 * 10];
    for (size_t r = 0; r < 8; r++)
        for (size_t c = 0; c < 10; c++)
            plain[r * 10 + c] = x[(8 + r) * COLUMNS + 10 + c];
    const hsize_t at_chunk[2] = {8, 10};
    assert_true(H5Dwrite_chunk(d, H5P_DEFAULT, 3, at_chunk, sizeof plain, plain) >= 0);
    H5Dclose(d);
    H5Fclose(file);
    both b = open_both("odd.h5");
    assert_true(b.direct.usable);
    check_block(&b, true, (size_t[]){0, 0}, (size_t[]){8, COLUMNS}, 0);
    check_block(&b, false, (size_t[]){0, 0}, (size_t[]){ROWS, COLUMNS}, 0);
    close_both(&b);

    hid_t space = H5Screate_simple(2, dim, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    const float fill = 2.5f;
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_fill_value(creation, H5T_NATIVE_FLOAT, &fill);
    file = H5Fcreate(at("holes.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    d = H5Dcreate2(file, "X", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const hsize_t first[2] = {0, 0};
    assert_true(H5Dwrite_chunk(d, H5P_DEFAULT, 0, first, sizeof plain, plain) >= 0);
    H5Dclose(d);
    H5Fclose(file);
    H5Sclose(space);
    H5Pclose(creation);
    ls_h5 *f = NULL;
    static float got[ROWS * COLUMNS];
    OK(ls_h5_open(at("holes.h5"), &f));
    OK(ls_h5_read(f, "/X", LS_H5_F32, ROWS * COLUMNS, got));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < COLUMNS; c++)
            assert_true(got[r * COLUMNS + c] == (r < 8 && c < 10 ? plain[r * 10 + c] : fill));
    ls_h5_destroy(f);
}

/* A turned bit of any chunk that has a sum is told in HDF5's words, wherever it is. */
static void damage_is_found(void **state) {
    (void)state;
    char *bytes = NULL;
    size_t length = 0;
    static float got[ROWS * COLUMNS];
    write_file("sum.h5", true, FLETCHER, H5T_IEEE_F32LE, 0);
    OK(ls_read_file(at("sum.h5"), &bytes, &length));
    for (size_t i = 0; i < ROWS * COLUMNS; i += 97) {
        char *place = memmem(bytes, length, &x[i], sizeof x[i]);
        ls_h5 *f = NULL;
        assert_non_null(place);
        place[i % 4] ^= (char)(1 << i % 8);
        OK(ls_write_file(at("bad.h5"), bytes, length));
        place[i % 4] ^= (char)(1 << i % 8);
        OK(ls_h5_open(at("bad.h5"), &f));
        FAILS(LS_ERR_DATA, "a checksum differs",
              ls_h5_read(f, "/X", LS_H5_F32, ROWS * COLUMNS, got));
        ls_h5_destroy(f);
    }
    ls_free(bytes);
}

/* Rows of chunks: the same values, and a sum counts only where a chunk is compressed. */
static void parts_of_chunks(void **state) {
    (void)state;
    static const size_t rows[] = {0, 1, 3, 8, 12, 17, 36, 37}, columns[] = {0, 4, 10, 33, 53};
    for (unsigned use = NONE; use < OTHER; use++) {
        write_file("parts.h5", true, use, H5T_IEEE_F32LE, 0);
        both b = open_both("parts.h5");
        OK(ls_h5_array_take_parts(b.a));
        OK(ls_h5_direct_take_parts(&b.direct, ls_h5_array_info(b.a)));
        assert_int_equal(b.direct.known != NULL, use == NONE || use == FLETCHER);
        for (int again = 0; again < 2; again++) /* once the places are known */
            for (size_t i = 0; i < 7; i++)
                for (size_t k = 0; k < 4; k++)
                    check_block(&b, true, (size_t[]){rows[i], columns[k]},
                                (size_t[]){rows[i + 1] - rows[i], columns[k + 1] - columns[k]}, 0);
        close_both(&b);
    }
    char *bytes = NULL;
    size_t length = 0;
    static float got[COLUMNS];
    write_file("parts.h5", true, FLETCHER, H5T_IEEE_F32LE, 0);
    OK(ls_read_file(at("parts.h5"), &bytes, &length));
    char *place = memmem(bytes, length, &x[3 * COLUMNS + 20], sizeof *x);
    assert_non_null(place);
    place[1] ^= 1;
    OK(ls_write_file(at("bad.h5"), bytes, length));
    ls_free(bytes);
    both b = open_both("bad.h5");
    const size_t good[2] = {2, 0}, bad[2] = {3, 0}, count[2] = {1, COLUMNS};
    FAILS(LS_ERR_DATA, "a checksum differs", ls_h5_array_read(b.a, bad, count, LS_H5_F32, got));
    OK(ls_h5_array_take_parts(b.a));
    OK(ls_h5_array_read(b.a, good, count, LS_H5_F32, got));
    assert_memory_equal(got, x + 2 * COLUMNS, sizeof got);
    OK(ls_h5_array_read(b.a, bad, count, LS_H5_F32, got));
    assert_true(got[20] != x[3 * COLUMNS + 20] && got[19] == x[3 * COLUMNS + 19]);
    close_both(&b);
}

static int setup(void **state) {
    fill(x, ROWS * COLUMNS, 1);
    x[3] = 0;
    return make_dir(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_plain), cmocka_unit_test(leaves_the_rest_to_hdf5),
        cmocka_unit_test(odd_chunks),          cmocka_unit_test(damage_is_found),
        cmocka_unit_test(parts_of_chunks),
    };
    return cmocka_run_group_tests(tests, setup, remove_dir);
}
