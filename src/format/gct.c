/* The lines of values of a GCT file, parsed by all threads while one reads on.
 * Why here: see lockstep/format/gct.h. Never holds more than two batches of lines. */
#include "lockstep/format/gct.h"

#include <string.h>

#include "gct_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/number.h"

/* A batch is enough work to share, and little enough to hold: this many lines or bytes. */
enum { BATCH_LINES = 64 };
#define BATCH_BYTES ((size_t)16 << 20)

/* What parsing a line found; the words are made later, in the order of the lines. */
typedef struct line_result {
    size_t values; /* how many there were */
    size_t bad;    /* the first that is no number, or LS_NOT_FOUND */
} line_result;

ls_status ls_gct_open(const char *path, ls_gct **out) {
    ls_gct *g = NULL;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *g, "GCT file", &g));
    ls_status st = ls_lines_open(path, &g->lines);
    if (st == LS_OK)
        st = ls_gct_read_header(g);
    if (st != LS_OK) {
        ls_gct_close(g);
        return st;
    }
    *out = g;
    return LS_OK;
}

void ls_gct_close(ls_gct *g) {
    if (!g)
        return;
    for (int i = 0; i < 2; i++) {
        ls_buffer_free(&g->batch[i].text);
        ls_free(g->batch[i].begin);
    }
    for (size_t i = 0; i < g->field_capacity; i++)
        ls_strings_free(&g->field[i]);
    ls_free(g->field);
    ls_strings_free(&g->fields);
    ls_strings_free(&g->column_names);
    ls_lines_close(g->lines);
    ls_free(g);
}

size_t ls_gct_rows(const ls_gct *g) {
    return g->rows;
}

size_t ls_gct_columns(const ls_gct *g) {
    return g->columns;
}

const ls_strings *ls_gct_column_names(const ls_gct *g) {
    return &g->column_names;
}

const ls_strings *ls_gct_fields(const ls_gct *g) {
    return &g->fields;
}

const ls_strings *ls_gct_field(const ls_gct *g, size_t i) {
    return &g->field[i];
}

size_t ls_gct_line(const ls_gct *g, size_t row) {
    return g->first_line + row;
}

/* ---- reading lines ---- */

static ls_status wrong_number_of_lines(const ls_gct *g, const char *held) {
    char promised[32];
    return ls_fail(LS_ERR_DATA, ls_lines_path(g->lines), "%s lines of values, line 2 promises %s",
                   held, ls_print_count(g->rows, promised));
}

/* Behind the last line of values only empty lines may follow. */
static ls_status check_end(ls_gct *g) {
    char *line;
    size_t length;
    do
        LS_TRY(ls_lines_next(g->lines, &line, &length));
    while (line && length == 0);
    return line ? wrong_number_of_lines(g, "more") : LS_OK;
}

static ls_status fill_batch(ls_gct *g, ls_gct_batch *b) {
    char held[32];
    b->count = b->used = 0;
    b->text.length = 0;
    while (b->count < BATCH_LINES && b->text.length < BATCH_BYTES && g->rows_seen < g->rows) {
        char *line;
        size_t length;
        LS_TRY(ls_lines_next(g->lines, &line, &length));
        if (!line)
            return wrong_number_of_lines(g, ls_print_count(g->rows_seen, held));
        LS_TRY(ls_grow(&b->begin, &b->begin_capacity, b->count + 2, sizeof *b->begin, "lines"));
        b->begin[b->count++] = b->text.length;
        ls_buffer_addn(&b->text, line, length);
        ls_buffer_addn(&b->text, "", 1);
        b->begin[b->count] = b->text.length;
        if (++g->rows_seen == g->rows)
            LS_TRY(check_end(g));
    }
    return b->text.status;
}

/* ---- parsing ---- */

static line_result parse_line(const ls_gct *g, const char *s, const char *end, float *out) {
    line_result r = {0, LS_NOT_FOUND};
    for (size_t i = 0; s && i <= g->row_fields; i++)
        ls_gct_cut(s, (size_t)(end - s), &s);
    while (s) {
        const char *rest;
        const size_t width = ls_gct_cut(s, (size_t)(end - s), &rest);
        if (r.values < g->columns && ls_parse_cell(s, width, &out[r.values]) == LS_CELL_TEXT &&
            r.bad == LS_NOT_FOUND)
            r.bad = r.values;
        r.values++;
        s = rest;
    }
    return r;
}

static ls_status bad_value(const ls_gct *g, const ls_gct_batch *b, size_t i, size_t column) {
    const char *s = b->text.data + b->begin[i], *end = b->text.data + b->begin[i + 1] - 1;
    for (size_t skip = 0; skip < 1 + g->row_fields + column; skip++)
        ls_gct_cut(s, (size_t)(end - s), &s);
    const char *rest;
    const size_t width = ls_gct_cut(s, (size_t)(end - s), &rest);
    return ls_lines_fail(ls_lines_path(g->lines), ls_gct_line(g, g->rows_read),
                         "sample %s: '%.*s' is not a number",
                         ls_strings_at(&g->column_names, column), width < 40 ? (int)width : 40, s);
}

/* The words for a line's result; adds its name where all is well. */
static ls_status take_result(ls_gct *g, const ls_gct_batch *b, size_t i, const line_result *r,
                             ls_strings *names) {
    char held[32], promised[32];
    const char *s = b->text.data + b->begin[i], *rest;
    if (r->values != g->columns)
        return ls_lines_fail(ls_lines_path(g->lines), ls_gct_line(g, g->rows_read),
                             "%s values, the header promises %s", ls_print_count(r->values, held),
                             ls_print_count(g->columns, promised));
    if (r->bad != LS_NOT_FOUND)
        return bad_value(g, b, i, r->bad);
    g->rows_read++;
    return ls_strings_addn(names, s, ls_gct_cut(s, strlen(s), &rest));
}

/* Parses n lines of the current batch into out; meanwhile the first thread fills the other
 * batch, when it is empty. */
static ls_status parse_lines(ls_gct *g, size_t n, float *out, ls_strings *names) {
    line_result result[BATCH_LINES];
    ls_gct_batch *b = &g->batch[g->current], *next = &g->batch[1 - g->current];
    ls_status filled = LS_OK;
#pragma omp parallel
    {
        /* The first thread is the caller's own, so that its error record is the right one. */
#pragma omp master
        if (next->count == 0)
            filled = fill_batch(g, next);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < n; k++) {
            const size_t i = b->used + k;
            result[k] = parse_line(g, b->text.data + b->begin[i],
                                   b->text.data + b->begin[i + 1] - 1, out + k * g->columns);
        }
    }
    for (size_t k = 0; k < n; k++)
        LS_TRY(take_result(g, b, b->used + k, &result[k], names));
    b->used += n;
    return filled; /* of later lines, so told after what is wrong with these */
}

ls_status ls_gct_read(ls_gct *g, size_t max_rows, float *out, ls_strings *names, size_t *rows) {
    *rows = 0;
    while (*rows < max_rows) {
        ls_gct_batch *b = &g->batch[g->current];
        if (b->used == b->count) {
            b->count = b->used = 0;
            g->current = 1 - g->current;
            b = &g->batch[g->current];
            if (b->used == b->count)
                LS_TRY(fill_batch(g, b));
            if (b->count == 0)
                return LS_OK;
        }
        const size_t left = max_rows - *rows, here = b->count - b->used;
        const size_t n = left < here ? left : here;
        LS_TRY(parse_lines(g, n, out + *rows * g->columns, names));
        *rows += n;
    }
    return LS_OK;
}
