/* What a user is told while the program works: warnings and notes on stderr, and in a run also
 * in log.txt with the time.
 *
 * Why here: one place decides form and destination. An ls_log is handed to what may speak; the
 * ranks that must stay silent hold NULL. Never prints results (stdout) nor the final error.
 */
#ifndef LS_BASE_LOG_H
#define LS_BASE_LOG_H

#include <stdbool.h>

#include "lockstep/base/status.h"

typedef struct ls_log ls_log;

/* A log to stderr; quiet leaves out notes there (warnings stay). */
ls_status ls_log_create(bool quiet, ls_log **out) LS_MUST_CHECK;
void ls_log_destroy(ls_log *log);

/* From now on also appends to this file, first what was said before (64 KiB at most).
 * Errors: ERR_IO. */
ls_status ls_log_open_file(ls_log *log, const char *path) LS_MUST_CHECK;

/* All of these do nothing on a NULL log. */
void ls_note(ls_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ls_warn(ls_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* To the file only. The program's last error goes there in this way, too. */
void ls_log_only(ls_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Progress of one long piece of work: a bar that is redrawn on a terminal, and a plain line now
 * and then elsewhere. LOCKSTEP_PROGRESS=bar|lines|none overrides what is chosen. */
typedef struct ls_progress ls_progress;

/* total in units (0: unknown), unit as "rows". On a NULL log the progress is silent. */
ls_status ls_progress_create(ls_log *log, const char *what, const char *unit, double total,
                             ls_progress **out) LS_MUST_CHECK;
/* Done so far, in units; extra (may be NULL) is shown behind, for example "loss 0.31". */
void ls_progress_update(ls_progress *p, double done, const char *extra);
/* Removes the bar, or prints the last line with the time and rate; nothing where the work came to
 * another status than LS_OK. Frees; safe on NULL. */
void ls_progress_finish(ls_progress *p, ls_status st);
/* Removes the bar and prints nothing, for work that is reported otherwise. Frees. */
void ls_progress_clear(ls_progress *p);

#endif
