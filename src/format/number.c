/* One cell of a table of numbers.
 * Why here: see lockstep/format/number.h. Never depends on the locale: the program never sets
 * one. */
#include "lockstep/format/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Powers of ten that a double holds exactly. */
static const double exact_power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* A number's text taken apart: mantissa * 10^exponent. */
typedef struct decimal {
    uint64_t mantissa;
    int digits;   /* of the mantissa, leading zeros aside; above 15 the mantissa may be cut */
    int exponent; /* of ten */
    bool negative;
} decimal;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *take_digits(const char *p, const char *end, decimal *d, bool *any) {
    for (; p < end && is_digit(*p); p++) {
        *any = true;
        if (d->digits < 19)
            d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
        d->digits += d->mantissa != 0;
    }
    return p;
}

/* Whether [p, end) is a number: sign, digits with a point, exponent; fills *d. */
static bool take_apart(const char *p, const char *end, decimal *d) {
    bool any = false;
    *d = (decimal){0};
    if (p < end && (*p == '-' || *p == '+'))
        d->negative = *p++ == '-';
    p = take_digits(p, end, d, &any);
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = take_digits(p, end, d, &any);
        d->exponent = p - fraction < 100000 ? (int)(fraction - p) : -100000;
    }
    if (!any)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool negative = false;
        if (p < end && (*p == '-' || *p == '+'))
            negative = *p++ == '-';
        if (p == end)
            return false;
        int e = 0;
        for (; p < end && is_digit(*p); p++)
            e = e < 100000 ? e * 10 + (*p - '0') : e;
        d->exponent += negative ? -e : e;
    }
    return p == end;
}

/* The nearest float where it follows from one exact operation on doubles (Clinger 1990): both
 * operands are exact, so the double is correctly rounded; rounding it again to float is right
 * unless the double lies just between two floats. */
static bool fast_float(const decimal *d, float *out) {
    if (d->digits > 15 || d->exponent < -22 || d->exponent > 22)
        return false;
    const double m = (double)d->mantissa;
    const double x = d->exponent < 0 ? m / exact_power[-d->exponent] : m * exact_power[d->exponent];
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const bool between = (bits & 0x1fffffffu) == 0x10000000u;
    if (between || (x != 0 && x < (double)FLT_MIN) || x > (double)FLT_MAX)
        return false;
    *out = d->negative ? -(float)x : (float)x;
    return true;
}

static bool is_word(const char *s, size_t n, const char *word) {
    return strlen(word) == n && strncasecmp(s, word, n) == 0;
}

static ls_cell parse_word(const char *s, size_t n, float *out) {
    static const char *const missing[] = {"", "NA", "N/A", "NaN", "null", "?"};
    *out = NAN;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (is_word(s, n, missing[i]))
            return LS_CELL_MISSING;
    const bool negative = n > 0 && *s == '-';
    const size_t sign = negative || (n > 0 && *s == '+');
    if (!is_word(s + sign, n - sign, "inf") && !is_word(s + sign, n - sign, "infinity"))
        return LS_CELL_TEXT;
    *out = negative ? -INFINITY : INFINITY;
    return LS_CELL_INFINITE;
}

ls_cell ls_parse_cell(const char *s, size_t n, float *out) {
    decimal d;
    while (n > 0 && (*s == ' ' || *s == '\t'))
        s++, n--;
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    if (!take_apart(s, s + n, &d))
        return parse_word(s, n, out);
    if (!fast_float(&d, out))
        *out = strtof(s, NULL); /* take_apart has checked where the number ends */
    return isinf(*out) ? LS_CELL_INFINITE : LS_CELL_NUMBER;
}

char *ls_print_float(float x, char *buffer) {
    for (int digits = 6; digits <= 9; digits++) { /* nine are always enough */
        snprintf(buffer, 16, "%.*g", digits, (double)x);
        if (strtof(buffer, NULL) == x)
            break;
    }
    return buffer;
}
