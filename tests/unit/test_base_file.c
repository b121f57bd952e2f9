/* Files that appear whole or not at all, paths, and the hash of bytes. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/hash.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "unit.h"

static int enter_directory(void **state) {
    char *name = strdup("/tmp/lockstep_test_XXXXXX");
    if (name == NULL || mkdtemp(name) == NULL || chdir(name) != 0)
        return -1;
    *state = name;
    return 0;
}

static int leave_directory(void **state) {
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
    free(*state);
    return chdir("/") == 0 ? system(command) : -1;
}

/* Entries of a directory, without "." and "..". */
static int entries(const char *path) {
    DIR *directory = opendir(path);
    assert_non_null(directory);
    int count = -2;
    while (readdir(directory) != NULL)
        count++;
    assert_int_equal(closedir(directory), 0);
    return count;
}

static void assert_holds(const char *path, const char *want) {
    char *text;
    size_t length;
    assert_int_equal(ls_read_file(path, &text, &length), LS_OK);
    assert_int_equal(length, strlen(want));
    assert_string_equal(text, want);
    ls_free(text);
}

static void test_write_and_read(void **state) {
    (void)state;
    assert_int_equal(ls_write_file("a.txt", "one", 3), LS_OK);
    assert_holds("a.txt", "one");
    assert_int_equal(ls_write_file("a.txt", "", 0), LS_OK);
    assert_holds("a.txt", "");
    char big[100001];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(ls_write_file("a.txt", big, sizeof big - 1), LS_OK);
    assert_holds("a.txt", big);
    assert_int_equal(entries("."), 1);
}

static void test_read_errors(void **state) {
    (void)state;
    char *text;
    assert_int_equal(ls_read_file("none", &text, NULL), LS_ERR_USAGE);
    assert_string_equal(ls_error_last()->message, "none: no such file");
    assert_null(text);
    assert_int_equal(ls_read_file("/tmp", &text, NULL), LS_ERR_IO);
    assert_non_null(strstr(ls_error_last()->message, "Is a directory"));
}

static void test_pending_is_invisible_until_commit(void **state) {
    (void)state;
    ls_pending_file file;
    assert_int_equal(mkdir("d", 0777), 0);
    assert_int_equal(ls_write_file("d/out.h5", "old", 3), LS_OK);
    assert_int_equal(ls_pending_begin(&file, "d/out.h5"), LS_OK);
    assert_int_equal(strncmp(file.temporary_path, "d/.out.h5.tmp-", 14), 0);
    FILE *stream = fopen(file.temporary_path, "w");
    assert_non_null(stream);
    assert_int_equal(fputs("new", stream) < 0 || fclose(stream) != 0, 0);
    assert_holds("d/out.h5", "old");
    assert_int_equal(ls_pending_commit(&file), LS_OK);
    assert_holds("d/out.h5", "new");
    assert_int_equal(entries("d"), 1);
    ls_pending_abandon(&file);
    assert_holds("d/out.h5", "new");
}

static void test_abandon_leaves_nothing(void **state) {
    (void)state;
    ls_pending_file file, none = {0};
    assert_int_equal(mkdir("e", 0777), 0);
    assert_int_equal(ls_pending_begin(&file, "e/x"), LS_OK);
    assert_int_equal(entries("e"), 1);
    ls_pending_abandon(&file);
    assert_int_equal(entries("e"), 0);
    ls_pending_abandon(&none);
}

static void test_failed_commit_leaves_nothing(void **state) {
    (void)state;
    ls_pending_file file;
    assert_int_equal(mkdir("f", 0777), 0);
    assert_int_equal(ls_pending_begin(&file, "f/x"), LS_OK);
    assert_int_equal(mkdir("f/x", 0777), 0); /* a file cannot be renamed onto a directory */
    assert_int_equal(ls_pending_commit(&file), LS_ERR_IO);
    assert_non_null(strstr(ls_error_last()->message, "f/x: rename"));
    assert_int_equal(entries("f"), 1);
    assert_null(file.temporary_path);
}

static void test_begin_errors(void **state) {
    (void)state;
    ls_pending_file file;
    assert_int_equal(ls_pending_begin(&file, "no/such/x"), LS_ERR_IO);
    assert_string_equal(ls_error_last()->message, "no/such/x: create: No such file or directory");
    assert_int_equal(ls_pending_begin(&file, "/tmp"), LS_ERR_IO);
    assert_non_null(strstr(ls_error_last()->message, "Is a directory"));
}

/* A write that the system refuses half-way: the old file stays, nothing else is left. */
static void test_full_disk(void **state) {
    (void)state;
    assert_int_equal(mkdir("g", 0777), 0);
    assert_int_equal(ls_write_file("g/x", "old", 3), LS_OK);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 5000;
    char *big;
    assert_int_equal(ls_alloc(20000, 1, "test", &big), LS_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ls_status st = ls_write_file("g/x", big, 20000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    ls_free(big);
    assert_int_equal(st, LS_ERR_IO);
    assert_string_equal(ls_error_last()->message, "g/x: write: File too large");
    assert_holds("g/x", "old");
    assert_int_equal(entries("g"), 1);
}

typedef ls_status path_function(const char *path, char **out);

static void check_path(path_function *f, const char *path, const char *want) {
    char *got;
    assert_int_equal(f(path, &got), LS_OK);
    assert_string_equal(got, want);
    ls_free(got);
}

static ls_status join_to_d(const char *path, char **out) {
    return ls_path_join("d", path, out);
}

static ls_status join_to_root(const char *path, char **out) {
    return ls_path_join("/", path, out);
}

static ls_status join_to_nothing(const char *path, char **out) {
    return ls_path_join("", path, out);
}

static void test_paths(void **state) {
    check_path(ls_path_absolute, "/a//b/./c/../d/", "/a/b/d");
    check_path(ls_path_absolute, "/../..", "/");
    check_path(ls_path_absolute, "/a/b/../../c", "/c");
    check_path(ls_path_absolute, "/", "/");
    char want[256];
    (void)snprintf(want, sizeof want, "%s/x/y", (const char *)*state);
    check_path(ls_path_absolute, "x/z/../y", want);
    check_path(ls_path_absolute, ".", *state);
    check_path(join_to_d, "x", "d/x");
    check_path(join_to_d, "/x", "/x");
    check_path(join_to_root, "x", "/x");
    check_path(join_to_nothing, "x", "x");
    check_path(ls_path_directory, "x", ".");
    check_path(ls_path_directory, "/x", "/");
    check_path(ls_path_directory, "a/b/x", "a/b");
    assert_true(ls_path_has_suffix("a.H5", ".h5"));
    assert_false(ls_path_has_suffix("h5", ".h5"));
    assert_true(ls_path_is_directory("/tmp") && ls_path_exists("/tmp"));
    assert_false(ls_path_is_directory("/dev/null") || ls_path_exists("/none"));
}

static void test_make_directories(void **state) {
    (void)state;
    assert_int_equal(ls_make_directories("h/i//j/"), LS_OK);
    assert_true(ls_path_is_directory("h/i/j"));
    assert_int_equal(ls_make_directories("h/i/j"), LS_OK);
    assert_int_equal(ls_write_file("h/file", "", 0), LS_OK);
    assert_int_equal(ls_make_directories("h/file/x"), LS_ERR_IO);
    assert_string_equal(ls_error_last()->message, "h/file: create the directory: Not a directory");
    assert_int_equal(ls_make_directories("h/file"), LS_ERR_IO);
}

/* The bytes that xxHash's own tests hash. */
static void fill(unsigned char *bytes, size_t count) {
    uint64_t x = 2654435761u;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(x >> 56);
        x *= 11400714785074694797u;
    }
}

/* Values that xxHash publishes (tests/sanity_test_vectors.h, seed 0): one for each of its ways
 * by length. */
static void test_hash(void **state) {
    (void)state;
    static const struct {
        size_t length;
        const char *hex;
    } cases[] = {
        {0, "99aa06d3014798d86001c324468d497f"},   {1, "a6cd5e9392000f6ac44bdff4074eecdb"},
        {6, "082afe0b8162d12a3e7039bdda43cfc6"},   {12, "6e3efd8fc7802b18061a192713f69ad9"},
        {48, "a002ac4e5478227ef942219aed80f67b"},  {129, "03815fc91f1b30b686c9e3bc8f0a3b5c"},
        {4160, "67140711c1e3e3354f323b15321e94e1"}};
    unsigned char bytes[4160];
    fill(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hex[33];
        assert_string_equal(ls_print_hash(ls_hash_bytes(bytes, cases[i].length), hex),
                            cases[i].hex);
        ls_hasher *h;
        assert_int_equal(ls_hasher_create(&h), LS_OK);
        for (size_t done = 0; done < cases[i].length; done += 37)
            ls_hasher_add(h, bytes + done,
                          cases[i].length - done < 37 ? cases[i].length - done : 37);
        ls_hasher_add(h, NULL, 0);
        assert_string_equal(ls_print_hash(ls_hasher_result(h), hex), cases[i].hex);
        ls_hasher_destroy(h);
    }
    char hex[33];
    assert_string_equal(ls_print_hash(ls_hash_bytes("abc", 3), hex),
                        "06b05ab6733a618578af5f94892f3950");
    ls_hasher_destroy(NULL);
}

static void test_second_name(void **state) {
    (void)state;
    char *text;
    assert_int_equal(mkdir("l", 0777), 0);
    assert_int_equal(ls_write_file("l/one", "first", 5), LS_OK);
    assert_int_equal(ls_write_file("l/two", "old", 3), LS_OK);
    for (int i = 0; i < 2; i++) { /* the second time both are one file already */
        assert_int_equal(ls_duplicate_file("l/one", "l/two"), LS_OK);
    }
    assert_int_equal(ls_write_file("l/one", "second", 6), LS_OK);
    assert_int_equal(ls_read_file("l/two", &text, NULL), LS_OK);
    assert_string_equal(text, "first");
    ls_free(text);
    assert_int_equal(ls_duplicate_file("l/missing", "l/two"), LS_ERR_IO);
    assert_true(ls_path_exists("l/two"));
    assert_int_equal(entries("l"), 2); /* no temporary name is left */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_pending_is_invisible_until_commit),
        cmocka_unit_test(test_abandon_leaves_nothing),
        cmocka_unit_test(test_failed_commit_leaves_nothing),
        cmocka_unit_test(test_begin_errors),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_make_directories),
        cmocka_unit_test(test_second_name),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
