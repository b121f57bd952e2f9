/* Notes and warnings to stderr and to the run's log file.
 *
 * Why here: see log.h. A line goes out in one write, so that lines of several ranks do not mix.
 * Used by one thread at a time. Never fails its caller: a full disk must not end a run over its
 * log.
 */
#include "lockstep/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "log_internal.h"
#include "vformat.h"

#define EARLY_BYTES_MAX ((size_t)64 << 10) /* the rest of what is said early is not logged */

ls_status ls_log_create(bool quiet, ls_log **out) {
    *out = NULL;
    ls_log *log;
    LS_TRY(ls_alloc(1, sizeof *log, "log", &log));
    log->quiet = quiet;
    *out = log;
    return LS_OK;
}

static void close_file(ls_log *log) {
    if (log->file != NULL)
        (void)fclose(log->file); /* every line was flushed and checked */
    ls_free(log->file_name);
    log->file = NULL;
    log->file_name = NULL;
}

void ls_log_destroy(ls_log *log) {
    if (log == NULL)
        return;
    close_file(log);
    ls_buffer_free(&log->early);
    ls_free(log);
}

static void append(ls_log *log, const char *text) {
    if (log->file_failed || (fputs(text, log->file) >= 0 && fflush(log->file) == 0))
        return;
    log->file_failed = true;
    const char *reason = strerror(errno);
    (void)fprintf(stderr, "lockstep: warning: %s: write: %s; nothing more is logged there\n",
                  log->file_name, reason);
}

ls_status ls_log_open_file(ls_log *log, const char *path) {
    if (log == NULL)
        return LS_OK;
    close_file(log);
    LS_TRY(ls_strdup(path, &log->file_name));
    log->file = fopen(path, "abe");
    if (log->file == NULL)
        return ls_fail_errno(LS_ERR_IO, path, "open");
    if (log->early.length > 0)
        append(log, log->early.data);
    ls_buffer_free(&log->early);
    return LS_OK;
}

void ls_log_stderr(ls_log *log, const char *prefix, const char *line) {
    (void)fprintf(stderr, "%s%s%s\n", log->bar_is_shown ? LS_WIPE_LINE : "", prefix, line);
    log->bar_is_shown = false;
}

/* One line with the time; remembered while there is no file. */
static void write_file(ls_log *log, const char *prefix, const char *line) {
    char now[32], *text;
    if (ls_format(&text, "%s %s%s\n", ls_clock_iso(now), prefix, line) != LS_OK)
        return;
    if (log->file != NULL)
        append(log, text);
    else if (log->early.length + strlen(text) <= EARLY_BYTES_MAX)
        ls_buffer_add(&log->early, text);
    ls_free(text);
}

typedef enum destination { TO_BOTH, TO_BOTH_AS_WARNING, TO_FILE } destination;

static void say(ls_log *log, destination to, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void say(ls_log *log, destination to, const char *format, va_list args) {
    char *line;
    if (log == NULL || ls_vformat(&line, format, args) != LS_OK)
        return;
    if (to == TO_BOTH_AS_WARNING)
        ls_log_stderr(log, "lockstep: warning: ", line);
    else if (to == TO_BOTH && !log->quiet)
        ls_log_stderr(log, "", line);
    write_file(log, to == TO_BOTH_AS_WARNING ? "warning: " : "", line);
    ls_free(line);
}

void ls_note(ls_log *log, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(log, TO_BOTH, format, args);
    va_end(args);
}

void ls_warn(ls_log *log, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(log, TO_BOTH_AS_WARNING, format, args);
    va_end(args);
}

void ls_log_only(ls_log *log, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(log, TO_FILE, format, args);
    va_end(args);
}
