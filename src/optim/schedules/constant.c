/* constant: the optimizer's learning rate, always. */
#include "schedules.h"

static double factor(const void *opts, const ls_schedule_at *at) {
    (void)opts;
    (void)at;
    return 1;
}

const ls_schedule_type ls_schedule_constant = {
    .row = {"constant", "the learning rate stays as it is", NULL, 0, NULL},
    .factor = factor,
};
