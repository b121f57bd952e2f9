/* GCT files: both versions, batches of any size, and each way in which a file can be wrong. */
#include <math.h>

#include "lockstep/format/gct.h"
#include "text_files.h"

static void reads_version_2(void **state) {
    (void)state;
    ls_gct *g = NULL;
    ls_strings names = {0};
    float x[6];
    size_t rows;
    OK(ls_gct_open(put_text("a.gct.gz", "#1.2\t\t\n2\t3\t\nName\tDescription\tS1\tS2\tS3\n"
                                        "G1\tfirst\t1\t2.5\t-3e2\nG2\t\tNA\t0\tinf\n\n"),
                   &g));
    assert_int_equal(ls_gct_rows(g), 2);
    assert_int_equal(ls_gct_columns(g), 3);
    assert_string_equal(ls_strings_at(ls_gct_column_names(g), 2), "S3");
    assert_int_equal(ls_gct_fields(g)->count, 0);
    OK(ls_gct_read(g, 9, x, &names, &rows));
    assert_int_equal(rows, 2);
    assert_true(x[0] == 1 && x[1] == 2.5f && x[2] == -300 && isnan(x[3]) && x[4] == 0);
    assert_true(isinf(x[5]));
    assert_string_equal(ls_strings_at(&names, 1), "G2");
    assert_int_equal(ls_gct_line(g, 1), 5);
    OK(ls_gct_read(g, 9, x, &names, &rows));
    assert_int_equal(rows, 0);
    ls_strings_free(&names);
    ls_gct_close(g);
}

static void reads_version_3(void **state) {
    (void)state;
    ls_gct *g = NULL;
    ls_strings names = {0};
    float x[4];
    size_t rows;
    OK(ls_gct_open(put_text("b.gct",
                            "#1.3\n2\t2\t2\t1\nid\tchr\tlen\tS1\tS2\n"
                            "tissue\tNA\tNA\tLung\tSkin\nG1\t1\t10\t1\t2\nG2\tX\t20\t3\t4\n"),
                   &g));
    assert_string_equal(ls_strings_at(ls_gct_fields(g), 0), "tissue");
    assert_string_equal(ls_strings_at(ls_gct_field(g, 0), 1), "Skin");
    assert_string_equal(ls_strings_at(ls_gct_column_names(g), 0), "S1");
    OK(ls_gct_read(g, 2, x, &names, &rows));
    assert_int_equal(rows, 2);
    for (int i = 0; i < 4; i++)
        assert_true(x[i] == (float)(i + 1));
    assert_int_equal(ls_gct_line(g, 0), 5);
    ls_strings_free(&names);
    ls_gct_close(g);
}

/* Many lines, taken in pieces that do not divide the batches. */
static void pieces_do_not_matter(void **state) {
    (void)state;
    enum { ROWS = 1000, COLUMNS = 7 };
    ls_buffer text = {0};
    ls_buffer_addf(&text, "#1.2\n%d\t%d\nName\tDescription\ta\tb\tc\td\te\tf\tg", ROWS, COLUMNS);
    for (int i = 0; i < ROWS; i++) {
        ls_buffer_addf(&text, "\nG%d\tx", i);
        for (int j = 0; j < COLUMNS; j++)
            ls_buffer_addf(&text, "\t%d.25", i * COLUMNS + j);
    }
    OK(text.status);
    const char *path = put_text("c.gct", text.data);
    ls_buffer_free(&text);
    static const size_t pieces[] = {1, 63, 64, 65, 200, 5000};
    float *x = malloc(sizeof(float) * 5000 * COLUMNS);
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        ls_gct *g = NULL;
        ls_strings names = {0};
        size_t rows, done = 0;
        OK(ls_gct_open(path, &g));
        do {
            OK(ls_gct_read(g, pieces[k], x, &names, &rows));
            for (size_t i = 0; i < rows * COLUMNS; i++)
                assert_true(x[i] == (float)(done * COLUMNS + i) + 0.25f);
            done += rows;
        } while (rows == pieces[k]);
        assert_int_equal(done, ROWS);
        assert_int_equal(names.count, ROWS);
        assert_string_equal(ls_strings_at(&names, 999), "G999");
        ls_strings_free(&names);
        ls_gct_close(g);
    }
    free(x);
}

static ls_status read_whole(const char *text) {
    ls_gct *g = NULL;
    ls_strings names = {0};
    float x[64];
    size_t rows;
    ls_status st = ls_gct_open(put_text("bad.gct", text), &g);
    if (st == LS_OK)
        st = ls_gct_read(g, 8, x, &names, &rows);
    ls_strings_free(&names);
    ls_gct_close(g);
    return st;
}

#define HEAD "#1.2\n2\t2\nName\tDescription\tS1\tS2\n"

static void tells_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"a,b\n", "bad.gct: is not a GCT file"},
        {"#1.2\n", "is cut short: it ends in its header"},
        {"#1.2\n2\nName\n", "line 2: expected the numbers of rows and columns"},
        {"#1.2\n2\tx\nName\n", "line 2: expected the numbers"},
        {"#1.2\n-2\t2\nName\n", "line 2: expected the numbers"},
        {"#1.2\n2\t3\nName\tDescription\tS1\tS2\n", "line 3: 2 sample names, line 2 promises 3"},
        {HEAD "G1\tx\t1\t2\nG2\tx\t1\n", "bad.gct: line 5: 1 values, the header promises 2"},
        {HEAD "G1\tx\t1\t2\t3\nG2\tx\t1\t2\n", "line 4: 3 values, the header promises 2"},
        {HEAD "G1\tx\t1\t2\nG2\n", "line 5: 0 values, the header promises 2"},
        {HEAD "G1\tx\t1\t2\n", "1 lines of values, line 2 promises 2"},
        {HEAD "G1\tx\t1\t2\nG2\tx\t1\t2\nG3\tx\t1\t2\n", "more lines of values, line 2 promises 2"},
        {HEAD "G1\tx\t1\thigh\nG2\tx\t1\n", "line 4: sample S2: 'high' is not a number"},
        {"#1.3\n1\t2\t1\t1\nid\tchr\tS1\tS2\ntissue\tNA\tLung\nG\t1\t1\t2\n",
         "line 4: 1 values, line 2 promises 2"},
        {"#1.3\n1\t2\t1\t549755813888\nid\tchr\tS1\tS2\ntissue\tNA\tLung\tSkin\n",
         "is cut short: it ends in its header"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(LS_ERR_DATA, bad[i].says, read_whole(bad[i].text));
    }
    OK(read_whole(HEAD "G1\tx\t1\t2\nG2\tx\t1\t2\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_version_2),
        cmocka_unit_test(reads_version_3),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(tells_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
