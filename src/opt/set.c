/* `--set a.b.0.c=VALUE` on a tree.
 *
 * Why here: a value given on the command line takes the place of the file's before anything is
 * checked, so that both are read by the same rules. Knows no option: whether the key exists is
 * found out when the tree is read.
 */
#include <ctype.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "node_internal.h"

#define ORIGIN_MAX 160 /* characters of an assignment that messages show */

/* One assignment on its way down the tree. */
typedef struct setter {
    const char *origin; /* "--set a.b=c" */
    const char *rest;   /* of the path, behind part */
    char part[256];
    bool is_last;
} setter;

/* Takes the next part of the path. */
static ls_status next_part(setter *s) {
    size_t length = strcspn(s->rest, ".=");
    if (length == 0 || length >= sizeof s->part)
        return ls_hint(ls_fail(LS_ERR_CONFIG, s->origin, "not a key: a part of it is %s",
                               length == 0 ? "empty" : "too long"),
                       "write --set key=value, for example --set train.epochs=3");
    memcpy(s->part, s->rest, length);
    s->part[length] = '\0';
    s->is_last = s->rest[length] == '=';
    s->rest += length + 1;
    return LS_OK;
}

static ls_status create_null(const setter *s, ls_node **out) {
    LS_TRY(ls_node_create(LS_NODE_SCALAR, "", 0, NULL, NULL, out));
    ls_status st = ls_node_own_origin(*out, s->origin, "");
    if (st != LS_OK) {
        ls_node_destroy(*out);
        *out = NULL;
    }
    return st;
}

/* Appends null under key (NULL: to a list). */
static ls_status append_null(const setter *s, ls_node *parent, const char *key) {
    ls_node *child;
    LS_TRY(create_null(s, &child));
    ls_status st = ls_node_append(parent, key, key != NULL ? strlen(key) : 0, child);
    if (st != LS_OK)
        ls_node_destroy(child);
    return st;
}

/* A scalar that the path goes through: nothing becomes a list or a map; a word or a value becomes
 * a map with it as its short form. */
static ls_status open_scalar(const setter *s, ls_node *node) {
    if (ls_node_is_null(node)) {
        node->kind = strcmp(s->part, "0") == 0 ? LS_NODE_LIST : LS_NODE_MAP;
        node->text = NULL;
        return LS_OK;
    }
    LS_TRY(ls_node_create(LS_NODE_SCALAR, node->text, strlen(node->text), node->origin,
                          node->directory, &node->short_form));
    node->short_form->quoted = node->quoted;
    node->short_form->line = node->line;
    node->short_form->column = node->column;
    node->kind = LS_NODE_MAP;
    node->text = NULL;
    node->quoted = false;
    return LS_OK;
}

static ls_status list_index(const setter *s, const ls_node *list, size_t *index) {
    int64_t i;
    if (!isdigit((unsigned char)s->part[0]) || !ls_parse_int64(s->part, &i))
        return ls_fail(LS_ERR_CONFIG, s->origin, "'%s' is not a position in a list of %zu", s->part,
                       list->count);
    if ((size_t)i > list->count)
        return ls_hint(ls_fail(LS_ERR_CONFIG, s->origin, "there is no position %s in a list of %zu",
                               s->part, list->count),
                       "positions begin at 0; position %zu appends", list->count);
    *index = (size_t)i;
    return LS_OK;
}

/* The slot of the child that the part names; made (null) where it is missing. */
static ls_status find_child(const setter *s, ls_node *node, ls_node ***slot) {
    if (node->kind == LS_NODE_SCALAR)
        LS_TRY(open_scalar(s, node));
    size_t i = 0;
    if (node->kind == LS_NODE_MAP)
        i = ls_node_find(node, s->part);
    else
        LS_TRY(list_index(s, node, &i));
    if (i == node->count)
        LS_TRY(append_null(s, node, node->kind == LS_NODE_MAP ? s->part : NULL));
    *slot = &node->child[i];
    return LS_OK;
}

/* Puts the value at the path's end in place of what is there. */
static ls_status replace(const setter *s, ls_node **slot) {
    ls_node *value;
    LS_TRY(ls_node_parse_value(s->rest, s->origin, "", false, &value));
    ls_node_destroy(*slot);
    *slot = value;
    return LS_OK;
}

static ls_status apply(setter *s, ls_node *root) {
    ls_node *node = root;
    for (size_t depth = 1; depth < LS_NODE_DEPTH_MAX; depth++) {
        ls_node **slot;
        LS_TRY(next_part(s));
        LS_TRY(find_child(s, node, &slot));
        if (s->is_last)
            return replace(s, slot);
        node = *slot;
    }
    return ls_fail(LS_ERR_CONFIG, s->origin, "more than 64 levels deep");
}

ls_status ls_node_set(ls_node *root, const char *assignment) {
    char *origin;
    LS_TRY(ls_format(&origin, "--set %.*s%s", ORIGIN_MAX, assignment,
                     strlen(assignment) > ORIGIN_MAX ? "..." : ""));
    ls_status st;
    if (strchr(assignment, '=') == NULL) {
        st = ls_hint(ls_fail(LS_ERR_CONFIG, origin, "there is no '='"),
                     "write --set key=value, for example --set train.epochs=3");
    } else {
        setter s = {.origin = origin, .rest = assignment};
        st = apply(&s, root);
    }
    ls_free(origin);
    return st;
}
