/* A table of attributes beside a matrix: labels and groups of its samples, joined by id.
 * Why here: expression matrices come without labels. Never reads the matrix. */
#include <string.h>

#include "import_private.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/csv.h"
#include "lockstep/format/lines.h"

/* Which columns of the table matter, and which row belongs to which sample. */
typedef struct joining {
    const ls_import *what;
    ls_csv *csv;
    ls_strings header;
    size_t id, label, group;   /* columns, or LS_NOT_FOUND */
    ls_string_index *index;    /* of the samples' ids */
    size_t *line;              /* [samples] where its row is; 0: there is none */
    size_t *entry;             /* [samples] into labels and groups */
    ls_strings labels, groups; /* of the rows that belong to a sample, in the table's order */
    size_t entries;
} joining;

ls_status ls_attributes_add_donor(ls_strings *groups, const char *id) {
    const char *dash = strchr(id, '-');
    const char *end = dash ? strchr(dash + 1, '-') : NULL;
    return ls_strings_addn(groups, id, end ? (size_t)(end - id) : strlen(id));
}

static bool has_column(const ls_strings *header, const char *name) {
    for (size_t i = 0; i < header->count; i++)
        if (strcmp(ls_strings_at(header, i), name) == 0)
            return true;
    return false;
}

static ls_status choose_columns(joining *j) {
    const ls_import *what = j->what;
    const char *path = what->attributes;
    j->id = 0;
    j->label = j->group = LS_NOT_FOUND;
    if (what->attributes_id)
        LS_TRY(ls_import_find_column(path, &j->header, "--attributes-id", what->attributes_id,
                                     &j->id));
    else if (has_column(&j->header, "SAMPID"))
        LS_TRY(ls_import_find_column(path, &j->header, "SAMPID", "SAMPID", &j->id));
    if (what->label)
        LS_TRY(ls_import_find_column(path, &j->header, "--label", what->label, &j->label));
    if (what->group && (strcmp(what->group, "donor") != 0 || has_column(&j->header, "donor")))
        LS_TRY(ls_import_find_column(path, &j->header, "--group", what->group, &j->group));
    return LS_OK;
}

static ls_status read_header(joining *j) {
    const ls_csv_row *row = NULL;
    LS_TRY(ls_csv_next(j->csv, &row));
    if (!row)
        return ls_fail(LS_ERR_DATA, j->what->attributes, "is empty");
    for (size_t i = 0; i < row->count; i++)
        LS_TRY(ls_strings_addn(&j->header, row->field[i], row->length[i]));
    return choose_columns(j);
}

static ls_status two_rows(const joining *j, const char *id, size_t first, size_t second) {
    char a[32], b[32];
    return ls_fail(LS_ERR_DATA, j->what->attributes,
                   "sample '%s' has two rows (line %s and line %s)", id, ls_print_count(first, a),
                   ls_print_count(second, b));
}

static ls_status take_row(joining *j, const ls_csv_row *row) {
    if (row->count != j->header.count) {
        char held[32], promised[32];
        return ls_lines_fail(j->what->attributes, row->line, "%s fields, the header has %s",
                             ls_print_count(row->count, held),
                             ls_print_count(j->header.count, promised));
    }
    const char *id = row->field[j->id];
    const size_t sample = ls_string_index_find(j->index, id);
    if (sample == LS_NOT_FOUND)
        return LS_OK; /* tables often tell of more samples than the matrix has */
    if (j->line[sample])
        return two_rows(j, id, j->line[sample], row->line);
    j->line[sample] = row->line;
    j->entry[sample] = j->entries++;
    if (j->label != LS_NOT_FOUND)
        LS_TRY(ls_strings_add(&j->labels, row->field[j->label]));
    if (j->group != LS_NOT_FOUND)
        LS_TRY(ls_strings_add(&j->groups, row->field[j->group]));
    return LS_OK;
}

static ls_status read_rows(joining *j, const ls_strings *ids) {
    const ls_csv_row *row = NULL;
    LS_TRY(ls_string_index_create(ids, NULL, &j->index));
    LS_TRY(ls_alloc(ids->count, sizeof *j->line, "attributes", &j->line));
    LS_TRY(ls_alloc(ids->count, sizeof *j->entry, "attributes", &j->entry));
    LS_TRY(ls_csv_open(j->what->attributes, 0, &j->csv));
    LS_TRY(read_header(j));
    do {
        LS_TRY(ls_csv_next(j->csv, &row));
        if (row)
            LS_TRY(take_row(j, row));
    } while (row);
    return LS_OK;
}

/* From the table's order into the samples'. */
static ls_status sort_out(const joining *j, const ls_strings *ids, ls_attributes *out) {
    const bool donors = j->what->group && j->group == LS_NOT_FOUND;
    LS_TRY(ls_alloc(ids->count, sizeof *out->known, "attributes", &out->known));
    for (size_t i = 0; i < ids->count; i++) {
        out->known[i] = j->line[i] != 0;
        out->unknown += !out->known[i];
        if (j->label != LS_NOT_FOUND)
            LS_TRY(ls_strings_add(&out->label,
                                  out->known[i] ? ls_strings_at(&j->labels, j->entry[i]) : ""));
        if (donors)
            LS_TRY(ls_attributes_add_donor(&out->group, ls_strings_at(ids, i)));
        else if (j->group != LS_NOT_FOUND)
            LS_TRY(ls_strings_add(&out->group,
                                  out->known[i] ? ls_strings_at(&j->groups, j->entry[i]) : ""));
    }
    return LS_OK;
}

ls_status ls_attributes_read(const ls_import *what, const ls_strings *ids, ls_attributes *out) {
    joining j = {.what = what};
    ls_status st = read_rows(&j, ids);
    if (st == LS_OK)
        st = sort_out(&j, ids, out);
    ls_csv_close(j.csv);
    ls_strings_free(&j.header);
    ls_strings_free(&j.labels);
    ls_strings_free(&j.groups);
    ls_string_index_destroy(j.index);
    ls_free(j.line);
    ls_free(j.entry);
    return st;
}

void ls_attributes_free(ls_attributes *a) {
    ls_strings_free(&a->label);
    ls_strings_free(&a->group);
    ls_free(a->known);
}
