/* What the log and the progress write to stderr (caught in a file) and to a log file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/log.h"
#include "lockstep/base/memory.h"
#include "unit.h"

typedef struct caught {
    char directory[64];
    char err[96];
    int real;
} caught;

static int catch_stderr(void **state) {
    static caught c;
    (void)snprintf(c.directory, sizeof c.directory, "/tmp/lockstep_test_XXXXXX");
    if (mkdtemp(c.directory) == NULL)
        return -1;
    (void)snprintf(c.err, sizeof c.err, "%s/err", c.directory);
    c.real = dup(STDERR_FILENO);
    *state = &c;
    return c.real >= 0 && freopen(c.err, "w", stderr) != NULL ? 0 : -1;
}

static int release_stderr(void **state) {
    caught *c = *state;
    char command[128];
    (void)fflush(stderr);
    (void)dup2(c->real, STDERR_FILENO);
    (void)close(c->real);
    (void)snprintf(command, sizeof command, "rm -r '%s'", c->directory);
    return system(command);
}

/* What came to stderr so far. Caller: ls_free. */
static char *err(const caught *c) {
    char *text;
    assert_int_equal(fflush(stderr), 0);
    assert_int_equal(ls_read_file(c->err, &text, NULL), LS_OK);
    return text;
}

static void assert_err(const caught *c, const char *want) {
    char *text = err(c);
    assert_string_equal(text, want);
    ls_free(text);
}

static void test_lines(void **state) {
    caught *c = *state;
    ls_log *log;
    assert_int_equal(ls_log_create(false, &log), LS_OK);
    ls_note(log, "read %d rows", 3);
    ls_warn(log, "class '%s' is empty", "Lung");
    ls_log_only(log, "not seen");
    ls_note(NULL, "not seen");
    ls_warn(NULL, "not seen");
    assert_err(c, "read 3 rows\nlockstep: warning: class 'Lung' is empty\n");
    ls_log_destroy(log);
    ls_log_destroy(NULL);
}

static void test_quiet_and_file(void **state) {
    caught *c = *state;
    ls_log *log;
    char path[96], *text;
    (void)snprintf(path, sizeof path, "%s/log.txt", c->directory);
    assert_int_equal(ls_write_file(path, "before\n", 7), LS_OK);
    assert_int_equal(ls_log_create(true, &log), LS_OK);
    assert_int_equal(ls_log_open_file(log, path), LS_OK);
    ls_note(log, "note");
    ls_warn(log, "careful");
    ls_log_only(log, "detail");
    assert_err(c, "lockstep: warning: careful\n");
    assert_int_equal(ls_read_file(path, &text, NULL), LS_OK);
    assert_int_equal(strncmp(text, "before\n20", 9), 0);
    const char *note = strstr(text, "Z note\n20"),
               *careful = strstr(text, "Z warning: careful\n20");
    assert_true(note != NULL && careful > note && strstr(careful, "Z detail\n") != NULL);
    ls_free(text);
    assert_int_equal(ls_log_open_file(log, c->directory), LS_ERR_IO);
    assert_non_null(strstr(ls_error_last()->message, "open: Is a directory"));
    ls_log_destroy(log);
}

static void test_a_file_gets_what_was_said_before(void **state) {
    caught *c = *state;
    ls_log *log;
    char path[96], *text;
    (void)snprintf(path, sizeof path, "%s/log.txt", c->directory);
    assert_int_equal(ls_log_create(true, &log), LS_OK);
    ls_warn(log, "early");
    for (int i = 0; i < 10000; i++)
        ls_note(log, "much");
    assert_int_equal(ls_log_open_file(log, path), LS_OK);
    ls_note(log, "late");
    assert_int_equal(ls_read_file(path, &text, NULL), LS_OK);
    const char *early = strstr(text, "Z warning: early\n20"), *late = strstr(text, "Z late\n");
    assert_true(early != NULL && early - text < 24 && late > early);
    assert_in_range(strlen(text), 60 << 10, 65 << 10); /* it is bounded */
    ls_free(text);
    ls_log_destroy(log);
}

static void test_a_full_disk_is_said_once(void **state) {
    caught *c = *state;
    ls_log *log;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(ls_log_create(true, &log), LS_OK);
    assert_int_equal(ls_log_open_file(log, "/dev/full"), LS_OK);
    ls_note(log, "a");
    ls_note(log, "b");
    assert_err(c, "lockstep: warning: /dev/full: write: No space left on device; nothing more is "
                  "logged there\n");
    ls_log_destroy(log);
}

static ls_progress *start(ls_log *log, const char *style, double total) {
    ls_progress *p;
    assert_int_equal(setenv("LOCKSTEP_PROGRESS", style, 1), 0);
    assert_int_equal(ls_progress_create(log, "import", "rows", total, &p), LS_OK);
    assert_int_equal(unsetenv("LOCKSTEP_PROGRESS"), 0);
    return p;
}

static void pause_s(double s) {
    struct timespec t = {0, (long)(s * 1e9)};
    assert_int_equal(nanosleep(&t, NULL), 0);
}

static void test_progress_lines(void **state) {
    caught *c = *state;
    ls_log *log;
    assert_int_equal(ls_log_create(false, &log), LS_OK);
    ls_progress *p = start(log, "lines", 60000);
    for (int i = 0; i <= 60000; i++)
        ls_progress_update(p, i, NULL);
    assert_err(c, "");
    ls_progress_finish(p, LS_OK);
    char *text = err(c);
    assert_int_equal(strncmp(text, "import: 60,000 rows in 0.", 25), 0);
    assert_non_null(strstr(text, " rows/s)\n"));
    ls_free(text);
    ls_log_destroy(log);
}

static void test_failed_work_has_no_last_line(void **state) {
    caught *c = *state;
    ls_log *log;
    assert_int_equal(ls_log_create(false, &log), LS_OK);
    ls_progress *p = start(log, "lines", 10);
    ls_progress_update(p, 4, NULL);
    ls_progress_finish(p, LS_ERR_DATA);
    p = start(log, "lines", 10);
    ls_progress_clear(p);
    assert_err(c, "");
    ls_log_destroy(log);
}

static void test_progress_bar(void **state) {
    caught *c = *state;
    ls_log *log;
    assert_int_equal(ls_log_create(false, &log), LS_OK);
    ls_progress *p = start(log, "bar", 200);
    pause_s(0.11);
    ls_progress_update(p, 50, "loss 2");
    ls_progress_update(p, 51, "too soon");
    char *text = err(c);
    assert_int_equal(
        strncmp(text, "\r\033[Kimport [######..................]  25%  50 of 200 rows  ", 60), 0);
    assert_null(strstr(text, "51 of"));
    assert_null(strchr(text, '\n'));
    size_t length = strlen(text);
    ls_free(text);
    ls_note(log, "a note");
    ls_progress_finish(p, LS_OK);
    text = err(c);
    assert_string_equal(text + length, "\r\033[Ka note\n");
    ls_free(text);
    ls_log_destroy(log);
}

static void test_progress_is_wiped(void **state) {
    caught *c = *state;
    ls_log *log;
    assert_int_equal(ls_log_create(false, &log), LS_OK);
    ls_progress *p = start(log, "bar", 0);
    pause_s(0.11);
    ls_progress_update(p, 1e9, NULL);
    char *text = err(c);
    assert_non_null(strstr(text, "import 1,000,000,000 rows"));
    size_t length = strlen(text);
    ls_free(text);
    ls_progress_finish(p, LS_OK);
    text = err(c);
    assert_string_equal(text + length, "\r\033[K");
    ls_free(text);
    ls_log_destroy(log);
}

static void test_silent_progress(void **state) {
    caught *c = *state;
    ls_log *log;
    assert_int_equal(ls_log_create(true, &log), LS_OK);
    ls_progress_finish(start(log, "bar", 1), LS_OK);
    ls_progress_finish(start(NULL, "lines", 1), LS_OK);
    ls_progress_update(NULL, 1, NULL);
    ls_progress_finish(NULL, LS_OK);
    assert_err(c, "");
    ls_log_destroy(log);
}

#define CAUGHT(test) cmocka_unit_test_setup_teardown(test, catch_stderr, release_stderr)

int main(void) {
    const struct CMUnitTest tests[] = {
        CAUGHT(test_lines),
        CAUGHT(test_quiet_and_file),
        CAUGHT(test_a_file_gets_what_was_said_before),
        CAUGHT(test_a_full_disk_is_said_once),
        CAUGHT(test_progress_lines),
        CAUGHT(test_failed_work_has_no_last_line),
        CAUGHT(test_progress_bar),
        CAUGHT(test_progress_is_wiped),
        CAUGHT(test_silent_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
