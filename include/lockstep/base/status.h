/* The outcomes that a function of lockstep can report, one row each.
 *
 * Why here: the exit code of the program and the sentence a user reads follow from one table,
 * so that scripts can rely on them. Never holds text about one particular failure: that is
 * error.h.
 */
#ifndef LS_BASE_STATUS_H
#define LS_BASE_STATUS_H

/* X(name, exit code, sentence) */
#define LS_STATUS_TABLE(X)                                                                         \
    X(OK, 0, "done")                                                                               \
    X(ERR_RUNTIME, 1, "failed at run time")                                                        \
    X(ERR_IO, 1, "could not read or write")                                                        \
    X(ERR_MEMORY, 1, "out of memory")                                                              \
    X(ERR_USAGE, 2, "wrong usage")                                                                 \
    X(ERR_CONFIG, 2, "wrong configuration")                                                        \
    X(ERR_BUSY, 2, "run directory in use")                                                         \
    X(ERR_DATA, 3, "unreadable or invalid data")                                                   \
    X(ERR_DIVERGED, 4, "training diverged")                                                        \
    X(STOPPED, 75, "stopped early, go on with --resume")

typedef enum ls_status {
#define LS_STATUS_ENUM(name, code, sentence) LS_##name,
    LS_STATUS_TABLE(LS_STATUS_ENUM)
#undef LS_STATUS_ENUM
        LS_STATUS_COUNT
} ls_status;

/* Every function that returns a status is declared with this: no result is ignored. */
#define LS_MUST_CHECK __attribute__((warn_unused_result))

/* The name in the table, for example "ERR_CONFIG"; "?" for a value outside it. */
const char *ls_status_name(ls_status st);

/* The process's exit code for a status; 1 for a value outside the table. */
int ls_status_exit_code(ls_status st);

/* What the status means, as a sentence without its full stop. */
const char *ls_status_sentence(ls_status st);

/* Returns from the calling function when expr is not LS_OK. Only where nothing is owned. */
#define LS_TRY(expr)                                                                               \
    do {                                                                                           \
        ls_status ls_try_st_ = (expr);                                                             \
        if (ls_try_st_ != LS_OK)                                                                   \
            return ls_try_st_;                                                                     \
    } while (0)

#endif
