/* Time and how it is written. Why here: see clock.h. Never decides a result. */
#include "lockstep/base/clock.h"

#include <stdio.h>
#include <time.h>

double ls_clock_s(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *ls_clock_iso(char *buffer) {
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) == NULL || strftime(buffer, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        buffer[0] = '\0';
    return buffer;
}

char *ls_print_duration(double seconds, char *buffer) {
    if (!(seconds > 0))
        seconds = 0;
    if (seconds < 59.95) {
        (void)snprintf(buffer, 32, "%.1f s", seconds);
    } else if (seconds < 3599.5) {
        int whole = (int)(seconds + 0.5);
        (void)snprintf(buffer, 32, "%d min %02d s", whole / 60, whole % 60);
    } else if (seconds < 1e12) {
        long long minutes = (long long)(seconds / 60 + 0.5);
        (void)snprintf(buffer, 32, "%lld h %02lld min", minutes / 60, minutes % 60);
    } else {
        (void)snprintf(buffer, 32, "ever");
    }
    return buffer;
}
