/* Tables as text: RFC 4180's quotes, delimiters, line numbers; what is written reads back. */
#include "lockstep/base/file.h"
#include "lockstep/format/csv.h"
#include "text_files.h"

/* All rows as "line|field|field...;", to compare with a text. */
static ls_status flatten(const char *path, char delimiter, ls_buffer *out) {
    ls_csv *csv = NULL;
    const ls_csv_row *row = NULL;
    ls_status st = ls_csv_open(path, delimiter, &csv);
    while (st == LS_OK && (st = ls_csv_next(csv, &row)) == LS_OK && row) {
        ls_buffer_addf(out, "%zu", row->line);
        for (size_t i = 0; i < row->count; i++) {
            assert_int_equal(strlen(row->field[i]), row->length[i]);
            ls_buffer_addf(out, "|%s", row->field[i]);
        }
        ls_buffer_add(out, ";");
    }
    ls_csv_close(csv);
    return st;
}

static void expect(const char *text, char delimiter, const char *expected) {
    ls_buffer out = {0};
    OK(flatten(put_text("t.csv", text), delimiter, &out));
    assert_string_equal(out.data ? out.data : "", expected);
    ls_buffer_free(&out);
}

static void splits_rows_and_fields(void **state) {
    (void)state;
    expect("a,b,c\n1,2,3\n", ',', "1|a|b|c;2|1|2|3;");
    expect("a,b\r\n1,2\r\n", ',', "1|a|b;2|1|2;");
    expect("a,,\n,,b\n,\n", ',', "1|a||;2|||b;3||;");
    expect("\xef\xbb\xbf"
           "a,b\n",
           ',', "1|a|b;");
    expect("a\n\n\nb", ',', "1|a;4|b;");
    expect("a\tb,c\n", '\t', "1|a|b,c;");
    expect("a;b\n", ';', "1|a|b;");
    expect("a\tb,c\n1,2", 0, "1|a|b,c;2|1,2;");
    expect("a,b\n1\t2", 0, "1|a|b;2|1\t2;");
    expect("", ',', "");
}

static void understands_quotes(void **state) {
    (void)state;
    expect("\"a,b\",\"c\"\n", ',', "1|a,b|c;");
    expect("\"say \"\"hi\"\"\",x\n", ',', "1|say \"hi\"|x;");
    expect("\"\",\"\"\n", ',', "1||;");
    expect("\"\"\"\"\n", ',', "1|\";");
    expect("\"two\nlines\",x\r\ny,\"and\r\nthree\n\"\n", ',', "1|two\nlines|x;3|y|and\nthree\n;");
    expect("a 5\" pipe,b\n", ',', "1|a 5\" pipe|b;");
    expect("x,\"a\"\n1,2\n", ',', "1|x|a;2|1|2;");
    expect("\"a\",", ',', "1|a|;");
}

static void tells_what_is_wrong(void **state) {
    (void)state;
    ls_buffer out = {0};
    FAILS(LS_ERR_DATA, "t.csv: line 2: a quote that opens in this row is never closed",
          flatten(put_text("t.csv", "a,b\n1,\"two\n3,4\n"), ',', &out));
    FAILS(LS_ERR_DATA, "t.csv: line 2: text behind the closing quote of field 2",
          flatten(put_text("t.csv", "a,b\n1,\"2\"x\n"), ',', &out));
    ls_buffer_free(&out);
}

static void what_is_put_reads_back(void **state) {
    (void)state;
    static const char *const fields[] = {"plain",      "",   "a,b",   "\"",      "say \"hi\"",
                                         "two\nlines", " x", "tab\t", "5\" pipe"};
    ls_buffer text = {0}, expected = {0}, out = {0};
    ls_buffer_add(&expected, "1");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (i > 0)
            ls_buffer_add(&text, ",");
        ls_csv_put(&text, fields[i]);
        ls_buffer_addf(&expected, "|%s", fields[i]);
    }
    ls_buffer_add(&expected, ";");
    OK(flatten(put_text("t.csv", text.data), ',', &out));
    assert_string_equal(out.data, expected.data);
    assert_memory_equal(text.data, "plain,,\"a,b\",", 13);
    ls_buffer_free(&text);
    ls_buffer_free(&expected);
    ls_buffer_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_rows_and_fields),
        cmocka_unit_test(understands_quotes),
        cmocka_unit_test(tells_what_is_wrong),
        cmocka_unit_test(what_is_put_reads_back),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
