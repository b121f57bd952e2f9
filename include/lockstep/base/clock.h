/* Time: a monotonic clock for durations, the wall clock for records. Never decides a result. */
#ifndef LS_BASE_CLOCK_H
#define LS_BASE_CLOCK_H

/* Seconds since some fixed point of this process's machine. */
double ls_clock_s(void);

/* Now as "2026-01-31T12:34:56Z"; buffer holds at least 32 bytes. Returns buffer. */
char *ls_clock_iso(char *buffer);

/* A duration as "4.2 s", "3 min 12 s" or "2 h 05 min"; buffer holds at least 32 bytes. */
char *ls_print_duration(double seconds, char *buffer);

#endif
