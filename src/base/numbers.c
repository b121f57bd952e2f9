/* Numbers from text and back.
 *
 * Why here: config, data files and messages read and write numbers the same strict way. Depends
 * on the C locale only because lockstep never calls setlocale.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lockstep/base/text.h"

static bool is_word_for_no_number(const char *s) {
    s += *s == '+' || *s == '-';
    return strcasecmp(s, "nan") == 0 || strcasecmp(s, "inf") == 0 || strcasecmp(s, "infinity") == 0;
}

/* strtod also takes blanks in front, hexadecimal and nan(...): none of these is wanted. */
static bool is_decimal(const char *s) {
    s += *s == '+' || *s == '-';
    return (isdigit((unsigned char)s[0]) && s[1] != 'x' && s[1] != 'X') ||
           (s[0] == '.' && isdigit((unsigned char)s[1]));
}

bool ls_parse_double(const char *s, double *out) {
    if (!is_decimal(s) && !is_word_for_no_number(s))
        return false;
    char *end;
    errno = 0;
    double x = strtod(s, &end);
    if (*end != '\0' || (errno == ERANGE && fabs(x) == HUGE_VAL))
        return false;
    *out = x;
    return true;
}

bool ls_parse_int64(const char *s, int64_t *out) {
    const char *digits = s + (*s == '+' || *s == '-');
    if (!isdigit((unsigned char)digits[0]))
        return false;
    char *end;
    errno = 0;
    long long x = strtoll(s, &end, 10);
    if (*end != '\0' || errno == ERANGE)
        return false;
    *out = x;
    return true;
}

char *ls_print_double(double x, char *buffer) {
    int digits = 1;
    for (; digits < 17; digits++) {
        (void)snprintf(buffer, 32, "%.*e", digits - 1, x);
        if (strtod(buffer, NULL) == x)
            break;
    }
    if (!isfinite(x)) {
        (void)snprintf(buffer, 32, "%s", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
        return buffer;
    }
    /* 100000 rather than 1e+05, as long as every digit of it is true. */
    (void)snprintf(buffer, 32, "%.*e", digits - 1, x);
    int exponent = atoi(strchr(buffer, 'e') + 1);
    if (exponent < 15 && exponent >= digits)
        digits = exponent + 1;
    (void)snprintf(buffer, 32, "%.*g", digits, x);
    return buffer;
}

char *ls_print_count(uint64_t n, char *buffer) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *to = buffer;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return buffer;
}

char *ls_print_bytes(double bytes, char *buffer) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(buffer, 32, "%.*f %s", unit > 0 && bytes < 99.95 ? 1 : 0, bytes, units[unit]);
    return buffer;
}
