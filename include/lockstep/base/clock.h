/* Time: a monotonic clock for durations, the wall clock for records. Never decides a result. */
#ifndef LS_BASE_CLOCK_H
#define LS_BASE_CLOCK_H

#include <stdbool.h>

/* Seconds since some fixed point of this process's machine. */
double ls_clock_s(void);

/* Now as "2026-01-31T12:34:56Z"; buffer holds at least 32 bytes. Returns buffer. */
char *ls_clock_iso(char *buffer);

/* A duration as "4.2 s", "3 min 12 s" or "2 h 05 min"; buffer holds at least 32 bytes. */
char *ls_print_duration(double seconds, char *buffer);

/* What ls_parse_duration reads, for messages and help. */
#define LS_DURATION_FORMS "90, 90s, 30m, 2h, 1d, MM:SS, HH:MM:SS or D-HH:MM:SS"

/* A whole string as a duration in seconds, at least 0: a number without a unit is seconds, and
 * Slurm's D-HH and D-HH:MM are read too. False, and *seconds as it was, for anything else: fields
 * behind the first run up to 59, hours behind days to 23. */
bool ls_parse_duration(const char *s, double *seconds);

#endif
