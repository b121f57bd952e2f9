/* What unit tests that make files share: a directory of their own and short checks.
 *
 * Why here: each test is one program, so this is a header of static functions. */
#ifndef LS_TESTS_SUPPORT_TEST_FILES_H
#define LS_TESTS_SUPPORT_TEST_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "lockstep/format/h5.h"

#define OK(call) assert_int_equal(call, LS_OK)

/* The call fails with this status, and its message or hint holds the text. */
#define FAILS(st, text, call)                                                                      \
    do {                                                                                           \
        assert_int_equal(call, st);                                                                \
        if (!strstr(ls_error_last()->message, text) && !strstr(ls_error_last()->hint, text))       \
            fail_msg("'%s' (hint '%s') does not say '%s'", ls_error_last()->message,               \
                     ls_error_last()->hint, text);                                                 \
    } while (0)

static char test_dir[64];

static inline const char *at(const char *name) {
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", test_dir, name);
    return path[turn];
}

static inline int make_dir(void **state) {
    (void)state;
    snprintf(test_dir, sizeof test_dir, "/tmp/lockstep-unit-XXXXXX");
    return mkdtemp(test_dir) ? 0 : -1;
}

static inline int remove_dir(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", test_dir);
    return system(command);
}

/* Writes a list of strings, ended by NULL. */
static inline void put_strings(ls_h5 *f, const char *name, const char *const *text) {
    ls_strings list = {0};
    for (; *text; text++)
        OK(ls_strings_add(&list, *text));
    OK(ls_h5_write_strings(f, name, &list));
    ls_strings_free(&list);
}

#define PUT_STRINGS(f, name, ...) put_strings(f, name, (const char *const[]){__VA_ARGS__, NULL})
/* put(f, "/X", LS_H5_F32, 2, 3, 5, x): the dimensions of a vector are n, 1. */
static inline void put(ls_h5 *f, const char *name, ls_h5_type type, int rank, size_t n, size_t m,
                       const void *in) {
    OK(ls_h5_write(f, name, type, rank, (size_t[]){n, m, 1}, in));
}

#endif
