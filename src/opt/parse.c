/* YAML text to a tree of nodes, by libyaml's events.
 *
 * Why here: the only caller of libyaml. A config may come from anywhere: depth, size and the
 * number of values are bounded, and what could multiply them (anchors and aliases) is refused.
 * Never gives a value a type: that is read.c.
 */
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "node_internal.h"

#define TEXT_BYTES_MAX ((size_t)16 << 20)
#define NODES_MAX ((size_t)1000000)

typedef struct parser {
    yaml_parser_t yaml;
    char *origin;
    char *directory;
    bool has_lines;
    size_t nodes;
    size_t depth;
} parser;

/* Records an error at a mark of the text. */
static ls_status fail_at_mark(const parser *p, yaml_mark_t mark, const char *what) {
    if (!p->has_lines)
        return ls_fail(LS_ERR_CONFIG, p->origin, "%s", what);
    return ls_fail(LS_ERR_CONFIG, NULL, "%s:%zu:%zu: %s", p->origin, mark.line + 1, mark.column + 1,
                   what);
}

/* libyaml's own words: the problem, and what was being read. */
static ls_status fail_yaml(const parser *p) {
    const yaml_parser_t *y = &p->yaml;
    const char *problem = y->problem != NULL ? y->problem : "not YAML";
    if (y->error == YAML_MEMORY_ERROR)
        return ls_fail(LS_ERR_MEMORY, p->origin, "no memory to parse it");
    if (y->error == YAML_READER_ERROR)
        return ls_fail(LS_ERR_CONFIG, p->origin, "byte %zu: %s: not a text file in UTF-8?",
                       y->problem_offset, problem);
    ls_status st = fail_at_mark(p, y->problem_mark, problem);
    if (strstr(problem, "cannot start any token") != NULL)
        return ls_hint(st, "indent with blanks, not tabs; put quotes around a text that begins "
                           "with %%, @ or `");
    if (strstr(problem, "mapping values are not allowed") != NULL)
        return ls_hint(st, "check the indentation; put quotes around a text that holds ': '");
    return y->context != NULL ? ls_hint(st, "this came up %s", y->context) : st;
}

static ls_status next_event(parser *p, yaml_event_t *event) {
    if (yaml_parser_parse(&p->yaml, event) == 0) {
        *event = (yaml_event_t){0};
        return fail_yaml(p);
    }
    return LS_OK;
}

/* Anchors, aliases and tags: nothing in a config needs them. */
static ls_status refuse_extras(const parser *p, const yaml_event_t *e) {
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    }
    if (anchor != NULL || e->type == YAML_ALIAS_EVENT)
        return ls_hint(
            fail_at_mark(p, e->start_mark, "anchors and aliases (&name, *name) are not supported"),
            "write the value out; put quotes around a text that begins with & or *");
    if (tag != NULL)
        return ls_hint(fail_at_mark(p, e->start_mark, "tags (!name) are not supported"),
                       "leave it out; put quotes around a text that begins with !");
    return LS_OK;
}

static ls_status check_scalar(const parser *p, const yaml_event_t *e) {
    LS_TRY(refuse_extras(p, e));
    if (memchr(e->data.scalar.value, '\0', e->data.scalar.length) != NULL)
        return fail_at_mark(p, e->start_mark, "a text holds the character 0");
    return LS_OK;
}

/* Makes the node that an event begins: a scalar, an empty list or an empty map. */
static ls_status begin_node(parser *p, const yaml_event_t *e, ls_node **out) {
    LS_TRY(refuse_extras(p, e));
    if (++p->nodes > NODES_MAX)
        return fail_at_mark(p, e->start_mark, "more than 1,000,000 values");
    if (e->type == YAML_SCALAR_EVENT) {
        LS_TRY(check_scalar(p, e));
        LS_TRY(ls_node_create(LS_NODE_SCALAR, (const char *)e->data.scalar.value,
                              e->data.scalar.length, p->origin, p->directory, out));
        (*out)->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    } else {
        ls_node_kind kind = e->type == YAML_SEQUENCE_START_EVENT ? LS_NODE_LIST : LS_NODE_MAP;
        LS_TRY(ls_node_create(kind, NULL, 0, p->origin, p->directory, out));
    }
    if (p->has_lines) {
        (*out)->line = e->start_mark.line + 1;
        (*out)->column = e->start_mark.column + 1;
    }
    return LS_OK;
}

static ls_status parse_node(parser *p, const yaml_event_t *begin, ls_node **out);

static ls_status add_item(parser *p, const yaml_event_t *begin, ls_node *list) {
    ls_node *item;
    LS_TRY(parse_node(p, begin, &item));
    ls_status st = ls_node_append(list, NULL, 0, item);
    if (st != LS_OK)
        ls_node_destroy(item);
    return st;
}

static ls_status check_key(const parser *p, const yaml_event_t *key, const ls_node *map) {
    if (key->type != YAML_SCALAR_EVENT)
        return ls_hint(fail_at_mark(p, key->start_mark, "a key must be a word"),
                       "write key: value");
    LS_TRY(check_scalar(p, key));
    if (map->count >= LS_NODE_KEYS_MAX)
        return fail_at_mark(p, key->start_mark, "more than 1,000 keys at one place");
    const char *name = (const char *)key->data.scalar.value;
    if (ls_node_find(map, name) == map->count)
        return LS_OK;
    char what[128];
    (void)snprintf(what, sizeof what, "key '%.80s' is given twice", name);
    return ls_hint(fail_at_mark(p, key->start_mark, what), "remove one of the two");
}

static ls_status add_entry(parser *p, const yaml_event_t *key, ls_node *map) {
    yaml_event_t begin;
    ls_node *value = NULL;
    LS_TRY(check_key(p, key, map));
    LS_TRY(next_event(p, &begin));
    ls_status st = parse_node(p, &begin, &value);
    yaml_event_delete(&begin);
    if (st != LS_OK)
        return st;
    if (p->has_lines) {
        value->key_line = key->start_mark.line + 1;
        value->key_column = key->start_mark.column + 1;
    }
    st = ls_node_append(map, (const char *)key->data.scalar.value, key->data.scalar.length, value);
    if (st != LS_OK)
        ls_node_destroy(value);
    return st;
}

/* Reads the events of a list or map up to its end. */
static ls_status parse_children(parser *p, ls_node *node) {
    for (;;) {
        yaml_event_t e;
        LS_TRY(next_event(p, &e));
        bool is_end = e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT;
        ls_status st = LS_OK;
        if (!is_end)
            st = node->kind == LS_NODE_LIST ? add_item(p, &e, node) : add_entry(p, &e, node);
        yaml_event_delete(&e);
        if (st != LS_OK || is_end)
            return st;
    }
}

/* The node that begins with this event, whole. */
static ls_status parse_node(parser *p, const yaml_event_t *begin, ls_node **out) {
    *out = NULL;
    if (p->depth >= LS_NODE_DEPTH_MAX)
        return fail_at_mark(p, begin->start_mark, "nested more than 64 levels deep");
    ls_node *node;
    LS_TRY(begin_node(p, begin, &node));
    p->depth++;
    ls_status st = node->kind == LS_NODE_SCALAR ? LS_OK : parse_children(p, node);
    p->depth--;
    if (st != LS_OK) {
        ls_node_destroy(node);
        return st;
    }
    *out = node;
    return LS_OK;
}

/* Reads events up to one that is not a mere frame of the document. */
static ls_status next_content(parser *p, yaml_event_t *e) {
    for (;;) {
        LS_TRY(next_event(p, e));
        if (e->type != YAML_STREAM_START_EVENT && e->type != YAML_DOCUMENT_START_EVENT &&
            e->type != YAML_DOCUMENT_END_EVENT)
            return LS_OK;
        yaml_event_delete(e);
    }
}

/* The only document of the text; *out is NULL where there is none. */
static ls_status parse_document(parser *p, ls_node **out) {
    yaml_event_t e;
    *out = NULL;
    LS_TRY(next_content(p, &e));
    ls_status st = e.type == YAML_STREAM_END_EVENT ? LS_OK : parse_node(p, &e, out);
    bool is_empty = e.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&e);
    if (st != LS_OK || is_empty)
        return st;
    st = next_content(p, &e);
    if (st == LS_OK && e.type != YAML_STREAM_END_EVENT)
        st = ls_hint(fail_at_mark(p, e.start_mark, "a second document begins here"),
                     "a config is one document: remove the line '---' before this");
    yaml_event_delete(&e);
    if (st != LS_OK) {
        ls_node_destroy(*out);
        *out = NULL;
    }
    return st;
}

static ls_status run_libyaml(parser *p, const char *text, size_t length, ls_node **out) {
    *out = NULL;
    if (yaml_parser_initialize(&p->yaml) == 0)
        return ls_fail(LS_ERR_MEMORY, p->origin, "no memory to parse it");
    yaml_parser_set_encoding(&p->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p->yaml, (const unsigned char *)text, length);
    ls_status st = parse_document(p, out);
    yaml_parser_delete(&p->yaml);
    return st;
}

/* What an empty text stands for: nothing for a value, no keys for a file. */
static ls_status create_empty(const parser *p, ls_node **out) {
    if (!p->has_lines)
        return ls_node_create(LS_NODE_SCALAR, "", 0, p->origin, p->directory, out);
    LS_TRY(ls_node_create(LS_NODE_MAP, NULL, 0, p->origin, p->directory, out));
    (*out)->line = (*out)->column = 1;
    return LS_OK;
}

ls_status ls_node_parse_value(const char *text, const char *name, const char *directory,
                              bool has_lines, ls_node **out) {
    *out = NULL;
    parser p = {.has_lines = has_lines};
    size_t length = strlen(text);
    if (length > TEXT_BYTES_MAX)
        return ls_fail(LS_ERR_CONFIG, name, "larger than 16 MiB: not a config");
    ls_node *root = NULL;
    ls_status st = ls_strdup(name, &p.origin);
    if (st == LS_OK)
        st = ls_strdup(directory, &p.directory);
    if (st == LS_OK)
        st = run_libyaml(&p, text, length, &root);
    if (st == LS_OK && root == NULL)
        st = create_empty(&p, &root);
    if (st != LS_OK) {
        ls_free(p.origin);
        ls_free(p.directory);
        return st;
    }
    root->owns_origin = true;
    *out = root;
    return LS_OK;
}

ls_status ls_node_parse(const char *text, const char *name, const char *directory, ls_node **out) {
    return ls_node_parse_value(text, name, directory, true, out);
}

static ls_status fail_no_config(const char *path, const char *what) {
    return ls_hint(ls_fail(LS_ERR_CONFIG, path, "%s", what),
                   "a config is a text file in YAML; it names the dataset under data.file");
}

/* Looks before anything is read: a dataset given in place of a config may be large. */
static ls_status check_file(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0)
        return LS_OK; /* whoever opens it tells why */
    if (S_ISDIR(about.st_mode))
        return fail_no_config(path, "a directory, not a config file");
    if (!S_ISREG(about.st_mode))
        return fail_no_config(path, "not a regular file: not a config");
    if (about.st_size > (off_t)TEXT_BYTES_MAX)
        return fail_no_config(path, "larger than 16 MiB: not a config");
    return LS_OK;
}

static ls_status read_text(const char *path, char **text) {
    *text = NULL;
    LS_TRY(check_file(path));
    size_t length = 0;
    ls_status st = ls_read_file(path, text, &length);
    if (st == LS_ERR_USAGE) {
        ls_error error = *ls_error_last();
        error.status = LS_ERR_CONFIG;
        ls_error_set(&error);
        return LS_ERR_CONFIG;
    }
    if (st == LS_OK && strlen(*text) != length) {
        ls_free(*text);
        *text = NULL;
        st = fail_no_config(path, "holds a 0 byte: not a text file");
    }
    return st;
}

ls_status ls_node_parse_file(const char *path, ls_node **out) {
    char *text, *directory = NULL;
    *out = NULL;
    LS_TRY(read_text(path, &text));
    ls_status st = ls_path_directory(path, &directory);
    if (st == LS_OK)
        st = ls_node_parse(text, path, directory, out);
    ls_free(directory);
    ls_free(text);
    return st;
}
