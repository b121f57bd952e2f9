/* Durations as a user writes them: plain, with a unit, and as Slurm prints them. */
#include "lockstep/base/clock.h"
#include "unit.h"

static void accepted(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {{"0", 0},
                 {"90", 90},
                 {"90s", 90},
                 {"0.5", 0.5},
                 {"1.5h", 5400},
                 {"30m", 1800},
                 {"2h", 7200},
                 {"1d", 86400},
                 {"1e3", 1000},
                 {"05:07", 307},
                 {"90:00", 5400},
                 {"0:59", 59},
                 {"01:02:03", 3723},
                 {"100:00:00", 360000},
                 {"1-02", 93600},
                 {"1-02:03", 93780},
                 {"2-23:59:59", 259199},
                 {"365-00:00:00", 31536000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double seconds = -1;
        if (!ls_parse_duration(cases[i].text, &seconds))
            fail_msg("%s is refused", cases[i].text);
        assert_true(seconds == cases[i].seconds);
    }
}

static void refused(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        "s",
                                        "-5",
                                        "-0",
                                        "90x",
                                        "90 s",
                                        " 90",
                                        "2h30",
                                        "1h30m",
                                        "nan",
                                        "inf",
                                        "1e400",
                                        "1e308d",
                                        "0x10",
                                        ":",
                                        "1:",
                                        ":30",
                                        "1:60",
                                        "1:60:0",
                                        "1:0:60",
                                        "1:2:3:4",
                                        "1.5:00",
                                        "1-",
                                        "1-24",
                                        "1-1:60",
                                        "-1:00",
                                        "1-2-3",
                                        "1-00:00:60",
                                        "1:00s",
                                        "+1:00",
                                        "9999999999:00",
                                        "UNLIMITED"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double seconds = -1;
        if (ls_parse_duration(cases[i], &seconds))
            fail_msg("%s is taken for %g s", cases[i], seconds);
        assert_true(seconds == -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepted), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
