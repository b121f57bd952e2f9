/* Inspecting a dataset: the hash against one over the same bytes in memory, whatever way they
 * are stored in. */
#include <math.h>

#include "lockstep/base/hash.h"
#include "lockstep/report/inspect.h"
#include "test_files.h"

enum { N = 600, D = 70 };

static float x[N * D + N];
static int32_t label[N];

static void make_x(void) {
    for (size_t i = 0; i < N * D; i++)
        x[i] = (float)((i * 2654435761u) % 1000) / 8;
    x[17] = NAN;
    for (size_t i = 0; i < N; i++)
        label[i] = (int32_t)(i % 3);
}

static void hashed(int layout, const char *want) {
    ls_dataset_paths paths = ls_dataset_default_paths(at("h.h5"));
    char hex[40];
    paths.layout = layout;
    OK(ls_inspect_dataset_hash(&paths, NULL, hex));
    assert_string_equal(hex, want);
}

static void hash_is_over_rows_then_labels(void **state) {
    (void)state;
    static double turned[D * N];
    char want[40];
    make_x();
    memcpy(x + N * D, label, sizeof label);
    ls_print_hash(ls_hash_bytes(x, sizeof x), want);

    ls_h5 *f = NULL;
    ls_h5_array *a = NULL;
    OK(ls_h5_create(at("h.h5"), &f));
    OK(ls_h5_array_create(f, "/X", LS_H5_F32, 2, (size_t[]){N, D}, (size_t[]){64, 16}, 4, &a));
    OK(ls_h5_array_write(a, (size_t[]){0, 0}, (size_t[]){N, D}, LS_H5_F32, x));
    ls_h5_array_destroy(a);
    put(f, "/y", LS_H5_I32, 1, N, 1, label);
    OK(ls_h5_close(f));
    hashed(LS_SAMPLES_BY_FEATURES, want);

    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++)
            turned[j * N + i] = (double)x[i * D + j];
    OK(ls_h5_create(at("h.h5"), &f));
    put(f, "/X", LS_H5_F64, 2, D, N, turned);
    PUT_STRINGS(f, "/classes", "a", "b", "c");
    put(f, "/y", LS_H5_U8, 1, N, 1, (uint8_t[N]){0});
    OK(ls_h5_close(f));
    memset(x + N * D, 0, sizeof label);
    ls_print_hash(ls_hash_bytes(x, sizeof x), want);
    hashed(LS_FEATURES_BY_SAMPLES, want);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hash_is_over_rows_then_labels)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
