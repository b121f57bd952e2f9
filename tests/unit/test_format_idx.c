/* IDX files: every element type, gzip or not, and headers that do not fit. */
#include "lockstep/format/idx.h"
#include "text_files.h"

static ls_status read_all(const char *path, size_t elements, float *out, ls_idx_info *info) {
    ls_idx *f = NULL;
    ls_status st = ls_idx_open(path, &f);
    if (st == LS_OK) {
        *info = *ls_idx_about(f);
        st = ls_idx_read(f, elements, out);
    }
    if (st == LS_OK)
        st = ls_idx_check_end(f);
    ls_idx_close(f);
    return st;
}

static void reads_every_type(void **state) {
    (void)state;
    static const struct {
        char type, bytes[16];
        size_t element_bytes;
        bool is_integer;
        float expected[2];
    } kinds[] = {
        {0x08, {(char)0xff, 7}, 1, true, {255, 7}},
        {0x09, {(char)0xff, 7}, 1, true, {-1, 7}},
        {0x0b, {(char)0xff, (char)0xfe, 1, 2}, 2, true, {-2, 258}},
        {0x0c, {(char)0xff, (char)0xff, (char)0xff, (char)0xfd, 0, 1, 0, 0}, 4, true, {-3, 65536}},
        {0x0d, {0x40, 0x20, 0, 0, (char)0xbf, (char)0x80, 0, 0}, 4, false, {2.5f, -1}},
        {0x0e, {0x40, 0x04, 0, 0, 0, 0, 0, 0, (char)0xbf, (char)0xf0}, 8, false, {2.5f, -1}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int gzip = 0; gzip < 2; gzip++) {
            char file[12 + 16] = {0, 0, kinds[i].type, 2, 0, 0, 0, 2, 0, 0, 0, 1};
            float x[2];
            ls_idx_info info = {0};
            memcpy(file + 12, kinds[i].bytes, 16);
            OK(read_all(put_file(gzip ? "a.gz" : "a", file, 12 + 2 * kinds[i].element_bytes), 2, x,
                        &info));
            assert_int_equal(info.rank, 2);
            assert_int_equal(info.dim[0], 2);
            assert_int_equal(info.dim[1], 1);
            assert_int_equal(info.is_integer, kinds[i].is_integer);
            assert_true(x[0] == kinds[i].expected[0] && x[1] == kinds[i].expected[1]);
        }
}

static void more_than_one_block(void **state) {
    (void)state;
    enum { N = 20001 };
    unsigned char file[8 + N] = {0, 0, 8, 1, 0, 0, N >> 8, N & 255};
    static float x[N];
    ls_idx_info info;
    for (size_t i = 0; i < N; i++)
        file[8 + i] = (unsigned char)(i * 7);
    OK(read_all(put_file("b.gz", file, sizeof file), N, x, &info));
    for (size_t i = 0; i < N; i++)
        assert_true(x[i] == (float)(unsigned char)(i * 7));
}

static void keeps_whole_numbers(void **state) {
    (void)state;
    static const struct {
        char type;
        size_t bytes;
        int32_t expected[2];
    } kinds[] = {{0x08, 1, {255, 1}},
                 {0x09, 1, {-1, 1}},
                 {0x0b, 2, {-255, 0}},
                 {0x0c, 4, {-16711423, 16777217}}};
    const char bytes[] = {(char)0xff, 1, 0, 0};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char file[8 + 8] = {0, 0, kinds[i].type, 1, 0, 0, 0, 2};
        int32_t x[2];
        ls_idx *f = NULL;
        memcpy(file + 8, bytes, sizeof bytes);
        if (kinds[i].bytes == 4)
            memcpy(file + 8, (char[]){(char)0xff, 1, 1, 1, 1, 0, 0, 1}, 8);
        OK(ls_idx_open(put_file("n", file, 8 + 2 * kinds[i].bytes), &f));
        OK(ls_idx_read_integers(f, 2, x));
        OK(ls_idx_check_end(f));
        assert_memory_equal(x, kinds[i].expected, sizeof x);
        ls_idx_close(f);
    }
}

static void tells_what_is_wrong(void **state) {
    (void)state;
    float x[8];
    ls_idx_info info;
    const char good[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3, 4};
    FAILS(LS_ERR_DATA, "c: is not an IDX file",
          read_all(put_file("c", "hello world", 11), 1, x, &info));
    FAILS(LS_ERR_DATA, "c: is not an IDX file", read_all(put_file("c", good, 3), 1, x, &info));
    FAILS(LS_ERR_DATA, "c: is cut short: it ends in its header",
          read_all(put_file("c", good, 6), 1, x, &info));
    FAILS(LS_ERR_DATA, "c: is cut short: 2 elements, the header promises 3",
          read_all(put_file("c", good, 10), 3, x, &info));
    FAILS(LS_ERR_DATA, "c.gz: holds more than the 3 elements",
          read_all(put_file("c.gz", good, 12), 3, x, &info));
    OK(read_all(put_file("c", good, 11), 3, x, &info));
    char huge[40] = {0, 0, 8, 3};
    memset(huge + 4, -1, 12);
    FAILS(LS_ERR_DATA, "promises more elements than can be",
          read_all(put_file("c", huge, 40), 3, x, &info));
    const char large[] = {0, 0, 8, 2, 0, 0, 0, 2, 0x40, 0, 0, 0, 1, 2, 3};
    FAILS(LS_ERR_DATA, "c: is cut short: it is too small for the 2,147,483,648 elements",
          read_all(put_file("c", large, sizeof large), 3, x, &info));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(more_than_one_block),
        cmocka_unit_test(keeps_whole_numbers),
        cmocka_unit_test(tells_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
