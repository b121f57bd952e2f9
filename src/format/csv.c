/* Tables as text: rows and fields.
 * Why here: see lockstep/format/csv.h. Never interprets a field. */
#include "lockstep/format/csv.h"

#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/lines.h"

/* A quoted field longer than this is taken for a quote that was never closed. */
#define QUOTED_MAX ((size_t)256 << 20)

struct ls_csv {
    ls_lines *lines;
    char delimiter; /* 0: not yet chosen */
    ls_csv_row row;
    size_t field_capacity, length_capacity;
    ls_buffer text; /* the fields of a row that has quotes, each terminated */
    size_t *offset; /* [row.count] into text */
    size_t offset_capacity;
};

ls_status ls_csv_open(const char *path, char delimiter, ls_csv **out) {
    ls_csv *csv = NULL;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *csv, "table reader", &csv));
    csv->delimiter = delimiter;
    const ls_status st = ls_lines_open(path, &csv->lines);
    if (st != LS_OK) {
        ls_csv_close(csv);
        return st;
    }
    *out = csv;
    return LS_OK;
}

static ls_status add_field(ls_csv *csv, char *text, size_t length) {
    ls_csv_row *row = &csv->row;
    LS_TRY(
        ls_grow(&row->field, &csv->field_capacity, row->count + 1, sizeof *row->field, "fields"));
    LS_TRY(ls_grow(&row->length, &csv->length_capacity, row->count + 1, sizeof *row->length,
                   "fields"));
    row->field[row->count] = text;
    row->length[row->count++] = length;
    return LS_OK;
}

/* A line without quotes is cut where it stands. */
static ls_status split_plain(ls_csv *csv, char *line, size_t length) {
    char *end = line + length;
    for (;;) {
        char *stop = memchr(line, csv->delimiter, (size_t)(end - line));
        char *field_end = stop ? stop : end;
        *field_end = '\0';
        LS_TRY(add_field(csv, line, (size_t)(field_end - line)));
        if (!stop)
            return LS_OK;
        line = stop + 1;
    }
}

static ls_status quote_not_closed(const ls_csv *csv) {
    return ls_lines_fail(ls_lines_path(csv->lines), csv->row.line,
                         "a quote that opens in this row is never closed");
}

/* Copies a quoted field, from behind its opening quote, reading further lines where it holds
 * line ends. *p ends behind the closing quote. */
static ls_status copy_quoted(ls_csv *csv, char **p, char **end) {
    const size_t begin = csv->text.length;
    for (;;) {
        char *quote = memchr(*p, '"', (size_t)(*end - *p));
        char *stop = quote ? quote : *end;
        ls_buffer_addn(&csv->text, *p, (size_t)(stop - *p));
        *p = stop + 1;
        if (quote && stop[1] == '"') { /* the line is terminated, so stop[1] exists */
            ls_buffer_addn(&csv->text, "\"", 1);
            ++*p;
        } else if (quote) {
            return LS_OK;
        } else {
            size_t length = 0;
            ls_buffer_addn(&csv->text, "\n", 1);
            LS_TRY(csv->text.status);
            LS_TRY(ls_lines_next(csv->lines, p, &length));
            if (!*p || csv->text.length - begin > QUOTED_MAX)
                return quote_not_closed(csv);
            *end = *p + length;
        }
    }
}

/* A row with quotes is copied into csv->text, as it may go over several lines. */
static ls_status split_quoted(ls_csv *csv, char *p, size_t length) {
    char *end = p + length;
    csv->text.length = 0;
    for (size_t n = 0;; n++) {
        LS_TRY(ls_grow(&csv->offset, &csv->offset_capacity, n + 1, sizeof *csv->offset, "fields"));
        csv->offset[n] = csv->text.length;
        if (p < end && *p == '"') {
            p++;
            LS_TRY(copy_quoted(csv, &p, &end));
            if (p < end && *p != csv->delimiter)
                return ls_lines_fail(ls_lines_path(csv->lines), ls_lines_number(csv->lines),
                                     "text behind the closing quote of field %zu", n + 1);
        } else {
            char *stop = memchr(p, csv->delimiter, (size_t)(end - p));
            stop = stop ? stop : end;
            ls_buffer_addn(&csv->text, p, (size_t)(stop - p));
            p = stop;
        }
        LS_TRY(add_field(csv, NULL, csv->text.length - csv->offset[n]));
        ls_buffer_addn(&csv->text, "", 1);
        if (p >= end)
            break;
        p++;
    }
    LS_TRY(csv->text.status);
    for (size_t i = 0; i < csv->row.count; i++)
        csv->row.field[i] = csv->text.data + csv->offset[i];
    return LS_OK;
}

ls_status ls_csv_next(ls_csv *csv, const ls_csv_row **row) {
    char *line = NULL;
    size_t length = 0;
    *row = NULL;
    csv->row.count = 0;
    do
        LS_TRY(ls_lines_next(csv->lines, &line, &length));
    while (line && length == 0);
    if (!line)
        return LS_OK;
    if (!csv->delimiter)
        csv->delimiter = memchr(line, '\t', length) ? '\t' : ',';
    csv->row.line = ls_lines_number(csv->lines);
    LS_TRY(memchr(line, '"', length) ? split_quoted(csv, line, length)
                                     : split_plain(csv, line, length));
    *row = &csv->row;
    return LS_OK;
}

double ls_csv_fraction(const ls_csv *csv) {
    return ls_lines_fraction(csv->lines);
}

const char *ls_csv_path(const ls_csv *csv) {
    return ls_lines_path(csv->lines);
}

void ls_csv_close(ls_csv *csv) {
    if (!csv)
        return;
    ls_lines_close(csv->lines);
    ls_buffer_free(&csv->text);
    ls_free(csv->row.field);
    ls_free(csv->row.length);
    ls_free(csv->offset);
    ls_free(csv);
}

void ls_csv_put(ls_buffer *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n\t") && text[0] != ' ') {
        ls_buffer_add(out, text);
        return;
    }
    ls_buffer_addn(out, "\"", 1);
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        ls_buffer_addn(out, text, (size_t)(quote - text));
        ls_buffer_addn(out, "\"\"", 2);
    }
    ls_buffer_add(out, text);
    ls_buffer_addn(out, "\"", 1);
}
