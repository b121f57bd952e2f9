/* The tree of a YAML document: making, joining, asking, failing at a place, freeing.
 *
 * Why here: see node.h. Never reads YAML: that is parse.c. Recursion is bounded by
 * LS_NODE_DEPTH_MAX.
 */
#include "lockstep/opt/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "node_internal.h"

ls_status ls_node_create(ls_node_kind kind, const char *text, size_t length, char *origin,
                         char *directory, ls_node **out) {
    *out = NULL;
    ls_node *node;
    LS_TRY(ls_alloc(1, sizeof *node + length + 1, "config", &node));
    node->kind = kind;
    node->origin = origin;
    node->directory = directory;
    if (text != NULL) {
        node->text = (char *)(node + 1);
        memcpy(node->text, text, length);
    }
    *out = node;
    return LS_OK;
}

ls_status ls_node_own_origin(ls_node *node, const char *origin, const char *directory) {
    char *own_origin, *own_directory;
    LS_TRY(ls_strdup(origin, &own_origin));
    ls_status st = ls_strdup(directory, &own_directory);
    if (st != LS_OK) {
        ls_free(own_origin);
        return st;
    }
    node->origin = own_origin;
    node->directory = own_directory;
    node->owns_origin = true;
    return LS_OK;
}

ls_status ls_node_append(ls_node *parent, const char *key, size_t key_length, ls_node *child) {
    size_t capacity = parent->capacity;
    LS_TRY(ls_grow(&parent->child, &capacity, parent->count + 1, sizeof *parent->child, "config"));
    if (parent->kind == LS_NODE_MAP) {
        size_t key_capacity = parent->capacity;
        LS_TRY(ls_grow(&parent->key, &key_capacity, capacity, sizeof *parent->key, "config"));
        LS_TRY(ls_strndup(key, key_length, &parent->key[parent->count]));
    }
    parent->capacity = capacity;
    parent->child[parent->count++] = child;
    return LS_OK;
}

size_t ls_node_find(const ls_node *map, const char *key) {
    size_t i = 0;
    while (i < map->count && strcmp(map->key[i], key) != 0)
        i++;
    return i;
}

const ls_node *ls_node_get(const ls_node *map, const char *key) {
    if (map == NULL || map->kind != LS_NODE_MAP)
        return NULL;
    size_t i = ls_node_find(map, key);
    return i < map->count ? map->child[i] : NULL;
}

bool ls_node_is_null(const ls_node *node) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (node == NULL)
        return true;
    if (node->kind != LS_NODE_SCALAR || node->quoted)
        return false;
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++)
        if (strcmp(node->text, nulls[i]) == 0)
            return true;
    return false;
}

static ls_status fail_at(const char *origin, size_t line, size_t column, const char *format,
                         va_list args) __attribute__((format(printf, 4, 0)));

static ls_status fail_at(const char *origin, size_t line, size_t column, const char *format,
                         va_list args) {
    char text[LS_ERROR_MESSAGE_MAX];
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    if (line == 0)
        return ls_fail(LS_ERR_CONFIG, origin, "%s", text);
    return ls_fail(LS_ERR_CONFIG, NULL, "%s:%zu:%zu: %s", origin, line, column, text);
}

ls_status ls_node_fail(const ls_node *node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    ls_status st = fail_at(node->origin, node->line, node->column, format, args);
    va_end(args);
    return st;
}

ls_status ls_node_fail_at_key(const ls_node *node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    ls_status st = fail_at(node->origin, node->key_line, node->key_column, format, args);
    va_end(args);
    return st;
}

void ls_node_destroy(ls_node *root) {
    if (root == NULL)
        return;
    for (size_t i = 0; i < root->count; i++) {
        ls_node_destroy(root->child[i]);
        if (root->key != NULL)
            ls_free(root->key[i]);
    }
    ls_node_destroy(root->short_form);
    ls_free(root->child);
    ls_free(root->key);
    if (root->owns_origin) {
        ls_free(root->origin);
        ls_free(root->directory);
    }
    ls_free(root);
}
