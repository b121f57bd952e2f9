/* The handler and its flag. Why here: see stop.h. */
#include "lockstep/base/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;

static void remember(int number) {
    (void)number;
    asked = 1;
}

void ls_stop_catch_signals(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaction(numbers[i], &action, NULL); /* these numbers are valid */
    /* Whoever reads stderr (tee) may end first: what can not be told must not end the run. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* Whoever reads stderr (tee) may end first: what can not be told must not end the run. */
    (void)signal(SIGPIPE, SIG_IGN);
}

bool ls_stop_is_asked(void) {
    return asked != 0;
}
