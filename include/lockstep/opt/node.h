/* A YAML document as a tree that remembers where every value came from.
 *
 * Why here: an error in a config must name file, line and column, also for values that came
 * from --set. Read with libyaml. Knows no particular option.
 */
#ifndef LS_OPT_NODE_H
#define LS_OPT_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"

typedef enum ls_node_kind { LS_NODE_SCALAR, LS_NODE_LIST, LS_NODE_MAP } ls_node_kind;

typedef struct ls_node {
    ls_node_kind kind;
    char *text;  /* scalar: its text; else NULL */
    bool quoted; /* scalar: was in quotes, so a string and never null, a bool, a number */
    char **key;  /* map: [count] */
    struct ls_node **child; /* list and map: [count] */
    size_t count;
    struct ls_node *short_form; /* map: the scalar that stood here before --set put keys below it
                                   (word or value: that is known when it is read), or NULL */
    size_t capacity;            /* of key and child */
    char *origin;               /* the file's name, or "--set a.b=c"; lives as long as the root */
    char *directory;            /* what relative paths in here are relative to; "" = working dir */
    bool owns_origin;           /* origin and directory are freed with this node */
    size_t line, column;        /* from 1; 0 where the origin is --set */
    size_t key_line, key_column;
} ls_node;

/* Parses text (a whole document, at most 16 MiB). name is used in messages, directory for
 * relative paths. Duplicate keys, anchors, aliases, tags, several documents, nesting deeper than
 * 64 and more than a million values are errors. An empty document is an empty map. Errors:
 * ERR_CONFIG with line and column. *out: ls_node_destroy. */
ls_status ls_node_parse(const char *text, const char *name, const char *directory,
                        ls_node **out) LS_MUST_CHECK;

/* Reads and parses a file; a missing one is ERR_CONFIG. */
ls_status ls_node_parse_file(const char *path, ls_node **out) LS_MUST_CHECK;

/* Applies "a.b.0.c=VALUE" (VALUE is YAML, numbers index lists, "list.N" with N = length appends)
 * to the tree; missing maps on the way are created, and a list for the index 0; a scalar on the
 * way ("relu", or the 8 of "dense: 8") becomes a map that remembers it as its short form. Errors:
 * ERR_CONFIG "--set a.b=c: ...". */
ls_status ls_node_set(ls_node *root, const char *assignment) LS_MUST_CHECK;

/* The value of a map's key, or NULL. */
const ls_node *ls_node_get(const ls_node *map, const char *key);

/* True for a missing node (NULL) and for an unquoted null: ~, null, or nothing. */
bool ls_node_is_null(const ls_node *node);

/* Records "file:line:column: message" (or "--set ...: message") as ERR_CONFIG. */
ls_status ls_node_fail(const ls_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void ls_node_destroy(ls_node *root);

#endif
