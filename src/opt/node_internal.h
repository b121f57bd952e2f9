/* How the nodes of a tree are made and joined: what node.c, parse.c and set.c share. */
#ifndef LS_OPT_NODE_INTERNAL_H
#define LS_OPT_NODE_INTERNAL_H

#include "lockstep/opt/node.h"

#define LS_NODE_DEPTH_MAX 64
#define LS_NODE_KEYS_MAX 1000 /* of one map: their search is linear */

/* A node without children. text (scalar; else NULL) of length bytes is copied behind the node,
 * and goes with it. The origin is only pointed to. Errors: ERR_MEMORY. *out: ls_node_destroy. */
ls_status ls_node_create(ls_node_kind kind, const char *text, size_t length, char *origin,
                         char *directory, ls_node **out) LS_MUST_CHECK;

/* Adds child at the end of a list (key NULL) or map; the parent owns it from then on. On an
 * error the child is still the caller's. Errors: ERR_MEMORY. */
ls_status ls_node_append(ls_node *parent, const char *key, size_t key_length,
                         ls_node *child) LS_MUST_CHECK;

/* The position of a map's key, or count. */
size_t ls_node_find(const ls_node *map, const char *key);

/* Gives node origin and directory of its own. Errors: ERR_MEMORY. */
ls_status ls_node_own_origin(ls_node *node, const char *origin,
                             const char *directory) LS_MUST_CHECK;

/* As ls_node_parse; where a value has no lines (an argument, a default) has_lines is false, and
 * an empty text is null. */
ls_status ls_node_parse_value(const char *text, const char *name, const char *directory,
                              bool has_lines, ls_node **out) LS_MUST_CHECK;

/* As ls_node_fail, at the position of the node's key. */
ls_status ls_node_fail_at_key(const ls_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
