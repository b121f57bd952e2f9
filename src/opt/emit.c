/* Text and numbers as YAML.
 *
 * Why here: the resolved config is read by people's own tools; PyYAML follows YAML 1.1, in which
 * `off` is false and 1e-05 a text. Never writes what lockstep would read as something else.
 */
#include "emit.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Words that some reader takes for null or a truth value. */
static bool is_reserved(const char *text) {
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* A letter first (so no number, date or sign of YAML's), then letters, digits and harmless
 * signs, with single blanks between them. */
static bool is_plain(const char *text) {
    if (!(isascii(text[0]) && isalpha((unsigned char)text[0])) && text[0] != '/' && text[0] != '_')
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        bool blank_between_words = *c == ' ' && c[1] != ' ' && c[1] != '\0';
        bool harmless = isascii(*c) && (isalnum((unsigned char)*c) || strchr("_-./+@", *c) != NULL);
        if (!blank_between_words && !harmless)
            return false;
    }
    return !is_reserved(text);
}

/* Decodes one UTF-8 character; its length, or 0 where there is none. */
static size_t decode(const char *text, uint32_t *code) {
    const unsigned char *b = (const unsigned char *)text;
    size_t length = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (ls_utf8_valid(text, strnlen(text, length)) < length)
        return 0;
    *code = length == 1 ? b[0] : b[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        *code = *code << 6 | (b[i] & 0x3fu);
    return length;
}

/* Whether a YAML text may hold the character as it is, and it stays what it is. */
static bool is_printable(uint32_t code) {
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029)
        return false;
    return code != 0xfeff && code != 0xfffe && code != 0xffff;
}

void ls_emit_string(const char *text, ls_buffer *out) {
    if (is_plain(text)) {
        ls_buffer_add(out, text);
        return;
    }
    ls_buffer_add(out, "\"");
    for (const char *c = text; *c != '\0';) {
        uint32_t code = 0;
        size_t length = decode(c, &code);
        if (*c == '"' || *c == '\\')
            ls_buffer_addf(out, "\\%c", *c);
        else if (*c == '\n')
            ls_buffer_add(out, "\\n");
        else if (length == 0) /* not UTF-8: the byte can at least be seen */
            ls_buffer_addf(out, "\\x%02X", (unsigned)(unsigned char)*c);
        else if (is_printable(code))
            ls_buffer_addn(out, c, length);
        else
            ls_buffer_addf(out, code < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)code);
        c += length > 0 ? length : 1;
    }
    ls_buffer_add(out, "\"");
}

/* Puts ".0" where a number's text has no '.': before the exponent, or at the end. */
static void emit_with_point(const char *text, ls_buffer *out) {
    size_t mantissa = strcspn(text, "e");
    ls_buffer_addn(out, text, mantissa);
    if (memchr(text, '.', mantissa) == NULL)
        ls_buffer_add(out, ".0");
    ls_buffer_add(out, text + mantissa);
}

void ls_emit_double(double x, ls_buffer *out) {
    char text[32];
    if (isnan(x))
        ls_buffer_add(out, "null");
    else
        emit_with_point(ls_print_double(x, text), out);
}

void ls_emit_float(float x, ls_buffer *out) {
    char text[32];
    double shortest = x;
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, (double)x);
        shortest = strtod(text, NULL);
        if ((float)shortest == x)
            break;
    }
    ls_emit_double(shortest, out);
}
