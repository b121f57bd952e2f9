/* Options as tables of rows: from a YAML tree into plain structs, and back.
 *
 * Why here: one row says an option's key, kind, default, bounds and help; reading, checking,
 * the resolved dump, the comparison at resume and the reference in --help-config all follow
 * from it, so that a new option is one row. Knows no particular option.
 */
#ifndef LS_OPT_OPTIONS_H
#define LS_OPT_OPTIONS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/base/status.h"
#include "lockstep/base/text.h"
#include "lockstep/opt/node.h"

typedef enum ls_opt_kind {
    LS_OPT_END = 0,     /* ends a table */
    LS_OPT_BOOL,        /* bool */
    LS_OPT_INT,         /* int64_t; a word of `words` gives -1, -2, ...; null gives LS_OPT_UNSET */
    LS_OPT_FLOAT,       /* double; null gives NAN */
    LS_OPT_STRING,      /* char *; null gives NULL */
    LS_OPT_PATH,        /* char *; made absolute against where it was written; null gives NULL */
    LS_OPT_WORD,        /* int: the position in `words` */
    LS_OPT_FLOAT_LIST,  /* ls_float_list; nested lists are flattened row by row; null is empty */
    LS_OPT_STRING_LIST, /* ls_strings */
    LS_OPT_SECTION,     /* a nested struct with the table `section` */
    LS_OPT_CHOICE,      /* ls_choice: one of `choices`: "relu", or {dense: {units: 3}} */
    LS_OPT_CHOICE_LIST, /* ls_choice_list: a list of such */
    LS_OPT_GIVEN        /* bool: whether this section was given, or is so by default; no key */
} ls_opt_kind;

#define LS_OPT_UNSET INT64_MIN

/* Flags of a row. */
#define LS_OPT_MAY_CHANGE 1u /* may differ from the stored config when a run is resumed */
#define LS_OPT_ABOVE_MIN 2u  /* min itself is out of bounds */
#define LS_OPT_BELOW_MAX 4u  /* max itself is out of bounds */

struct ls_opt_choices;

typedef struct ls_opt {
    const char *key;
    ls_opt_kind kind;
    size_t offset;                /* of the field in the struct */
    const char *fallback;         /* the default as YAML text; NULL: the option must be given */
    double min, max;              /* INT and FLOAT, both inclusive (see flags); both 0: unbounded */
    const char *words;            /* WORD (and INT, FLOAT_LIST): "keep|drop" */
    const struct ls_opt *section; /* SECTION */
    const struct ls_opt_choices *choices; /* CHOICE and CHOICE_LIST */
    unsigned flags;
    const char *help; /* one line, with the unit */
} ls_opt;

/* One thing that can be chosen by name, with options of its own. Larger registries (layers,
 * losses, ...) have it as the first member of their row. */
typedef struct ls_opt_row {
    const char *name;
    const char *help;
    const ls_opt *options; /* NULL: none */
    size_t options_size;   /* of the struct that they fill */
    const char *shorthand; /* the option that takes a value given without its key, as in
                              {scale: 255}; NULL: none */
} ls_opt_row;

/* Another name by which a row can be chosen. What is dumped is the row's own. */
typedef struct ls_opt_alias {
    const char *name;
    const ls_opt_row *row;
} ls_opt_alias;

typedef struct ls_opt_choices {
    const char *what;              /* "layer", for messages */
    const ls_opt_row *const *rows; /* NULL-terminated */
    const ls_opt_alias *aliases;   /* ended by a name that is NULL; NULL: none */
} ls_opt_choices;

typedef struct ls_choice {
    const ls_opt_row *row; /* NULL: null was given */
    void *options;         /* filled struct of row->options; NULL where it has none */
} ls_choice;

typedef struct ls_choice_list {
    size_t count;
    ls_choice *items;
} ls_choice_list;

typedef struct ls_float_list {
    size_t count;
    float *values;
    int word; /* 1, 2, ...: a word of `words` was given in place of numbers */
} ls_float_list;

/* Fills *out (zeroed before, of the struct that the table describes) from a map; missing keys
 * take their defaults. Errors: ERR_CONFIG: unknown key (nearest one suggested), wrong type,
 * out of bounds, missing key; each with file, line and column. On an error *out is freed. */
ls_status ls_options_read(const ls_opt *table, const ls_node *map, void *out) LS_MUST_CHECK;

/* Frees what ls_options_read allocated inside *options (not *options itself). */
void ls_options_free(const ls_opt *table, void *options);

/* Appends the complete options as YAML that reads back to the same struct. */
void ls_options_dump(const ls_opt *table, const void *options, ls_buffer *out);

/* The dotted key of the first option that differs between a and b and has no LS_OPT_MAY_CHANGE
 * flag (also not on a section above it), or "" where there is none. *key: ls_free. */
ls_status ls_options_compare(const ls_opt *table, const void *a, const void *b,
                             char **key) LS_MUST_CHECK;

/* Swaps the fields that have LS_OPT_MAY_CHANGE between two structs that are else alike: `into` gets
 * what `from` says, and each is freed as before. */
void ls_options_adopt(const ls_opt *table, void *into, void *from);

/* Appends the reference of all options: key, kind, default, bounds, help; choices with their
 * rows' options below. markdown: as tables for the README, else as plain text. */
void ls_options_help(const ls_opt *table, bool markdown, ls_buffer *out);

/* The row of that name, which may be an alias, or NULL. */
const ls_opt_row *ls_opt_find(const ls_opt_choices *choices, const char *name);

#endif
