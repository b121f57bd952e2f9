/* Single values: from a node's text into a field, checked.
 *
 * Why here: see options.h. The rules are YAML 1.2's, and stricter: true and false only, no
 * infinity, a number in quotes is no number. Never knows an option's meaning.
 */
#include <stdio.h>
#include <string.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "reader.h"

#define NAMES_MAX 64

char *ls_describe(const ls_node *node, char buffer[LS_DESCRIPTION_MAX]) {
    if (ls_node_is_null(node))
        (void)snprintf(buffer, LS_DESCRIPTION_MAX, "nothing");
    else if (node->kind == LS_NODE_LIST)
        (void)snprintf(buffer, LS_DESCRIPTION_MAX, "a list");
    else if (node->kind == LS_NODE_MAP)
        (void)snprintf(buffer, LS_DESCRIPTION_MAX, "keys and values");
    else
        (void)snprintf(buffer, LS_DESCRIPTION_MAX, "%s'%.40s'%s", node->quoted ? "the text " : "",
                       node->text, strlen(node->text) > 40 ? "..." : "");
    return buffer;
}

static ls_status fail_kind(const ls_reader *r, const ls_node *node, const char *expected) {
    char got[LS_DESCRIPTION_MAX];
    return ls_node_fail(node, "%s: expected %s, got %s", r->path.text, expected,
                        ls_describe(node, got));
}

static ls_status fail_bounds(const ls_reader *r, const ls_opt *row, const ls_node *node) {
    char bounds[LS_OPT_BOUNDS_MAX];
    return ls_node_fail(node, "%s: %.40s is out of bounds: %s", r->path.text, node->text,
                        ls_opt_print_bounds(row, bounds));
}

/* "a|b|c" as "LEAD a, b, c". */
static char *print_words(const char *lead, const char *words, char buffer[256]) {
    char word[LS_OPT_WORD_MAX];
    int used = snprintf(buffer, 256, "%s", lead);
    for (size_t i = 0; used < 256 && ls_opt_word(words, i, word); i++)
        used += snprintf(buffer + used, 256 - (size_t)used, "%s%s", i > 0 ? ", " : " ", word);
    return buffer;
}

/* A failure where a number was expected; quotes around one deserve a hint. */
static ls_status fail_number(const ls_reader *r, const ls_node *node, const char *expected) {
    double x;
    ls_status st = fail_kind(r, node, expected);
    if (node->kind == LS_NODE_SCALAR && node->quoted && ls_parse_double(node->text, &x))
        return ls_hint(st, "remove the quotes");
    return st;
}

static bool is_plain(const ls_node *node) {
    return node->kind == LS_NODE_SCALAR && !node->quoted;
}

static ls_status read_bool(const ls_reader *r, const ls_node *node, bool *field) {
    if (is_plain(node) && strcmp(node->text, "true") == 0) {
        *field = true;
        return LS_OK;
    }
    if (is_plain(node) && strcmp(node->text, "false") == 0) {
        *field = false;
        return LS_OK;
    }
    return ls_hint(fail_kind(r, node, "true or false"),
                   "only the words true and false, in lower case and without quotes, are taken");
}

static ls_status fail_word(const ls_reader *r, const ls_opt *row, const ls_node *node,
                           const char *expected) {
    char word[NAMES_MAX][LS_OPT_WORD_MAX];
    const char *names[NAMES_MAX];
    size_t count = 0;
    while (count < NAMES_MAX && ls_opt_word(row->words, count, word[count])) {
        names[count] = word[count];
        count++;
    }
    ls_status st = fail_number(r, node, expected);
    const char *nearest = node->text != NULL ? ls_nearest(node->text, names, count) : NULL;
    return nearest != NULL ? ls_hint(st, "did you mean '%s'?", nearest) : st;
}

static ls_status read_int(const ls_reader *r, const ls_opt *row, const ls_node *node,
                          int64_t *field) {
    int64_t x;
    if (node->kind == LS_NODE_SCALAR && row->words != NULL) {
        size_t word = ls_opt_find_word(row->words, node->text);
        if (word != LS_NOT_FOUND) {
            *field = -1 - (int64_t)word;
            return LS_OK;
        }
    }
    if (!is_plain(node) || !ls_parse_int64(node->text, &x) || x == LS_OPT_UNSET) {
        char expected[256];
        if (row->words != NULL)
            return fail_word(r, row, node, print_words("a whole number or", row->words, expected));
        return fail_number(r, node, "a whole number");
    }
    if (!ls_opt_is_within(row, (double)x))
        return fail_bounds(r, row, node);
    *field = x;
    return LS_OK;
}

static ls_status read_float(const ls_reader *r, const ls_opt *row, const ls_node *node,
                            double *field) {
    double x;
    if (!is_plain(node) || !ls_parse_double(node->text, &x) || !isfinite(x))
        return fail_number(r, node, "a number");
    if (!ls_opt_is_within(row, x))
        return fail_bounds(r, row, node);
    *field = x;
    return LS_OK;
}

static ls_status read_word(const ls_reader *r, const ls_opt *row, const ls_node *node, int *field) {
    size_t word =
        node->kind == LS_NODE_SCALAR ? ls_opt_find_word(row->words, node->text) : LS_NOT_FOUND;
    if (word == LS_NOT_FOUND) {
        char expected[256];
        return fail_word(r, row, node, print_words("one of", row->words, expected));
    }
    *field = (int)word;
    return LS_OK;
}

/* The resolved config is YAML, which is UTF-8: any other text could not be read back. */
static ls_status check_utf8(const ls_reader *r, const ls_node *node, const char *text) {
    size_t length = strlen(text), valid = ls_utf8_valid(text, length);
    if (valid == length)
        return LS_OK;
    return ls_hint(ls_node_fail(node, "%s: byte %zu (\\x%02x) is not UTF-8: %.*s", r->path.text,
                                valid + 1, (unsigned)(unsigned char)text[valid], (int)valid, text),
                   "rename the file or directory: a config holds texts in UTF-8 only");
}

static ls_status read_string(const ls_reader *r, const ls_node *node, char **field) {
    if (node->kind != LS_NODE_SCALAR)
        return fail_kind(r, node, "a text");
    LS_TRY(check_utf8(r, node, node->text));
    return ls_strdup(node->text, field);
}

static ls_status read_path(const ls_reader *r, const ls_node *node, char **field) {
    if (node->kind != LS_NODE_SCALAR || node->text[0] == '\0')
        return fail_kind(r, node, "a path");
    char *joined;
    LS_TRY(ls_path_join(node->directory, node->text, &joined));
    ls_status st = ls_path_absolute(joined, field);
    ls_free(joined);
    return st == LS_OK ? check_utf8(r, node, *field) : st;
}

/* Appends the numbers of a list, row by row. capacity is of list->values. */
static ls_status add_floats(const ls_reader *r, const ls_opt *row, const ls_node *node,
                            ls_float_list *list, size_t *capacity) {
    for (size_t i = 0; i < node->count; i++) {
        const ls_node *item = node->child[i];
        if (item->kind == LS_NODE_LIST) {
            LS_TRY(add_floats(r, row, item, list, capacity));
            continue;
        }
        double x = 0;
        LS_TRY(read_float(r, row, item, &x));
        if (!isfinite((float)x))
            return fail_kind(r, item, "a number that fits 32 bits");
        LS_TRY(ls_grow(&list->values, capacity, list->count + 1, sizeof(float), "list of numbers"));
        list->values[list->count++] = (float)x;
    }
    return LS_OK;
}

static ls_status read_float_list(const ls_reader *r, const ls_opt *row, const ls_node *node,
                                 ls_float_list *list) {
    size_t capacity = 0, word = LS_NOT_FOUND;
    char expected[256];
    if (node->kind == LS_NODE_SCALAR && row->words != NULL)
        word = ls_opt_find_word(row->words, node->text);
    if (word != LS_NOT_FOUND) {
        list->word = 1 + (int)word;
        return LS_OK;
    }
    if (node->kind != LS_NODE_LIST && row->words != NULL)
        return fail_word(r, row, node,
                         print_words("a list of numbers, as in [1, 2], or", row->words, expected));
    if (node->kind != LS_NODE_LIST)
        return fail_kind(r, node, "a list of numbers, as in [1, 2]");
    return add_floats(r, row, node, list, &capacity);
}

static ls_status read_string_list(const ls_reader *r, const ls_node *node, ls_strings *list) {
    if (node->kind != LS_NODE_LIST)
        return fail_kind(r, node, "a list of texts, as in [a, b]");
    for (size_t i = 0; i < node->count; i++) {
        const ls_node *item = node->child[i];
        if (item->kind != LS_NODE_SCALAR || ls_node_is_null(item))
            return fail_kind(r, item, "a text");
        LS_TRY(ls_strings_add(list, item->text));
    }
    return LS_OK;
}

ls_status ls_read_value(const ls_reader *r, const ls_opt *row, const ls_node *node, void *field) {
    switch (row->kind) {
    case LS_OPT_BOOL:
        return read_bool(r, node, field);
    case LS_OPT_INT:
        return read_int(r, row, node, field);
    case LS_OPT_FLOAT:
        return read_float(r, row, node, field);
    case LS_OPT_STRING:
        return read_string(r, node, field);
    case LS_OPT_PATH:
        return read_path(r, node, field);
    case LS_OPT_WORD:
        return read_word(r, row, node, field);
    case LS_OPT_FLOAT_LIST:
        return read_float_list(r, row, node, field);
    case LS_OPT_STRING_LIST:
        return read_string_list(r, node, field);
    case LS_OPT_SECTION:
    case LS_OPT_CHOICE:
    case LS_OPT_CHOICE_LIST:
    case LS_OPT_GIVEN:
    case LS_OPT_END:
        break;
    }
    return ls_node_fail(node, "%s: a table row of a kind that holds no single value", r->path.text);
}

void ls_read_null(const ls_opt *row, void *field) {
    if (row->kind == LS_OPT_INT)
        *(int64_t *)field = LS_OPT_UNSET;
    else if (row->kind == LS_OPT_FLOAT)
        *(double *)field = NAN;
}
