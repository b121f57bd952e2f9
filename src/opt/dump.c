/* The complete options as YAML: what a run directory keeps as config.yaml.
 *
 * Why here: see options.h. What is written reads back to the same struct, and that dumps to the
 * same text. Never leaves out a default.
 */
#include <inttypes.h>

#include "emit.h"
#include "fields.h"

#define FLOATS_A_LINE 12

static void dump_table(const ls_opt *table, const void *options, int indent, ls_buffer *out);

static void pad(int indent, ls_buffer *out) {
    ls_buffer_addf(out, "%*s", indent, "");
}

static bool has_keys(const ls_opt *table) {
    for (const ls_opt *row = table; row != NULL && row->kind != LS_OPT_END; row++)
        if (row->key != NULL)
            return true;
    return false;
}

/* What stands behind "key:" for a table: its keys below, or {}. */
static void dump_below(const ls_opt *table, const void *options, int indent, ls_buffer *out) {
    if (!has_keys(table)) {
        ls_buffer_add(out, " {}\n");
        return;
    }
    ls_buffer_add(out, "\n");
    dump_table(table, options, indent, out);
}

static void dump_word(const char *words, size_t i, ls_buffer *out) {
    char word[LS_OPT_WORD_MAX];
    if (ls_opt_word(words, i, word))
        ls_emit_string(word, out);
}

static void dump_int(const ls_opt *row, int64_t x, ls_buffer *out) {
    if (x == LS_OPT_UNSET)
        ls_buffer_add(out, "null");
    else if (row->words != NULL && x < 0)
        dump_word(row->words, (size_t)(-1 - x), out);
    else
        ls_buffer_addf(out, "%" PRId64, x);
}

static void dump_floats(const ls_opt *row, const ls_float_list *list, int indent, ls_buffer *out) {
    if (list->word > 0) {
        dump_word(row->words, (size_t)list->word - 1, out);
        return;
    }
    if (list->count == 0 && ls_opt_may_be_null(row)) {
        ls_buffer_add(out, "null");
        return;
    }
    ls_buffer_add(out, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            ls_buffer_add(out, i % FLOATS_A_LINE == 0 ? ",\n" : ", ");
        if (i > 0 && i % FLOATS_A_LINE == 0)
            pad(indent, out);
        ls_emit_float(list->values[i], out);
    }
    ls_buffer_add(out, "]");
}

static void dump_strings(const ls_strings *list, ls_buffer *out) {
    ls_buffer_add(out, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            ls_buffer_add(out, ", ");
        ls_emit_string(ls_strings_at(list, i), out);
    }
    ls_buffer_add(out, "]");
}

/* A single value, behind "key: ". */
static void dump_value(const ls_opt *row, const void *field, int indent, ls_buffer *out) {
    const char *text;
    switch (row->kind) {
    case LS_OPT_BOOL:
        ls_buffer_add(out, *(const bool *)field ? "true" : "false");
        break;
    case LS_OPT_INT:
        dump_int(row, *(const int64_t *)field, out);
        break;
    case LS_OPT_FLOAT:
        ls_emit_double(*(const double *)field, out);
        break;
    case LS_OPT_STRING:
    case LS_OPT_PATH:
        text = *(char *const *)field;
        if (text != NULL)
            ls_emit_string(text, out);
        else
            ls_buffer_add(out, "null");
        break;
    case LS_OPT_WORD:
        dump_word(row->words, (size_t) * (const int *)field, out);
        break;
    case LS_OPT_FLOAT_LIST:
        dump_floats(row, field, indent, out);
        break;
    case LS_OPT_STRING_LIST:
        dump_strings(field, out);
        break;
    case LS_OPT_SECTION:
    case LS_OPT_CHOICE:
    case LS_OPT_CHOICE_LIST:
    case LS_OPT_GIVEN:
    case LS_OPT_END:
        break;
    }
}

/* "name: {}" or its options below, which begin at indent. */
static void dump_choice(const ls_choice *choice, int indent, ls_buffer *out) {
    ls_emit_string(choice->row->name, out);
    ls_buffer_add(out, ":");
    dump_below(choice->row->options, choice->options, indent, out);
}

static void dump_choice_list(const ls_choice_list *list, int indent, ls_buffer *out) {
    ls_buffer_add(out, list->count == 0 ? " []\n" : "\n");
    for (size_t i = 0; i < list->count; i++) {
        pad(indent, out);
        ls_buffer_add(out, "- ");
        dump_choice(&list->items[i], indent + 4, out);
    }
}

static void dump_row(const ls_opt *row, const void *field, int indent, ls_buffer *out) {
    pad(indent, out);
    ls_buffer_addf(out, "%s:", row->key);
    if (row->kind == LS_OPT_SECTION) {
        if (ls_opt_is_given(row->section, field))
            dump_below(row->section, field, indent + 2, out);
        else
            ls_buffer_add(out, " null\n");
    } else if (row->kind == LS_OPT_CHOICE) {
        const ls_choice *choice = field;
        ls_buffer_add(out, choice->row == NULL ? " null\n" : "\n");
        if (choice->row == NULL)
            return;
        pad(indent + 2, out);
        dump_choice(choice, indent + 4, out);
    } else if (row->kind == LS_OPT_CHOICE_LIST) {
        dump_choice_list(field, indent + 2, out);
    } else {
        ls_buffer_add(out, " ");
        dump_value(row, field, indent + 2, out);
        ls_buffer_add(out, "\n");
    }
}

static void dump_table(const ls_opt *table, const void *options, int indent, ls_buffer *out) {
    for (const ls_opt *row = table; row->kind != LS_OPT_END; row++)
        if (row->key != NULL)
            dump_row(row, ls_opt_field_const(row, options), indent, out);
}

void ls_options_dump(const ls_opt *table, const void *options, ls_buffer *out) {
    dump_table(table, options, 0, out);
}
