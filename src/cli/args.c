/* Arguments of a command, by a table. Never knows a particular option. */
#include "args.h"

#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

#define MAX_OPTIONS 64

static ls_status list_append(ls_arg_list *list, size_t capacity, const char *value) {
    if (list->values == NULL)
        LS_TRY(ls_alloc(capacity, sizeof *list->values, "arguments", &list->values));
    list->values[list->count++] = value;
    return LS_OK;
}

static ls_status unknown_option(const ls_arg *table, const char *word, size_t length) {
    const char *names[MAX_OPTIONS];
    size_t n = 0;
    for (const ls_arg *a = table; a->name != NULL && n < MAX_OPTIONS; a++)
        names[n++] = a->name;
    char given[64];
    if (length >= sizeof given)
        length = sizeof given - 1;
    memcpy(given, word, length);
    given[length] = '\0';
    return ls_hint_nearest(ls_fail(LS_ERR_USAGE, NULL, "unknown option '%s'", given), given, names,
                           n, "the options");
}

/* The row that word names, up to a '=' in a long option; NULL where none does. */
static const ls_arg *find_option(const ls_arg *table, const char *word, size_t length) {
    for (const ls_arg *a = table; a->name != NULL; a++) {
        if (strlen(a->name) == length && memcmp(a->name, word, length) == 0)
            return a;
        if (a->alias != NULL && strlen(a->alias) == length && memcmp(a->alias, word, length) == 0)
            return a;
    }
    return NULL;
}

static ls_status store(const ls_arg *a, int argc, const char *value) {
    if (a->kind == LS_ARG_LIST)
        return list_append(a->out, (size_t)argc, value);
    const char **out = a->out;
    if (*out != NULL)
        return ls_fail(LS_ERR_USAGE, NULL, "%s is given twice", a->name);
    *out = value;
    return LS_OK;
}

/* One option at argv[*i]; moves *i onto its value where it takes one. */
static ls_status parse_option(const ls_arg *table, int argc, char **argv, int *i) {
    const char *word = argv[*i];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const ls_arg *a = find_option(table, word, length);
    if (a == NULL)
        return unknown_option(table, word, length);
    if (a->kind == LS_ARG_FLAG) {
        if (equals != NULL)
            return ls_fail(LS_ERR_USAGE, NULL, "%s takes no value", a->name);
        *(bool *)a->out = true;
        return LS_OK;
    }
    if (equals != NULL)
        return store(a, argc, equals + 1);
    if (*i + 1 >= argc)
        return ls_fail(LS_ERR_USAGE, NULL, "%s needs a value", a->name);
    return store(a, argc, argv[++*i]);
}

ls_status ls_args_parse(const ls_arg *table, int argc, char **argv, size_t min, size_t max,
                        ls_arg_list *positional) {
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1] != '\0')
            LS_TRY(parse_option(table, argc, argv, &i));
        else if (positional->count == max)
            return ls_fail(LS_ERR_USAGE, NULL, "unexpected argument '%s'", argv[i]);
        else
            LS_TRY(list_append(positional, (size_t)argc, argv[i]));
    }
    if (positional->count < min)
        return ls_fail(LS_ERR_USAGE, NULL, "%zu argument%s expected, %zu given", min,
                       min == 1 ? "" : "s", positional->count);
    return LS_OK;
}

ls_status ls_args_missing(const char *what, const char *help) {
    return ls_hint(ls_fail(LS_ERR_USAGE, NULL, "%s is missing", what), "%s", help);
}

ls_status ls_args_int(const char *name, const char *value, long long min, long long max,
                      long long *out) {
    int64_t x;
    if (!ls_parse_int64(value, &x))
        return ls_fail(LS_ERR_USAGE, name, "expected a whole number, got '%s'", value);
    if (x < min || x > max)
        return ls_fail(LS_ERR_USAGE, name, "%s is out of bounds: from %lld to %lld", value, min,
                       max);
    *out = x;
    return LS_OK;
}

ls_status ls_args_size(const char *name, const char *value, long long max, size_t *out) {
    long long n = 0;
    if (value != NULL)
        LS_TRY(ls_args_int(name, value, 1, max, &n));
    *out = (size_t)n;
    return LS_OK;
}

ls_status ls_args_duration(const char *name, const char *value, double *seconds) {
    if (!ls_parse_duration(value, seconds))
        return ls_hint(ls_fail(LS_ERR_USAGE, name, "expected a duration, got '%s'", value),
                       "for example %s", LS_DURATION_FORMS);
    return LS_OK;
}
