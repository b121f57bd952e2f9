/* Datasets: files made with plain HDF5 calls read as they should, in both layouts, and every
 * way in which a file can be wrong is an error that says where. */
#include <math.h>

#include "lockstep/data/dataset.h"
#include "test_files.h"

static const float x35[15] = {0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24};

/* A file with X[3, 5], X[i, j] = 10 i + j. */
static ls_h5 *file_with_x(const char *name) {
    ls_h5 *f = NULL;
    OK(ls_h5_create(at(name), &f));
    put(f, "/X", LS_H5_F32, 2, 3, 5, x35);
    return f;
}

static ls_status open_file(const char *name, ls_dataset **ds) {
    ls_dataset_paths paths = ls_dataset_default_paths(at(name));
    return ls_dataset_open(&paths, ds);
}

/* Closes f, then opening it as a dataset must fail. */
static void refused(ls_h5 *f, const char *name, const char *says) {
    ls_dataset *ds = NULL;
    OK(ls_h5_close(f));
    FAILS(LS_ERR_DATA, says, open_file(name, &ds));
    assert_null(ds);
    assert_non_null(strstr(ls_error_last()->message, name));
}

static void reads_a_complete_file(void **state) {
    (void)state;
    ls_h5 *f = file_with_x("full.h5");
    put(f, "/y", LS_H5_U8, 1, 3, 1, (uint8_t[]){2, 0, 2});
    PUT_STRINGS(f, "/classes", "liver", "lung", "skin");
    PUT_STRINGS(f, "/features", "a", "b", "c", "d", "e");
    PUT_STRINGS(f, "/samples", "s0", "s1", "s2");
    PUT_STRINGS(f, "/groups", "z", "y", "z");
    put(f, "/split", LS_H5_U8, 1, 3, 1, (uint8_t[]){0, 2, 255});
    OK(ls_h5_close(f));
    ls_dataset *ds = NULL;
    OK(open_file("full.h5", &ds));
    assert_int_equal(ds->n_samples, 3);
    assert_int_equal(ds->n_features, 5);
    assert_int_equal(ds->target, LS_TARGET_CLASSES);
    assert_memory_equal(ds->label, ((int32_t[]){2, 0, 2}), 12);
    assert_int_equal(ds->classes.count, 3);
    assert_true(ds->named_classes);
    assert_string_equal(ls_strings_at(&ds->features, 4), "e");
    assert_string_equal(ls_strings_at(&ds->samples, 1), "s1");
    assert_memory_equal(ds->group, ((uint32_t[]){0, 1, 0}), 12);
    assert_int_equal(ds->groups.count, 2);
    assert_string_equal(ls_strings_at(&ds->groups, 0), "z");
    assert_memory_equal(ds->split, ((uint8_t[]){0, 2, 255}), 3);
    float block[4];
    OK(ls_dataset_read_raw(ds, 1, 2, 3, 2, block));
    assert_memory_equal(block, ((float[]){13, 14, 23, 24}), 16);
    assert_int_equal(ls_dataset_read_raw(ds, 2, 2, 0, 1, block), LS_ERR_RUNTIME);
    assert_int_equal(ls_dataset_read_raw(ds, 0, 1, 5, 1, block), LS_ERR_RUNTIME);
    OK(ls_dataset_read_raw(ds, 3, 0, 0, 5, block));
    char place[LS_DATASET_PLACE_MAX];
    ls_dataset_place(ds, 1, 3, place, sizeof place);
    assert_string_equal(place, "/X: row 1 (s1), column 3 (d)");
    ls_dataset_close(ds);
}

static void reads_both_layouts(void **state) {
    (void)state;
    enum { N = 70, D = 45 };
    static int32_t turned[D * N];
    static float block[N * D];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++)
            turned[j * N + i] = 1000 * i + j;
    ls_h5 *f = NULL;
    OK(ls_h5_create(at("turned.h5"), &f));
    put(f, "/in/counts", LS_H5_I32, 2, D, N, turned);
    OK(ls_h5_close(f));
    ls_dataset_paths paths = ls_dataset_default_paths(at("turned.h5"));
    paths.x = "/in/counts";
    paths.layout = LS_FEATURES_BY_SAMPLES;
    ls_dataset *ds = NULL;
    OK(ls_dataset_open(&paths, &ds));
    assert_int_equal(ds->n_samples, N);
    assert_int_equal(ds->n_features, D);
    assert_int_equal(ds->target, LS_TARGET_NONE);
    OK(ls_dataset_read_raw(ds, 3, 66, 2, 41, block));
    for (size_t i = 0; i < 66; i++)
        for (size_t j = 0; j < 41; j++)
            assert_true(block[i * 41 + j] == (float)(1000 * (i + 3) + j + 2));
    ls_dataset_close(ds);
}

static void reads_every_kind_of_y(void **state) {
    (void)state;
    ls_dataset *ds = NULL;
    ls_h5 *f = file_with_x("codes.h5");
    put(f, "/y", LS_H5_I64, 1, 3, 1, (int64_t[]){3, 0, 3});
    OK(ls_h5_close(f));
    OK(open_file("codes.h5", &ds));
    assert_int_equal(ds->classes.count, 4);
    assert_string_equal(ls_strings_at(&ds->classes, 3), "3");
    assert_false(ds->named_classes);
    ls_dataset_close(ds);

    f = file_with_x("names.h5");
    PUT_STRINGS(f, "/y", "10", "", "9");
    OK(ls_h5_close(f));
    OK(open_file("names.h5", &ds));
    assert_memory_equal(ds->label, ((int32_t[]){1, 2, 0}), 12);
    assert_string_equal(ls_strings_at(&ds->classes, 0), "9");
    assert_string_equal(ls_strings_at(&ds->classes, 2), "");
    assert_true(ds->named_classes);
    ls_dataset_close(ds);

    f = file_with_x("listed.h5");
    PUT_STRINGS(f, "/y", "b", "a", "b");
    PUT_STRINGS(f, "/classes", "c", "b", "a");
    OK(ls_h5_close(f));
    OK(open_file("listed.h5", &ds));
    assert_memory_equal(ds->label, ((int32_t[]){1, 2, 1}), 12);
    assert_int_equal(ds->classes.count, 3);
    ls_dataset_close(ds);

    f = file_with_x("one.h5");
    put(f, "/y", LS_H5_F64, 1, 3, 1, (double[]){0.5, -1, 2});
    OK(ls_h5_close(f));
    OK(open_file("one.h5", &ds));
    assert_int_equal(ds->target, LS_TARGET_VALUES);
    assert_int_equal(ds->n_outputs, 1);
    assert_memory_equal(ds->value, ((float[]){0.5f, -1, 2}), 12);
    ls_dataset_close(ds);

    f = file_with_x("two.h5");
    put(f, "/y", LS_H5_I32, 2, 3, 2, (int32_t[]){1, 2, 3, 4, 5, 6});
    PUT_STRINGS(f, "/targets", "age", "height");
    OK(ls_h5_close(f));
    OK(open_file("two.h5", &ds));
    assert_int_equal(ds->target, LS_TARGET_VALUES);
    assert_int_equal(ds->n_outputs, 2);
    assert_true(ds->value[5] == 6);
    assert_string_equal(ls_strings_at(&ds->targets, 1), "height");
    ls_dataset_close(ds);

    f = file_with_x("numbered.h5");
    put(f, "/samples", LS_H5_I32, 1, 3, 1, (int32_t[]){7, -8, 9});
    put(f, "/groups", LS_H5_I32, 1, 3, 1, (int32_t[]){5, 5, 1});
    OK(ls_h5_close(f));
    OK(open_file("numbered.h5", &ds));
    assert_string_equal(ls_strings_at(&ds->samples, 1), "-8");
    assert_memory_equal(ds->group, ((uint32_t[]){0, 0, 1}), 12);
    ls_dataset_close(ds);
}

static void refuses_a_wrong_x(void **state) {
    (void)state;
    ls_dataset *ds = NULL;
    FAILS(LS_ERR_DATA, "absent.h5", open_file("absent.h5", &ds));
    FILE *text = fopen(at("text.h5"), "w");
    fputs("gene\tvalue\n", text);
    fclose(text);
    FAILS(LS_ERR_DATA, "text.h5", open_file("text.h5", &ds));
    ls_h5 *f = NULL;
    OK(ls_h5_create(at("nox.h5"), &f));
    refused(f, "nox.h5", "no array /X");
    OK(ls_h5_create(at("flat.h5"), &f));
    put(f, "/X", LS_H5_F32, 1, 15, 1, x35);
    refused(f, "flat.h5", "/X has 1 dimension, not 2");
    OK(ls_h5_create(at("cube.h5"), &f));
    put(f, "/X", LS_H5_F32, 3, 3, 5, x35);
    refused(f, "cube.h5", "flattened");
    OK(ls_h5_create(at("strings.h5"), &f));
    PUT_STRINGS(f, "/X", "a", "b");
    refused(f, "strings.h5", "/X holds string, not numbers");
    OK(ls_h5_create(at("empty.h5"), &f));
    put(f, "/X", LS_H5_F32, 2, 0, 5, x35);
    refused(f, "empty.h5", "0 samples");
    OK(ls_h5_create(at("group.h5"), &f));
    OK(ls_h5_make_group(f, "/X"));
    refused(f, "group.h5", "/X");
}

static void refuses_a_wrong_y(void **state) {
    (void)state;
    ls_h5 *f = file_with_x("y1.h5");
    put(f, "/y", LS_H5_I32, 1, 3, 1, (int32_t[]){0, 2, 1});
    PUT_STRINGS(f, "/classes", "a", "b");
    refused(f, "y1.h5", "row 1: label 2 is outside the 2 classes");
    f = file_with_x("y2.h5");
    put(f, "/y", LS_H5_I32, 1, 3, 1, (int32_t[]){0, 1, -1});
    refused(f, "y2.h5", "row 2: label -1");
    f = file_with_x("y3.h5");
    put(f, "/y", LS_H5_I32, 1, 4, 1, (int32_t[]){0, 1, 1, 0});
    refused(f, "y3.h5", "/y has 4 entries, but there are 3 samples");
    f = file_with_x("y4.h5");
    put(f, "/y", LS_H5_I32, 1, 5, 1, (int32_t[]){0, 1, 1, 0, 0});
    refused(f, "y4.h5", "features_by_samples");
    f = file_with_x("y5.h5");
    put(f, "/y", LS_H5_F32, 2, 3, 2, (float[]){0, 1, 2, NAN, 4, 5});
    refused(f, "y5.h5", "row 1, column 1: missing value");
    f = file_with_x("y6.h5");
    put(f, "/y", LS_H5_F32, 2, 2, 2, (float[]){0, 1, 2, 3});
    refused(f, "y6.h5", "/y has 2 rows");
    f = file_with_x("y7.h5");
    put(f, "/y", LS_H5_I64, 1, 3, 1, (int64_t[]){0, INT64_MAX, 1});
    refused(f, "y7.h5", "label 9223372036854775807 is outside");
    f = file_with_x("y8.h5");
    PUT_STRINGS(f, "/y", "a", "q", "a");
    PUT_STRINGS(f, "/classes", "a", "b");
    refused(f, "y8.h5", "'q' is not one of the classes");
    f = file_with_x("y9.h5");
    put(f, "/y", LS_H5_I32, 1, 3, 1, (int32_t[]){0, 1, 0});
    PUT_STRINGS(f, "/classes", "a", "a");
    refused(f, "y9.h5", "'a' stands at both 0 and 1");
    f = file_with_x("y10.h5");
    put(f, "/y", LS_H5_F32, 3, 3, 1, (float[]){0, 1, 2});
    refused(f, "y10.h5", "3 dimensions");
}

static void refuses_wrong_names_and_splits(void **state) {
    (void)state;
    ls_h5 *f = file_with_x("n1.h5");
    PUT_STRINGS(f, "/features", "a", "b", "c", "a", "e");
    refused(f, "n1.h5", "/features: 'a' stands at both 0 and 3");
    f = file_with_x("n2.h5");
    PUT_STRINGS(f, "/samples", "a", "b", "b");
    refused(f, "n2.h5", "/samples: 'b' stands at both 1 and 2");
    f = file_with_x("n3.h5");
    PUT_STRINGS(f, "/features", "a", "b", "c");
    refused(f, "n3.h5", "/features has 3 entries, but there are 5 features");
    f = file_with_x("n4.h5");
    put(f, "/groups", LS_H5_F32, 1, 3, 1, x35);
    refused(f, "n4.h5", "/groups holds float32, not strings");
    f = file_with_x("n5.h5");
    put(f, "/split", LS_H5_U8, 1, 3, 1, (uint8_t[]){0, 3, 1});
    refused(f, "n5.h5", "row 1: 3 is no part");
    f = file_with_x("n6.h5");
    put(f, "/split", LS_H5_U8, 1, 2, 1, (uint8_t[]){0, 1});
    refused(f, "n6.h5", "/split has 2 entries");
}

/* Weights of any number type, in a vector or a column; named otherwise, or not wanted. */
static void reads_weights(void **state) {
    (void)state;
    ls_h5 *f = file_with_x("w.h5");
    put(f, "/weights", LS_H5_F32, 1, 3, 1, (float[]){0.5f, 0, 2});
    put(f, "/other", LS_H5_I32, 2, 3, 1, (int32_t[]){3, 1, 2});
    OK(ls_h5_close(f));
    ls_dataset_paths paths = ls_dataset_default_paths(at("w.h5"));
    static const char *const names[] = {"/weights", "/other", "/absent", ""};
    static const float want[][3] = {{0.5f, 0, 2}, {3, 1, 2}};
    for (size_t i = 0; i < 4; i++) {
        ls_dataset *ds = NULL;
        paths.weights = names[i];
        OK(ls_dataset_open(&paths, &ds));
        if (i < 2)
            assert_memory_equal(ds->weight, want[i], sizeof want[i]);
        else
            assert_null(ds->weight);
        ls_dataset_close(ds);
    }
}

static void refuses_wrong_weights(void **state) {
    (void)state;
    static const struct {
        float w[3];
        const char *says;
    } bad[] = {{{1, -0.5f, 1}, "/weights: row 1: -0.5 is no weight"},
               {{1, 1, NAN}, "/weights: row 2: nan is no weight"},
               {{INFINITY, 1, 1}, "/weights: row 0: inf is no weight"},
               {{0, 0, 0}, "/weights: all weights are 0"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ls_h5 *f = file_with_x("w1.h5");
        put(f, "/weights", LS_H5_F32, 1, 3, 1, bad[i].w);
        refused(f, "w1.h5", bad[i].says);
    }
    ls_h5 *f = file_with_x("w2.h5");
    put(f, "/weights", LS_H5_F32, 1, 2, 1, x35);
    refused(f, "w2.h5", "/weights has 2 entries, but there are 3 samples");
    f = file_with_x("w3.h5");
    PUT_STRINGS(f, "/weights", "1", "2", "3");
    refused(f, "w3.h5", "/weights holds string, not numbers");
}

/* Opens a file with this X[2, 3] and reads it: refused with these words. */
static void bad_value(const double *x, bool names, const char *says) {
    ls_h5 *f = NULL;
    ls_dataset *ds = NULL;
    float block[6];
    OK(ls_h5_create(at("bad.h5"), &f));
    put(f, "/X", LS_H5_F64, 2, 2, 3, x);
    if (names) {
        PUT_STRINGS(f, "/features", "g1", "g2", "g3");
        PUT_STRINGS(f, "/samples", "s1", "s2");
    }
    OK(ls_h5_close(f));
    OK(open_file("bad.h5", &ds));
    const size_t row[2] = {0, 1};
    const uint32_t column[2] = {1, 2};
    OK(ls_dataset_read_raw(ds, 0, 2, 0, 3, block));
    OK(ls_dataset_check(ds, row, 1, NULL, 3, block));
    FAILS(LS_ERR_DATA, says, ls_dataset_check(ds, row, 2, NULL, 3, block));
    OK(ls_dataset_read_raw(ds, 1, 1, 1, 2, block));
    FAILS(LS_ERR_DATA, says, ls_dataset_check(ds, row + 1, 1, column, 2, block));
    ls_dataset_close(ds);
}

static void finds_values_that_are_not_finite(void **state) {
    (void)state;
    bad_value((double[]){0, 1, 2, 3, 4, NAN}, false, "/X: row 1, column 2: missing value (NaN)");
    bad_value((double[]){0, 1, 2, 3, NAN, NAN}, true, "row 1 (s2), column 1 (g2): missing");
    bad_value((double[]){0, 1, 2, 3, -INFINITY, 0}, false, "row 1, column 1: infinite value");
    bad_value((double[]){0, 1, 2, 3, 1e300, 0}, false, "row 1, column 1: infinite value");
}

static void fingerprint_sees_a_change(void **state) {
    (void)state;
    char hex[5][40];
    for (int k = 0; k < 5; k++) {
        float x[15];
        memcpy(x, x35, sizeof x);
        x[7] = k == 1 ? -1 : x[7];
        ls_h5 *f = NULL;
        ls_dataset *ds = NULL;
        OK(ls_h5_create(at("print.h5"), &f));
        put(f, "/X", LS_H5_F32, 2, 3, 5, x);
        put(f, "/y", LS_H5_I32, 1, 3, 1, (int32_t[]){0, k == 2, 1});
        if (k == 4)
            put(f, "/weights", LS_H5_F32, 1, 3, 1, (float[]){1, 2, 1});
        OK(ls_h5_close(f));
        OK(open_file("print.h5", &ds));
        OK(ls_dataset_fingerprint(ds, hex[k]));
        assert_int_equal(strlen(hex[k]), 32);
        ls_dataset_close(ds);
    }
    assert_string_equal(hex[0], hex[3]);
    assert_string_not_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    assert_string_not_equal(hex[0], hex[4]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_a_complete_file),
                                       cmocka_unit_test(reads_both_layouts),
                                       cmocka_unit_test(reads_every_kind_of_y),
                                       cmocka_unit_test(refuses_a_wrong_x),
                                       cmocka_unit_test(refuses_a_wrong_y),
                                       cmocka_unit_test(refuses_wrong_names_and_splits),
                                       cmocka_unit_test(reads_weights),
                                       cmocka_unit_test(refuses_wrong_weights),
                                       cmocka_unit_test(finds_values_that_are_not_finite),
                                       cmocka_unit_test(fingerprint_sees_a_change)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
