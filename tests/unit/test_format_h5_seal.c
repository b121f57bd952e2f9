/* HDF5 files with a seal: they hold what was written in whatever order; any damage is found. */
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/h5.h"
#include "test_files.h"

/* Rows in an order that goes back and forth, some twice; a later turn writes other values. */
enum { WIDE_ROWS = 300, WIDE_COLUMNS = 12345, TURNS = 350, WIDE_STEP = 1 << 20 };

static size_t row_of(size_t turn) {
    return turn < WIDE_ROWS ? turn ^ (turn / 40 % 2) : turn * 7 % WIDE_ROWS;
}

static float value_of(size_t turn, size_t column) {
    return (float)(row_of(turn) * 31 + column + turn / WIDE_ROWS);
}

static void write_back_and_forth(ls_h5_array *a, float *row) {
    for (size_t turn = 0; turn < TURNS; turn++) {
        for (size_t c = 0; c < WIDE_COLUMNS; c++)
            row[c] = value_of(turn, c);
        OK(ls_h5_array_write(a, (size_t[]){row_of(turn), 0}, (size_t[]){1, WIDE_COLUMNS}, LS_H5_F32,
                             row));
    }
}

static void check_back_and_forth(ls_h5_array *a, float *row) {
    size_t last[WIDE_ROWS];
    for (size_t turn = 0; turn < TURNS; turn++)
        last[row_of(turn)] = turn;
    for (size_t r = 0; r < WIDE_ROWS; r++) {
        OK(ls_h5_array_read(a, (size_t[]){r, 0}, (size_t[]){1, WIDE_COLUMNS}, LS_H5_F32, row));
        for (size_t c = 0; c < WIDE_COLUMNS; c++)
            assert_true(row[c] == value_of(last[r], c));
    }
}

/* A file of many pieces, of which some are written twice or bit by bit: its bytes are right, and
 * its seal, which comes from sums that were made on the way, fits them. */
static void seals_what_was_written(void **state) {
    (void)state;
    ls_pending_file pending = {0};
    ls_h5 *f = NULL;
    ls_h5_array *a = NULL;
    float *row = NULL;
    bool sealed = false;
    OK(ls_alloc(WIDE_COLUMNS, sizeof *row, "row", &row));
    OK(ls_pending_begin(&pending, at("wide.h5")));
    OK(ls_h5_create_sealed(&pending, "test", &f));
    OK(ls_h5_array_create(f, "/X", LS_H5_F32, 2, (size_t[]){WIDE_ROWS, WIDE_COLUMNS},
                          (size_t[]){1, WIDE_COLUMNS}, 0, &a));
    write_back_and_forth(a, row);
    ls_h5_array_destroy(a);
    OK(ls_h5_close(f));
    OK(ls_pending_commit(&pending));
    OK(ls_h5_open_sealed(at("wide.h5"), "test", &sealed, &f));
    assert_true(sealed);
    OK(ls_h5_array_open(f, "/X", 0, &a));
    check_back_and_forth(a, row);
    ls_h5_array_destroy(a);
    ls_h5_destroy(f);
    ls_free(row);
}

/* One bit in every piece, in the last byte and in the seal itself. */
static void finds_a_turned_bit(void **state) {
    (void)state;
    char *bytes = NULL;
    size_t length = 0;
    ls_h5 *f = NULL;
    bool sealed;
    OK(ls_read_file(at("wide.h5"), &bytes, &length));
    assert_true(length > 4 * WIDE_STEP);
    for (size_t i = 70; i < length + WIDE_STEP; i += i < 100 ? 5000 : WIDE_STEP) {
        const size_t place = i < length ? i : length - 1;
        bytes[place] ^= 16;
        OK(ls_write_file(at("damaged.h5"), bytes, length));
        bytes[place] ^= 16;
        FAILS(LS_ERR_DATA, "the file is damaged",
              ls_h5_open_sealed(at("damaged.h5"), "test", &sealed, &f));
    }
    ls_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_what_was_written),
        cmocka_unit_test(finds_a_turned_bit),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
