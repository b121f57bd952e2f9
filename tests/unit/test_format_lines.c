/* The line reader: plain and gzip, any line ends and lengths, damaged files. */
#include <sys/stat.h>
#include <unistd.h>

#include "lockstep/format/lines.h"
#include "text_files.h"

static void expect_lines(const char *path, size_t count, const char *const *expected) {
    ls_lines *r = NULL;
    char *line;
    size_t length;
    OK(ls_lines_open(path, &r));
    for (size_t i = 0; i < count; i++) {
        OK(ls_lines_next(r, &line, &length));
        assert_string_equal(line, expected[i]);
        assert_int_equal(length, strlen(expected[i]));
        assert_int_equal(ls_lines_number(r), i + 1);
    }
    OK(ls_lines_next(r, &line, &length));
    assert_null(line);
    assert_true(ls_lines_fraction(r) == 1);
    ls_lines_close(r);
}

static void gives_lines_without_their_ends(void **state) {
    (void)state;
    const char *const three[] = {"one", "", "three"};
    expect_lines(put_text("a.txt", "one\n\nthree\n"), 3, three);
    expect_lines(put_text("b.txt", "one\r\n\r\nthree"), 3, three);
    expect_lines(put_text("c.txt", "\xef\xbb\xbfone\n\nthree\n"), 3, three);
    expect_lines(put_text("d.txt.gz", "one\n\nthree\n"), 3, three);
    expect_lines(put_text("e.txt", ""), 0, NULL);
    expect_lines(put_text("f.txt.gz", ""), 0, NULL);
    const char *const odd[] = {"\r", "a\rb"};
    expect_lines(put_text("g.txt", "\r\r\na\rb\n"), 2, odd);
}

/* Files joined by cat, as bgzip writes them, are one file. */
static void reads_gzip_members_in_a_row(void **state) {
    (void)state;
    char command[512];
    put_text("m1.gz", "one\n\nth");
    put_text("m2.gz", "ree\n");
    snprintf(command, sizeof command, "cat %s %s > %s", at("m1.gz"), at("m2.gz"), at("m.gz"));
    assert_int_equal(system(command), 0);
    const char *const three[] = {"one", "", "three"};
    expect_lines(at("m.gz"), 3, three);
}

static void lines_may_be_long(void **state) {
    (void)state;
    enum { LENGTH = 5 << 20, LINES = 3 };
    char *text = malloc(LINES * (LENGTH + 1));
    for (size_t i = 0; i < LINES; i++) {
        memset(text + i * (LENGTH + 1), (int)('a' + i), LENGTH);
        text[i * (LENGTH + 1) + LENGTH] = '\n';
    }
    const char *path = put_file("long.gz", text, (size_t)LINES * (LENGTH + 1) - 1);
    ls_lines *r = NULL;
    OK(ls_lines_open(path, &r));
    for (size_t i = 0; i < LINES; i++) {
        char *line;
        size_t length;
        OK(ls_lines_next(r, &line, &length));
        assert_int_equal(length, LENGTH);
        assert_memory_equal(line, text + i * (LENGTH + 1), LENGTH);
    }
    ls_lines_close(r);
    free(text);
}

static ls_status read_all(const char *path, size_t *lines) {
    ls_lines *r = NULL;
    char *line;
    size_t length;
    *lines = 0;
    ls_status st = ls_lines_open(path, &r);
    while (st == LS_OK && (st = ls_lines_next(r, &line, &length)) == LS_OK && line)
        ++*lines;
    ls_lines_close(r);
    return st;
}

static void tells_what_is_wrong_with_a_file(void **state) {
    (void)state;
    size_t lines;
    FAILS(LS_ERR_DATA, "absent.txt: no such file", read_all(at("absent.txt"), &lines));
    FAILS(LS_ERR_DATA, "is a directory", read_all(test_dir, &lines));
    FAILS(LS_ERR_DATA, "zero.txt: line 2: holds a zero byte",
          read_all(put_file("zero.txt", "ab\nc\0d\n", 7), &lines));
    assert_int_equal(lines, 1);

    char text[100000];
    unsigned x = 1;
    for (size_t i = 0; i < sizeof text; i++) /* so that it does not compress to nothing */
        text[i] = (x = x * 1103515245u + 12345u) >> 28 ? (char)('a' + (x >> 16) % 26) : '\n';
    struct stat about;
    const char *path = put_file("cut.gz", text, sizeof text);
    OK(read_all(path, &lines));
    assert_int_equal(stat(path, &about), 0);
    /* Within the data, within the checksum behind it, within the head. */
    const off_t cuts[] = {about.st_size / 2, about.st_size - 3, 7};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(truncate(path, cuts[i]), 0);
        FAILS(LS_ERR_DATA, "cut.gz: is cut short: its gzip data ends too early, at byte ",
              read_all(path, &lines));
        put_file("cut.gz", text, sizeof text);
    }
    FILE *f = fopen(path, "r+b");
    fseek(f, -6, SEEK_END);
    fputs("xy", f); /* the checksum */
    fclose(f);
    FAILS(LS_ERR_DATA, "cut.gz: damaged gzip data before byte ", read_all(path, &lines));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_lines_without_their_ends),
        cmocka_unit_test(reads_gzip_members_in_a_row),
        cmocka_unit_test(lines_may_be_long),
        cmocka_unit_test(tells_what_is_wrong_with_a_file),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
