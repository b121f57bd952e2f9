/* Time and how it is written. Why here: see clock.h. Never decides a result. */
#include "lockstep/base/clock.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lockstep/base/text.h"

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

/* Digits, at most nine of them; moves *s behind them. */
static bool read_field(const char **s, double *x) {
    int digits = 0;
    for (*x = 0; digits < 10 && isdigit((unsigned char)**s); digits++, (*s)++)
        *x = 10 * *x + (**s - '0');
    return digits > 0 && digits < 10;
}

/* [[HH:]MM:]SS, or D-HH[:MM[:SS]]. */
static bool parse_clock(const char *s, double *seconds) {
    double days = 0, field[3] = {0};
    bool has_days = strchr(s, '-') != NULL;
    size_t n = 0;
    if (has_days && !(read_field(&s, &days) && *s++ == '-'))
        return false;
    do {
        if (n == 3 || !read_field(&s, &field[n]) || (n > 0 && field[n] >= 60))
            return false;
        n++;
    } while (*s++ == ':');
    if (s[-1] != '\0' || (has_days && field[0] >= 24))
        return false;
    *seconds = has_days || n == 3 ? ((days * 24 + field[0]) * 60 + field[1]) * 60 + field[2]
                                  : field[0] * 60 + field[1];
    return true;
}

/* A number, then perhaps a letter for its unit. */
static bool parse_with_unit(const char *s, double *seconds) {
    static const char letters[] = "smhd";
    static const double unit_s[] = {1, 60, 3600, 86400};
    char number[64];
    double x, unit = 1;
    size_t length = strlen(s);
    const char *letter = length > 0 ? strchr(letters, s[length - 1]) : NULL;
    if (letter != NULL) {
        unit = unit_s[letter - letters];
        length--;
    }
    if (length >= sizeof number)
        return false;
    memcpy(number, s, length);
    number[length] = '\0';
    if (!ls_parse_double(number, &x) || !isfinite(x * unit) || signbit(x))
        return false;
    *seconds = x * unit;
    return true;
}

bool ls_parse_duration(const char *s, double *seconds) {
    return strpbrk(s, ":-") != NULL ? parse_clock(s, seconds) : parse_with_unit(s, seconds);
}
