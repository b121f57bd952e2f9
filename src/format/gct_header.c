/* The head of a GCT file: version, dimensions, sample names and, in version 1.3, what is told
 * about the samples.
 * Why here: see lockstep/format/gct.h. Never reads a line of values. */
#include <stdint.h>
#include <string.h>

#include "gct_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"

size_t ls_gct_cut(const char *s, size_t n, const char **rest) {
    const char *tab = memchr(s, '\t', n);
    *rest = tab ? tab + 1 : NULL;
    return tab ? (size_t)(tab - s) : n;
}

static ls_status header_line(ls_gct *g, char **line, size_t *length) {
    LS_TRY(ls_lines_next(g->lines, line, length));
    if (*line)
        return LS_OK;
    return ls_fail(LS_ERR_DATA, ls_lines_path(g->lines), "is cut short: it ends in its header");
}

/* Spreadsheets pad short lines with tabs. */
static void trim_right(char *line, size_t *length) {
    while (*length > 0 && (line[*length - 1] == '\t' || line[*length - 1] == ' '))
        line[--*length] = '\0';
}

/* "rows TAB columns", in version 1.3 with two more numbers. */
static ls_status read_dimensions(ls_gct *g, bool version_3) {
    char *line;
    size_t length;
    int64_t n[4] = {0};
    size_t count = 0;
    LS_TRY(header_line(g, &line, &length));
    trim_right(line, &length);
    bool valid = true;
    for (const char *s = line, *rest; valid && s && count < 4; s = rest, count++) {
        const size_t width = ls_gct_cut(s, length - (size_t)(s - line), &rest);
        line[(size_t)(s - line) + width] = '\0';
        valid = ls_parse_int64(s, &n[count]) && n[count] >= 0 && n[count] < ((int64_t)1 << 40);
    }
    if (!valid || count < 2 || (!version_3 && count > 2) || n[0] < 1 || n[1] < 1)
        return ls_hint(
            ls_lines_fail(ls_lines_path(g->lines), 2, "expected the numbers of rows and columns"),
            "the second line of a GCT file is, for example, 56200 TAB 17382");
    g->rows = (size_t)n[0];
    g->columns = (size_t)n[1];
    g->row_fields = version_3 ? (size_t)n[2] : 1; /* 1.2: the description */
    g->column_fields = version_3 ? (size_t)n[3] : 0;
    return LS_OK;
}

/* Adds the fields of a line behind its first 1 + row_fields ones to out; first (may be NULL)
 * gets the very first. */
static ls_status read_columns(ls_gct *g, const char *what, ls_strings *first, ls_strings *out) {
    char *line;
    size_t length, position = 0;
    LS_TRY(header_line(g, &line, &length));
    for (const char *s = line, *rest; s; s = rest, position++) {
        const size_t width = ls_gct_cut(s, length - (size_t)(s - line), &rest);
        if (position == 0 && first)
            LS_TRY(ls_strings_addn(first, s, width));
        if (position > g->row_fields)
            LS_TRY(ls_strings_addn(out, s, width));
    }
    char held[32], promised[32];
    if (out->count == g->columns)
        return LS_OK;
    return ls_lines_fail(ls_lines_path(g->lines), ls_lines_number(g->lines),
                         "%s %s, line 2 promises %s", ls_print_count(out->count, held), what,
                         ls_print_count(g->columns, promised));
}

ls_status ls_gct_read_header(ls_gct *g) {
    char *line;
    size_t length;
    LS_TRY(header_line(g, &line, &length));
    trim_right(line, &length);
    const bool version_3 = strcmp(line, "#1.3") == 0;
    if (!version_3 && strcmp(line, "#1.2") != 0)
        return ls_hint(ls_fail(LS_ERR_DATA, ls_lines_path(g->lines), "is not a GCT file"),
                       "the first line of a GCT file is #1.2 or #1.3; other tables are read by "
                       "lockstep import csv|tsv");
    LS_TRY(read_dimensions(g, version_3));
    LS_TRY(read_columns(g, "sample names", NULL, &g->column_names));
    for (size_t i = 0; i < g->column_fields;
         i++) { /* as many as there are lines, not as promised */
        LS_TRY(ls_grow(&g->field, &g->field_capacity, i + 1, sizeof *g->field, "sample fields"));
        LS_TRY(read_columns(g, "values", &g->fields, &g->field[i]));
    }
    g->first_line = ls_lines_number(g->lines) + 1;
    return LS_OK;
}
