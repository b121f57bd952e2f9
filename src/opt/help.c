/* The reference of all options, from the tables.
 *
 * Why here: see options.h. First all keys with the sections' in full, then each kind of choice
 * once, also where several options or choices within choices use it. Never says anything that
 * is not in a table.
 */
#include <string.h>

#include "fields.h"

#define CHOICES_MAX 64
#define HELP_COLUMN 28

/* What is written, and the choices met on the way, which are still to be written. */
typedef struct helper {
    ls_buffer *out;
    bool markdown;
    const ls_opt_choices *met[CHOICES_MAX];
    size_t count;
} helper;

static void meet(helper *h, const ls_opt_choices *choices) {
    for (size_t i = 0; i < h->count; i++)
        if (h->met[i] == choices)
            return;
    if (h->count < CHOICES_MAX)
        h->met[h->count++] = choices;
}

static void add_words(const helper *h, const char *words) {
    char word[LS_OPT_WORD_MAX];
    for (size_t i = 0; ls_opt_word(words, i, word); i++)
        ls_buffer_addf(h->out, h->markdown ? "%s`%s`" : "%s%s", i > 0 ? ", " : "", word);
}

static void add_kind(const helper *h, const ls_opt *row) {
    static const char *const names[] = {
        [LS_OPT_BOOL] = "true or false",
        [LS_OPT_INT] = "whole number",
        [LS_OPT_FLOAT] = "number",
        [LS_OPT_STRING] = "text",
        [LS_OPT_PATH] = "path",
        [LS_OPT_WORD] = "one of ",
        [LS_OPT_FLOAT_LIST] = "list of numbers",
        [LS_OPT_STRING_LIST] = "list of texts",
        [LS_OPT_SECTION] = "section",
        [LS_OPT_CHOICE] = "",
        [LS_OPT_CHOICE_LIST] = "list, each a ",
        [LS_OPT_GIVEN] = "",
    };
    char bounds[LS_OPT_BOUNDS_MAX];
    ls_buffer_add(h->out, names[row->kind]);
    if (row->choices != NULL)
        ls_buffer_add(h->out, row->choices->what);
    if (ls_opt_print_bounds(row, bounds)[0] != '\0')
        ls_buffer_addf(h->out, " %s", bounds);
    if ((row->kind == LS_OPT_INT || row->kind == LS_OPT_FLOAT_LIST) && row->words != NULL)
        ls_buffer_add(h->out, " or ");
    add_words(h, row->words);
}

static void add_default(const helper *h, const ls_opt *row) {
    if (row->fallback == NULL)
        ls_buffer_add(h->out, "required");
    else if (ls_opt_may_be_null(row))
        ls_buffer_add(h->out, "none");
    else if (row->kind == LS_OPT_SECTION)
        ls_buffer_add(h->out, "its defaults");
    else
        ls_buffer_addf(h->out, h->markdown ? "`%s`" : "%s", row->fallback);
}

static void add_row(helper *h, const ls_opt *row, const char *key) {
    if (h->markdown) {
        ls_buffer_addf(h->out, "| `%s` | ", key);
        add_kind(h, row);
        ls_buffer_add(h->out, " | ");
        add_default(h, row);
        ls_buffer_addf(h->out, " | %s |\n", row->help);
        return;
    }
    ls_buffer_addf(h->out, "  %-*s %s\n  %*s ", HELP_COLUMN, key, row->help, HELP_COLUMN, "");
    add_kind(h, row);
    ls_buffer_addf(h->out, row->fallback == NULL ? "; " : "; default: ");
    add_default(h, row);
    ls_buffer_add(h->out, "\n");
}

static void add_table(helper *h, const ls_opt *table, ls_key_path *path) {
    for (const ls_opt *row = table; row->kind != LS_OPT_END; row++) {
        if (row->key == NULL)
            continue;
        size_t before = ls_key_path_push(path, row->key);
        add_row(h, row, path->text);
        if (row->kind == LS_OPT_SECTION)
            add_table(h, row->section, path);
        if (row->choices != NULL)
            meet(h, row->choices);
        ls_key_path_pop(path, before);
    }
}

static void add_whole_table(helper *h, const ls_opt *table) {
    ls_key_path path = {0};
    if (h->markdown)
        ls_buffer_add(h->out, "| key | value | default | |\n|---|---|---|---|\n");
    add_table(h, table, &path);
}

static void add_choice(helper *h, const ls_opt_choices *choices, const ls_opt_row *row) {
    ls_buffer_addf(h->out, h->markdown ? "\n**%s `%s`**: %s" : "\n%s %s: %s", choices->what,
                   row->name, row->help);
    if (row->shorthand != NULL)
        ls_buffer_addf(h->out, h->markdown ? "; `%s: VALUE` gives `%s`" : "; %s: VALUE gives %s",
                       row->name, row->shorthand);
    for (const ls_opt_alias *a = choices->aliases; a != NULL && a->name != NULL; a++)
        if (a->row == row)
            ls_buffer_addf(h->out, h->markdown ? "; also `%s`" : "; also %s", a->name);
    ls_buffer_add(h->out, "\n");
    if (row->options == NULL)
        return;
    if (h->markdown)
        ls_buffer_add(h->out, "\n");
    add_whole_table(h, row->options);
}

void ls_options_help(const ls_opt *table, bool markdown, ls_buffer *out) {
    helper h = {.out = out, .markdown = markdown};
    add_whole_table(&h, table);
    for (size_t i = 0; i < h.count; i++)
        for (const ls_opt_row *const *row = h.met[i]->rows; *row != NULL; row++)
            add_choice(&h, h.met[i], *row);
}
