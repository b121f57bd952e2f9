/* What the header reader and the row reader of GCT share. Private to src/format. */
#ifndef LS_FORMAT_GCT_PRIVATE_H
#define LS_FORMAT_GCT_PRIVATE_H

#include "lockstep/format/gct.h"
#include "lockstep/format/lines.h"

/* Lines that wait to be parsed. */
typedef struct ls_gct_batch {
    ls_buffer text; /* the lines, each terminated */
    size_t *begin;  /* [count + 1] where lines begin in text */
    size_t begin_capacity;
    size_t count;
    size_t used; /* lines that have been parsed */
} ls_gct_batch;

struct ls_gct {
    ls_lines *lines;
    size_t rows, columns;
    size_t row_fields;    /* fields between a line's name and its values */
    size_t column_fields; /* lines between the header and the first line of values */
    ls_strings column_names;
    ls_strings fields; /* [column_fields] names */
    ls_strings *field; /* [column_fields] values, [columns] each */
    size_t field_capacity;
    size_t first_line; /* number of the first line of values */
    size_t rows_read;  /* lines of values that were given out */
    size_t rows_seen;  /* lines of values taken from the file */
    ls_gct_batch batch[2];
    int current; /* the batch that is being parsed; the other is being filled */
};

/* Reads all lines before the first line of values. */
ls_status ls_gct_read_header(ls_gct *g) LS_MUST_CHECK;

/* Cuts s[0..n) at the first tab: returns the field's length, *rest is what is behind the tab or
 * NULL. */
size_t ls_gct_cut(const char *s, size_t n, const char **rest);

#endif
