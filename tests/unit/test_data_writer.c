/* The dataset writer: the file of the contract, in chunks, whole or absent. */
#include <unistd.h>

#include "lockstep/base/file.h"
#include "lockstep/data/writer.h"
#include "lockstep/format/h5.h"
#include "test_files.h"

enum { ROWS = 300, COLUMNS = 520 }; /* one chunk and a bit, in both directions */

static char path[96];

static int make_path(void **state) {
    const int made = make_dir(state);
    snprintf(path, sizeof path, "%s/out.h5", test_dir);
    return made;
}

/* Fails where a temporary file was left. */
static int remove_path(void **state) {
    (void)state;
    unlink(path);
    return rmdir(test_dir);
}

static float value_at(size_t row, size_t column) {
    return (float)(row * 1000 + column);
}

static void write_block(ls_dataset_writer *w, size_t row, size_t rows, size_t column,
                        size_t columns) {
    float *x = malloc(rows * columns * sizeof *x);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            x[i * columns + j] = value_at(row + i, column + j);
    OK(ls_dataset_writer_block(w, row, rows, column, columns, x));
    free(x);
}

static void writes_the_file_of_the_contract(void **state) {
    (void)state;
    ls_dataset_writer *w = NULL;
    ls_strings names = {0};
    int32_t label[ROWS];
    uint8_t split[ROWS];
    for (int i = 0; i < ROWS; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%d", i);
        OK(ls_strings_add(&names, id));
        label[i] = i % 2;
        split[i] = (uint8_t)(i % 3);
    }
    OK(ls_dataset_writer_create(path, ROWS, COLUMNS, 1, &w));
    write_block(w, 0, ROWS, 0, 512);
    write_block(w, 0, 256, 512, COLUMNS - 512);
    write_block(w, 256, ROWS - 256, 512, COLUMNS - 512);
    ls_strings classes = {0};
    OK(ls_strings_add(&classes, "no"));
    OK(ls_strings_add(&classes, "yes"));
    OK(ls_dataset_writer_labels(w, label, &classes));
    OK(ls_dataset_writer_names(w, "samples", &names));
    OK(ls_dataset_writer_split(w, split));
    assert_int_equal(ls_dataset_writer_names(w, "features", &names), LS_ERR_RUNTIME);
    assert_false(ls_path_exists(path));
    OK(ls_dataset_writer_finish(w, NULL));
    assert_true(ls_path_exists(path));

    ls_h5 *f = NULL;
    ls_h5_info info;
    OK(ls_h5_open(path, &f));
    OK(ls_h5_describe(f, "/X", &info));
    assert_string_equal(info.type_name, "float32");
    assert_int_equal(info.chunk[0], LS_CHUNK_SAMPLES);
    assert_int_equal(info.chunk[1], LS_CHUNK_FEATURES);
    assert_true(info.compressed);
    float *x = malloc(sizeof(float) * ROWS * COLUMNS);
    OK(ls_h5_read(f, "/X", LS_H5_F32, (size_t)ROWS * COLUMNS, x));
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
        assert_true(x[i] == value_at(i / COLUMNS, i % COLUMNS));
    free(x);
    int32_t back[ROWS];
    OK(ls_h5_read(f, "/y", LS_H5_I32, ROWS, back));
    assert_memory_equal(back, label, sizeof label);
    uint8_t parts[ROWS];
    OK(ls_h5_read(f, "/split", LS_H5_U8, ROWS, parts));
    assert_memory_equal(parts, split, sizeof split);
    ls_strings read = {0};
    OK(ls_h5_read_strings(f, "/classes", &read));
    assert_string_equal(ls_strings_at(&read, 1), "yes");
    ls_strings_free(&read);
    OK(ls_h5_read_strings(f, "/samples", &read));
    assert_int_equal(read.count, ROWS);
    assert_string_equal(ls_strings_at(&read, 299), "s299");
    ls_strings_free(&read);
    ls_strings_free(&classes);
    ls_strings_free(&names);
    ls_h5_destroy(f);
}

static void targets_have_the_rank_of_the_contract(void **state) {
    (void)state;
    const float value[6] = {1, 2, 3, 4, 5, 6};
    for (size_t outputs = 1; outputs <= 2; outputs++) {
        ls_dataset_writer *w = NULL;
        OK(ls_dataset_writer_create(path, 3, 1, 0, &w));
        OK(ls_dataset_writer_block(w, 0, 3, 0, 1, value));
        OK(ls_dataset_writer_values(w, value, outputs, NULL));
        OK(ls_dataset_writer_finish(w, NULL));
        ls_h5 *f = NULL;
        ls_h5_info info;
        OK(ls_h5_open(path, &f));
        OK(ls_h5_describe(f, "/y", &info));
        assert_int_equal(info.rank, outputs);
        OK(ls_h5_describe(f, "/X", &info));
        assert_int_equal(info.chunk[0], 3); /* chunks are no larger than the matrix */
        assert_int_equal(info.chunk[1], 1);
        assert_false(info.compressed);
        ls_h5_destroy(f);
    }
    unlink(path);
}

static void abandoned_leaves_nothing(void **state) {
    (void)state;
    ls_dataset_writer *w = NULL;
    OK(ls_dataset_writer_create(path, 3, 4, 0, &w));
    ls_dataset_writer_abandon(w);
    ls_dataset_writer_abandon(NULL);
    assert_false(ls_path_exists(path));
    assert_int_equal(ls_dataset_writer_create(path, 3, 0, 0, &w), LS_ERR_DATA);
    assert_int_equal(ls_dataset_writer_create("/no/such/dir/x.h5", 3, 4, 0, &w), LS_ERR_IO);
    assert_null(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_file_of_the_contract),
        cmocka_unit_test(targets_have_the_rank_of_the_contract),
        cmocka_unit_test(abandoned_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
