/* What read.c (tables, sections, choices) and value.c (single values) share. */
#ifndef LS_OPT_READER_H
#define LS_OPT_READER_H

#include "fields.h"
#include "lockstep/opt/node.h"

typedef struct ls_reader {
    ls_key_path path;  /* of the option at hand */
    const ls_node *at; /* the innermost map that was really given: where a key is missing */
    bool absent;       /* inside a section that was not given: nothing in it is required */
} ls_reader;

/* Reads a node (not null) into the field of a row of a kind other than SECTION and CHOICE*. */
ls_status ls_read_value(const ls_reader *r, const ls_opt *row, const ls_node *node,
                        void *field) LS_MUST_CHECK;

/* What a field holds for null. */
void ls_read_null(const ls_opt *row, void *field);

/* What stands at a node, for "expected ..., got ...". Returns buffer. */
#define LS_DESCRIPTION_MAX 80
char *ls_describe(const ls_node *node, char buffer[LS_DESCRIPTION_MAX]);

#endif
