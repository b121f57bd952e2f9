/* Progress of long work: a bar on a terminal, plain lines elsewhere.
 *
 * Why here: see log.h. Cheap enough to be called once a step. Never touches the log file: what
 * is worth keeping is a note of the caller's.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "log_internal.h"

#define BAR_PERIOD_S 0.1
#define LINE_PERIOD_S 10.0
#define BAR_CELLS 24

typedef enum progress_style { STYLE_NONE, STYLE_BAR, STYLE_LINES } progress_style;

struct ls_progress {
    ls_log *log;
    progress_style style;
    char *what;
    char *unit;
    double total; /* 0: unknown */
    double done;
    double start_s;
    double shown_s; /* when something was shown last */
};

static progress_style choose_style(const ls_log *log) {
    const char *wish = getenv("LOCKSTEP_PROGRESS");
    if (log == NULL || log->quiet)
        return STYLE_NONE;
    if (wish != NULL && strcmp(wish, "none") == 0)
        return STYLE_NONE;
    if (wish != NULL && strcmp(wish, "bar") == 0)
        return STYLE_BAR;
    if (wish != NULL && strcmp(wish, "lines") == 0)
        return STYLE_LINES;
    return isatty(STDERR_FILENO) ? STYLE_BAR : STYLE_LINES;
}

static void destroy(ls_progress *p) {
    ls_free(p->what);
    ls_free(p->unit);
    ls_free(p);
}

ls_status ls_progress_create(ls_log *log, const char *what, const char *unit, double total,
                             ls_progress **out) {
    *out = NULL;
    ls_progress *p;
    LS_TRY(ls_alloc(1, sizeof *p, "progress", &p));
    ls_status st = ls_strdup(what, &p->what);
    if (st == LS_OK)
        st = ls_strdup(unit, &p->unit);
    if (st != LS_OK) {
        destroy(p);
        return st;
    }
    p->log = log;
    p->style = choose_style(log);
    p->total = total;
    p->start_s = ls_clock_s();
    p->shown_s = p->start_s;
    *out = p;
    return LS_OK;
}

static uint64_t whole(double x) {
    return x > 0 ? (uint64_t)(x + 0.5) : 0;
}

static double fraction(const ls_progress *p) {
    double f = p->done / p->total;
    return f < 0 ? 0 : f > 1 ? 1 : f;
}

/* "35%  21,000 of 60,000 rows  19,355 rows/s  2.0 s left  loss 0.31" */
static void add_state(const ls_progress *p, const char *extra, ls_buffer *b) {
    char number[32];
    double elapsed = ls_clock_s() - p->start_s;
    double rate = elapsed > 0 ? p->done / elapsed : 0;
    if (p->total > 0)
        ls_buffer_addf(b, "%3.0f%%  ", 100 * fraction(p));
    ls_buffer_add(b, ls_print_count(whole(p->done), number));
    if (p->total > 0)
        ls_buffer_addf(b, " of %s", ls_print_count(whole(p->total), number));
    ls_buffer_addf(b, " %s  ", p->unit);
    ls_buffer_addf(b, "%s %s/s", ls_print_count(whole(rate), number), p->unit);
    if (p->total > 0 && rate > 0)
        ls_buffer_addf(b, "  %s left", ls_print_duration((p->total - p->done) / rate, number));
    if (extra != NULL)
        ls_buffer_addf(b, "  %s", extra);
}

/* Characters that fit on one line of the terminal; a bar that wraps could not be wiped. */
static size_t terminal_width(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        return (size_t)size.ws_col - 1;
    return 79;
}

static void show_bar(ls_progress *p, const char *extra) {
    ls_buffer b = {0};
    ls_buffer_addf(&b, "%s ", p->what);
    if (p->total > 0) {
        int full = (int)(fraction(p) * BAR_CELLS);
        ls_buffer_add(&b, "[");
        for (int i = 0; i < BAR_CELLS; i++)
            ls_buffer_add(&b, i < full ? "#" : ".");
        ls_buffer_add(&b, "] ");
    }
    add_state(p, extra, &b);
    if (b.status == LS_OK) {
        (void)fprintf(stderr, LS_WIPE_LINE "%.*s", (int)terminal_width(), b.data);
        p->log->bar_is_shown = true;
    }
    ls_buffer_free(&b);
}

static void show_line(ls_progress *p, const char *extra) {
    ls_buffer b = {0};
    ls_buffer_addf(&b, "%s: ", p->what);
    add_state(p, extra, &b);
    if (b.status == LS_OK)
        ls_log_stderr(p->log, "", b.data);
    ls_buffer_free(&b);
}

void ls_progress_update(ls_progress *p, double done, const char *extra) {
    if (p == NULL)
        return;
    p->done = done;
    if (p->style == STYLE_NONE)
        return;
    double now = ls_clock_s();
    if (now - p->shown_s < (p->style == STYLE_BAR ? BAR_PERIOD_S : LINE_PERIOD_S))
        return;
    p->shown_s = now;
    if (p->style == STYLE_BAR)
        show_bar(p, extra);
    else
        show_line(p, extra);
}

/* "import: 60,000 rows in 3.1 s (19,355 rows/s)" */
static void show_last_line(const ls_progress *p) {
    char count[32], duration[32], rate[32];
    double elapsed = ls_clock_s() - p->start_s;
    ls_buffer b = {0};
    ls_buffer_addf(&b, "%s: %s %s in %s (%s %s/s)", p->what, ls_print_count(whole(p->done), count),
                   p->unit, ls_print_duration(elapsed, duration),
                   ls_print_count(elapsed > 0 ? whole(p->done / elapsed) : 0, rate), p->unit);
    if (b.status == LS_OK)
        ls_log_stderr(p->log, "", b.data);
    ls_buffer_free(&b);
}

static void wipe_bar(ls_progress *p) {
    if (p->style != STYLE_BAR || !p->log->bar_is_shown)
        return;
    (void)fputs(LS_WIPE_LINE, stderr);
    p->log->bar_is_shown = false;
}

void ls_progress_clear(ls_progress *p) {
    if (p == NULL)
        return;
    wipe_bar(p);
    destroy(p);
}

void ls_progress_finish(ls_progress *p, ls_status st) {
    if (p == NULL)
        return;
    if (p->style == STYLE_LINES && p->done > 0 && st == LS_OK)
        show_last_line(p);
    ls_progress_clear(p);
}
