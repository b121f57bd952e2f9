/* Arguments of a command, by a table.
 *
 * Why here: every command reads its arguments in the same way and says the same when they are
 * wrong. Never knows a particular option.
 */
#ifndef LS_CLI_ARGS_H
#define LS_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/base/status.h"

typedef enum ls_arg_kind {
    LS_ARG_FLAG,  /* --json: bool */
    LS_ARG_VALUE, /* -o FILE, --out FILE, --out=FILE: const char *, at most once */
    LS_ARG_LIST   /* --set a=b, any number of times: ls_arg_list */
} ls_arg_kind;

typedef struct ls_arg_list {
    size_t count;
    const char **values; /* into argv; the array itself: ls_free */
} ls_arg_list;

typedef struct ls_arg {
    const char *name;  /* "--json" */
    const char *alias; /* "-o", or NULL */
    ls_arg_kind kind;
    void *out; /* bool *, const char **, ls_arg_list * */
} ls_arg;

/* Reads argv by table (ended by a row without a name); what is no option is collected in
 * positional, which must have between min and max entries. "--" ends the options. Errors:
 * ERR_USAGE: unknown option (nearest one suggested), missing value, twice, too few or many. */
ls_status ls_args_parse(const ls_arg *table, int argc, char **argv, size_t min, size_t max,
                        ls_arg_list *positional) LS_MUST_CHECK;

/* Records that an argument must be given, with a hint where to read about it. */
ls_status ls_args_missing(const char *what, const char *help) LS_MUST_CHECK;

/* The value as a whole number in [min, max]. Errors: ERR_USAGE naming the option. */
ls_status ls_args_int(const char *name, const char *value, long long min, long long max,
                      long long *out) LS_MUST_CHECK;

/* The value (NULL: not given, *out = 0) as a size from 1 to max. Errors: ERR_USAGE naming the
 * option.
 */
ls_status ls_args_size(const char *name, const char *value, long long max,
                       size_t *out) LS_MUST_CHECK;

/* The value as a duration in seconds, see ls_parse_duration. Errors: ERR_USAGE naming the option.
 */
ls_status ls_args_duration(const char *name, const char *value, double *seconds) LS_MUST_CHECK;

#endif
