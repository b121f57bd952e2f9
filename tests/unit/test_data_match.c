/* Matching by name: other orders, more and fewer columns and classes, and what is refused. */
#include "lockstep/data/match.h"
#include "lockstep/data/split.h"
#include "test_files.h"

static ls_strings list_of(const char *const *text) {
    ls_strings list = {0};
    for (; *text; text++)
        OK(ls_strings_add(&list, *text));
    return list;
}

#define LIST(...) list_of((const char *const[]){__VA_ARGS__, NULL})

/* X[3, 4] = 10 i + j; columns a b c d; classes and labels as given (NULL: not named). */
static ls_dataset *dataset(bool features, const char *const *classes, const int32_t *label) {
    ls_h5 *f = NULL;
    ls_dataset *ds = NULL;
    float x[12];
    for (int i = 0; i < 12; i++)
        x[i] = (float)(i / 4 * 10 + i % 4);
    OK(ls_h5_create(at("m.h5"), &f));
    put(f, "/X", LS_H5_F32, 2, 3, 4, x);
    put(f, "/y", LS_H5_I32, 1, 3, 1, label);
    if (features)
        PUT_STRINGS(f, "/features", "a", "b", "c", "d");
    if (classes)
        put_strings(f, "/classes", classes);
    OK(ls_h5_close(f));
    ls_dataset_paths paths = ls_dataset_default_paths(at("m.h5"));
    OK(ls_dataset_open(&paths, &ds));
    return ds;
}

static const int32_t labels[3] = {1, 0, 2};

static void features_follow_their_names(void **state) {
    (void)state;
    ls_dataset *ds = dataset(true, NULL, labels);
    ls_strings model = LIST("d", "a", "b");
    uint32_t index[4];
    OK(ls_match_features(&model, 3, ds, NULL, index));
    assert_memory_equal(index, ((uint32_t[]){3, 0, 1}), 12);
    assert_false(ls_match_is_identity(ds, index, 3));
    ls_strings_free(&model);
    model = LIST("a", "b", "c", "d");
    OK(ls_match_features(&model, 4, ds, NULL, index));
    assert_true(ls_match_is_identity(ds, index, 4));
    ls_strings_free(&model);
    model = LIST("a", "b");
    OK(ls_match_features(&model, 2, ds, NULL, index));
    assert_false(ls_match_is_identity(ds, index, 2));
    ls_strings_free(&model);
    ls_dataset_close(ds);
}

static void missing_features_are_listed(void **state) {
    (void)state;
    ls_dataset *ds = dataset(true, NULL, labels);
    ls_strings model = LIST("z1", "a", "z2", "z3", "z4", "z5", "z6", "z7");
    uint32_t index[8];
    FAILS(LS_ERR_DATA, "7 of the model's 8 features are missing: 'z1', 'z2', 'z3', 'z4', 'z5', ...",
          ls_match_features(&model, 8, ds, NULL, index));
    ls_strings_free(&model);
    ls_dataset_close(ds);
}

static void unnamed_features_go_by_position(void **state) {
    (void)state;
    uint32_t index[5];
    ls_strings none = {0}, model = LIST("d", "c", "b", "a");
    ls_dataset *ds = dataset(true, NULL, labels);
    OK(ls_match_features(&none, 4, ds, NULL, index));
    assert_true(ls_match_is_identity(ds, index, 4));
    FAILS(LS_ERR_DATA, "/X has 4 features, the model takes 5",
          ls_match_features(&none, 5, ds, NULL, index));
    ls_dataset_close(ds);
    ds = dataset(false, NULL, labels);
    OK(ls_match_features(&model, 4, ds, NULL, index));
    assert_true(ls_match_is_identity(ds, index, 4));
    ls_strings_free(&model);
    ls_dataset_close(ds);
}

static void classes_follow_their_names(void **state) {
    (void)state;
    int32_t label[3];
    ls_class_match match;
    ls_strings model = LIST("skin", "brain", "lung", "liver");
    ls_dataset *ds = dataset(false, (const char *const[]){"liver", "lung", "skin", NULL}, labels);
    OK(ls_match_classes(&model, true, ds, NULL, false, NULL, label, &match));
    assert_memory_equal(label, ((int32_t[]){2, 3, 0}), 12);
    assert_int_equal(match.unknown + match.blank, 0);
    ls_dataset_close(ds);
    /* A blank class is no label, and a class without rows can not be unknown. */
    ds = dataset(false, (const char *const[]){"liver", "lung", "", "bone", NULL}, labels);
    OK(ls_match_classes(&model, true, ds, NULL, false, NULL, label, &match));
    assert_memory_equal(label, ((int32_t[]){2, 3, -1}), 12);
    assert_int_equal(match.blank, 1);
    ls_strings_free(&model);
    ls_dataset_close(ds);
}

static void unknown_classes_are_listed_or_left_out(void **state) {
    (void)state;
    int32_t label[3];
    ls_class_match match;
    ls_strings model = LIST("liver", "skin");
    ls_dataset *ds = dataset(false, (const char *const[]){"liver", "lung", "skin", NULL}, labels);
    FAILS(LS_ERR_DATA, "classes that the model does not know: 'lung' (rows: 1)",
          ls_match_classes(&model, true, ds, NULL, false, NULL, label, &match));
    FAILS(LS_ERR_DATA, "--ignore-unknown",
          ls_match_classes(&model, true, ds, NULL, false, NULL, label, &match));
    OK(ls_match_classes(&model, true, ds, NULL, true, NULL, label, &match));
    assert_memory_equal(label, ((int32_t[]){-1, 0, 1}), 12);
    assert_int_equal(match.unknown, 1);
    const uint8_t part[3] = {LS_SPLIT_NONE, LS_SPLIT_TEST, LS_SPLIT_TEST};
    OK(ls_match_classes(&model, true, ds, part, false, NULL, label, &match));
    assert_memory_equal(label, ((int32_t[]){-1, 0, 1}), 12);
    assert_int_equal(match.unknown, 0);
    ls_strings_free(&model);
    ls_dataset_close(ds);
}

static void unnamed_classes_go_by_position(void **state) {
    (void)state;
    int32_t label[3];
    ls_class_match match;
    ls_strings five = LIST("0", "1", "2", "3", "4"), two = LIST("x", "y");
    ls_dataset *ds = dataset(false, NULL, labels);
    OK(ls_match_classes(&five, false, ds, NULL, false, NULL, label, &match));
    assert_memory_equal(label, labels, sizeof labels);
    FAILS(LS_ERR_DATA, "'2'", ls_match_classes(&two, true, ds, NULL, false, NULL, label, &match));
    ls_dataset_close(ds);
    ds = dataset(false, (const char *const[]){"liver", "lung", "skin", NULL}, labels);
    FAILS(LS_ERR_DATA, "3 classes, the model has 5",
          ls_match_classes(&five, false, ds, NULL, false, NULL, label, &match));
    ls_strings_free(&five);
    ls_strings_free(&two);
    ls_dataset_close(ds);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(features_follow_their_names),
                                       cmocka_unit_test(missing_features_are_listed),
                                       cmocka_unit_test(unnamed_features_go_by_position),
                                       cmocka_unit_test(classes_follow_their_names),
                                       cmocka_unit_test(unknown_classes_are_listed_or_left_out),
                                       cmocka_unit_test(unnamed_classes_go_by_position)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
