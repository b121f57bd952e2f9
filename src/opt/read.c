/* Tables read from a tree: keys, sections, choices, defaults.
 *
 * Why here: see options.h. A default is YAML text and goes the way of a given value, so that no
 * kind of value is written down twice. Never knows an option's meaning.
 */
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "node_internal.h"
#include "reader.h"

#define NAMES_MAX 128

/* The values of one table: of a map, and the one value given without its key. */
typedef struct source {
    const ls_node *map;       /* NULL: no keys */
    const ls_node *shorthand; /* NULL: none */
    const char *shorthand_key;
    bool given; /* what a GIVEN row is told */
} source;

static ls_status read_table(ls_reader *r, const ls_opt *table, const source *from, void *out);
static ls_status read_node(ls_reader *r, const ls_opt *row, const ls_node *node, void *field);

static bool has_key(const ls_opt *row, const char *key) {
    return row->key != NULL && strcmp(row->key, key) == 0;
}

static ls_status fail_unknown_key(const ls_reader *r, const ls_opt *table, const ls_node *map,
                                  size_t i) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (const ls_opt *row = table; row->kind != LS_OPT_END && count < NAMES_MAX; row++)
        if (row->key != NULL)
            names[count++] = row->key;
    ls_status st = ls_node_fail_at_key(map->child[i], "unknown key '%.80s'%s%s", map->key[i],
                                       r->path.length > 0 ? " in " : "", r->path.text);
    return ls_hint_nearest(st, map->key[i], names, count, "the keys here");
}

static ls_status check_keys(const ls_reader *r, const ls_opt *table, const ls_node *map) {
    for (size_t i = 0; i < map->count; i++) {
        const ls_opt *row = table;
        while (row->kind != LS_OPT_END && !has_key(row, map->key[i]))
            row++;
        if (row->kind == LS_OPT_END)
            return fail_unknown_key(r, table, map, i);
    }
    return LS_OK;
}

/* Reads the default of an option that was not given. */
static ls_status read_fallback(ls_reader *r, const ls_opt *row, void *field) {
    ls_node *node;
    char origin[LS_DESCRIPTION_MAX];
    (void)snprintf(origin, sizeof origin, "default of '%.60s'", row->key);
    LS_TRY(ls_node_parse_value(row->fallback, origin, "", false, &node));
    ls_status st = read_node(r, row, node, field);
    ls_node_destroy(node);
    return st;
}

static ls_status fail_missing(const ls_reader *r, const ls_opt *row) {
    return ls_hint(ls_node_fail(r->at, "%s is missing", r->path.text), "%s: %s", row->key,
                   row->help);
}

static ls_status read_section(ls_reader *r, const ls_opt *row, const ls_node *node, void *field) {
    bool is_null = ls_node_is_null(node);
    if (!is_null && node->short_form != NULL)
        node = node->short_form; /* it is not one of a section */
    if (!is_null && node->kind != LS_NODE_MAP) {
        char got[LS_DESCRIPTION_MAX];
        return ls_node_fail(node, "%s: expected keys and values below it, got %s", r->path.text,
                            ls_describe(node, got));
    }
    bool was_absent = r->absent;
    source from = {.map = is_null ? NULL : node, .given = !is_null || !ls_opt_may_be_null(row)};
    r->absent = r->absent || !from.given;
    ls_status st = read_table(r, row->section, &from, field);
    r->absent = was_absent;
    return st;
}

/* "sgd.lr=0.1" as "{sgd: {lr: 0.1}}". */
static void nest(const char *assignment, ls_buffer *out) {
    size_t depth = 0;
    for (const char *p = assignment; *p != '\0'; p++, depth++) {
        size_t length = strcspn(p, ".=");
        ls_buffer_addf(out, "{%.*s: ", (int)length, p);
        p += length;
        if (*p != '.') {
            ls_buffer_add(out, *p == '=' ? p + 1 : p);
            depth++;
            break;
        }
    }
    while (depth-- > 0)
        ls_buffer_add(out, "}");
}

/* What follows the path in the assignment that made a node: "sgd.lr=0.1" of "--set
 * optimizer.sgd.lr=0.1"; NULL where it was made otherwise. */
static const char *set_below(const ls_reader *r, const ls_node *node) {
    static const char lead[] = "--set ";
    const char *rest = node->origin + strlen(lead);
    if (node->line > 0 || strncmp(node->origin, lead, strlen(lead)) != 0 ||
        strncmp(rest, r->path.text, r->path.length) != 0 || rest[r->path.length] != '.')
        return NULL;
    return rest + r->path.length + 1;
}

/* --set put a key below a choice that is another: there can be only one. */
static ls_status fail_beside(const ls_reader *r, const ls_opt_choices *choices, const ls_node *node,
                             const char *chosen, size_t added) {
    const char *path = r->path.text, *key = node->key[added];
    const char *rest = set_below(r, node->child[added]);
    ls_status st =
        ls_node_fail(node->child[added], "%s is %.80s here, so '%.80s' can not be set below it",
                     path, chosen, key);
    ls_buffer nested = {0};
    nest(rest, &nested);
    if (ls_opt_find(choices, key) == NULL)
        st = ls_hint(st, "--set %s.%s.%s", path, chosen, rest);
    else if (nested.status == LS_OK)
        st = ls_hint(st, "to choose another %s: --set %s='%s'", choices->what, path, nested.data);
    ls_buffer_free(&nested);
    return st;
}

/* Whether --set put a key beside the choice that is named here. */
static ls_status check_beside(const ls_reader *r, const ls_opt_choices *choices,
                              const ls_node *node) {
    if (node->kind != LS_NODE_MAP || node->count == 0)
        return LS_OK;
    const char *chosen = node->short_form != NULL ? node->short_form->text : node->key[0];
    for (size_t i = 0; i < node->count; i++)
        if (set_below(r, node->child[i]) != NULL && strcmp(node->key[i], chosen) != 0)
            return fail_beside(r, choices, node, chosen, i);
    return LS_OK;
}

/* The name of a choice's node and the value below it (NULL: none). */
static ls_status split_choice(const ls_reader *r, const ls_opt_choices *choices,
                              const ls_node *node, const char **name, const ls_node **value) {
    const char *what = choices->what;
    *value = NULL;
    LS_TRY(check_beside(r, choices, node));
    if (node->kind == LS_NODE_SCALAR) {
        *name = node->text;
        return LS_OK;
    }
    if (node->kind == LS_NODE_LIST || node->count == 0) {
        char got[LS_DESCRIPTION_MAX];
        return ls_node_fail(node, "%s: expected a %s, got %s", r->path.text, what,
                            node->count == 0 ? "nothing" : ls_describe(node, got));
    }
    if (node->count > 1)
        return ls_hint(ls_node_fail(node, "%s: expected one %s, got %zu keys: %.80s, %.80s%s",
                                    r->path.text, what, node->count, node->key[0], node->key[1],
                                    node->count > 2 ? ", ..." : ""),
                       "give one %s here, and indent its options below its name", what);
    *name = node->key[0];
    *value = node->child[0];
    return LS_OK;
}

static ls_status fail_unknown_choice(const ls_reader *r, const ls_opt_choices *choices,
                                     const ls_node *node, const char *name) {
    const char *names[NAMES_MAX];
    char known[LS_DESCRIPTION_MAX];
    size_t count = 0;
    while (count < NAMES_MAX && choices->rows[count] != NULL) {
        names[count] = choices->rows[count]->name;
        count++;
    }
    for (const ls_opt_alias *a = choices->aliases; a != NULL && a->name != NULL; a++)
        if (count < NAMES_MAX)
            names[count++] = a->name;
    (void)snprintf(known, sizeof known, "every %.40s", choices->what);
    ls_status st =
        ls_node_fail(node, "unknown %s '%.80s' in %s", choices->what, name, r->path.text);
    return ls_hint_nearest(st, name, names, count, known);
}

/* Reads the value of a choice into its options. value is NULL where there is none. */
static ls_status read_choice_options(ls_reader *r, const ls_opt_row *row, const ls_node *value,
                                     ls_choice *choice) {
    bool is_map = value != NULL && value->kind == LS_NODE_MAP;
    if (is_map && value->short_form != NULL && row->shorthand == NULL) {
        value = value->short_form; /* for the message */
        is_map = false;
    }
    bool is_empty = ls_node_is_null(value) || (is_map && value->count == 0);
    if (!is_empty && (row->options == NULL || (!is_map && row->shorthand == NULL))) {
        char got[LS_DESCRIPTION_MAX];
        return ls_node_fail(value, "%s: expected %s, got %s", r->path.text,
                            row->options == NULL ? "no options" : "options (key: value)",
                            ls_describe(value, got));
    }
    if (row->options == NULL)
        return LS_OK;
    LS_TRY(ls_alloc(1, row->options_size, "options", &choice->options));
    source from = {.given = true};
    from.shorthand_key = row->shorthand;
    if (is_map) {
        from.map = value;
        from.shorthand = value->short_form;
    } else if (!is_empty) {
        from.shorthand = value;
    }
    return read_table(r, row->options, &from, choice->options);
}

static ls_status read_choice(ls_reader *r, const ls_opt_choices *choices, const ls_node *node,
                             ls_choice *choice) {
    const char *name = NULL;
    const ls_node *value;
    LS_TRY(split_choice(r, choices, node, &name, &value));
    choice->row = ls_opt_find(choices, name);
    if (choice->row == NULL)
        return fail_unknown_choice(r, choices, node, name);
    size_t before = ls_key_path_push(&r->path, name);
    ls_status st = read_choice_options(r, choice->row, value, choice);
    ls_key_path_pop(&r->path, before);
    return st;
}

static ls_status read_choice_list(ls_reader *r, const ls_opt_choices *choices, const ls_node *node,
                                  ls_choice_list *list) {
    if (node->kind != LS_NODE_LIST) {
        char got[LS_DESCRIPTION_MAX];
        return ls_hint(
            ls_node_fail(node, "%s: expected a list, got %s", r->path.text, ls_describe(node, got)),
            "begin each %s with '- ' on a line of its own", choices->what);
    }
    LS_TRY(ls_alloc(node->count, sizeof(ls_choice), "list of choices", &list->items));
    list->count = node->count;
    ls_status st = LS_OK;
    for (size_t i = 0; i < node->count && st == LS_OK; i++) {
        size_t before = ls_key_path_push_index(&r->path, i);
        st = read_choice(r, choices, node->child[i], &list->items[i]);
        ls_key_path_pop(&r->path, before);
    }
    return st;
}

static ls_status fail_null(const ls_reader *r, const ls_opt *row, const ls_node *node) {
    ls_status st = ls_node_fail(node, "%s: a value is missing", r->path.text);
    if (row->fallback != NULL)
        return ls_hint(st, "%s: %s; leave the line out for the default, %s", row->key, row->help,
                       row->fallback);
    return ls_hint(st, "%s: %s", row->key, row->help);
}

/* Reads the node of an option, given or default. */
static ls_status read_node(ls_reader *r, const ls_opt *row, const ls_node *node, void *field) {
    if (row->kind == LS_OPT_SECTION)
        return read_section(r, row, node, field);
    if (ls_node_is_null(node)) {
        if (!ls_opt_may_be_null(row))
            return fail_null(r, row, node);
        ls_read_null(row, field);
        return LS_OK;
    }
    if (row->kind == LS_OPT_CHOICE)
        return read_choice(r, row->choices, node, field);
    if (row->kind == LS_OPT_CHOICE_LIST)
        return read_choice_list(r, row->choices, node, field);
    return ls_read_value(r, row, node, field);
}

static ls_status read_option(ls_reader *r, const ls_opt *row, const source *from, void *field) {
    const ls_node *node = ls_node_get(from->map, row->key);
    if (node == NULL && from->shorthand != NULL && has_key(row, from->shorthand_key))
        node = from->shorthand;
    if (node != NULL)
        return read_node(r, row, node, field);
    if (row->fallback == NULL && !r->absent)
        return fail_missing(r, row);
    if (row->kind == LS_OPT_SECTION)
        return read_section(r, row, NULL, field);
    if (row->fallback != NULL)
        return read_fallback(r, row, field);
    ls_read_null(row, field);
    return LS_OK;
}

static ls_status read_table(ls_reader *r, const ls_opt *table, const source *from, void *out) {
    const ls_node *was_at = r->at;
    if (from->map != NULL) {
        LS_TRY(check_keys(r, table, from->map));
        r->at = from->map;
    }
    ls_status st = LS_OK;
    for (const ls_opt *row = table; row->kind != LS_OPT_END && st == LS_OK; row++) {
        void *field = ls_opt_field(row, out);
        if (row->kind == LS_OPT_GIVEN) {
            *(bool *)field = from->given;
            continue;
        }
        size_t before = ls_key_path_push(&r->path, row->key);
        st = read_option(r, row, from, field);
        ls_key_path_pop(&r->path, before);
    }
    r->at = was_at;
    return st;
}

ls_status ls_options_read(const ls_opt *table, const ls_node *map, void *out) {
    ls_reader r = {.at = map};
    bool is_null = ls_node_is_null(map);
    if (!is_null && map->kind != LS_NODE_MAP) {
        char got[LS_DESCRIPTION_MAX];
        return ls_node_fail(map, "expected keys and values (key: value), got %s",
                            ls_describe(map, got));
    }
    source from = {.map = is_null ? NULL : map, .given = true};
    ls_status st = read_table(&r, table, &from, out);
    if (st != LS_OK)
        ls_options_free(table, out);
    return st;
}
