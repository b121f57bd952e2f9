/* Termination signals as a flag that the training loop looks at.
 *
 * Why here: a handler may only set a flag; that flag is the one piece of global state that
 * training has. */
#include <signal.h>

#include "lockstep/train/train.h"
#include "signals.h"

static volatile sig_atomic_t received;

static void remember(int number) {
    received = number;
}

void ls_train_catch_signals(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaction(numbers[i], &action, NULL); /* these numbers are valid */
    /* Whoever reads stderr (tee) may end first: what can not be told must not end the run. */
    (void)signal(SIGPIPE, SIG_IGN);
}

int ls_signal_received(void) {
    return received;
}
