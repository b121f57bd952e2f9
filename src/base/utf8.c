/* Whether bytes are UTF-8 (RFC 3629).
 *
 * Why here: names go through as bytes, but JSON, CSV and people need one encoding. Never guesses
 * another one.
 */
#include <stdint.h>
#include <string.h>

#include "lockstep/base/text.h"

/* Bytes of the character at s, of n > 0 bytes; 0: none begins there. */
static size_t character(const unsigned char *s, size_t n) {
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (length == 0 || length > n || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool too_long = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool too_large = s[0] == 0xf4 && s[1] > 0x8f;
    return length > 1 && (too_long || surrogate || too_large) ? 0 : length;
}

size_t ls_utf8_valid(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        uint64_t eight;
        if (n - i >= sizeof eight) { /* most text is ASCII, and there may be gigabytes of it */
            memcpy(&eight, s + i, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t length = character((const unsigned char *)s + i, n - i);
        if (length == 0)
            return i;
        i += length;
    }
    return n;
}

void ls_buffer_add_utf8(ls_buffer *b, const char *s) {
    for (size_t left = strlen(s); left > 0;) {
        size_t n = ls_utf8_valid(s, left);
        ls_buffer_addn(b, s, n);
        s += n;
        left -= n;
        if (left > 0) {
            ls_buffer_addf(b, "\\x%02x", (unsigned char)*s++);
            left--;
        }
    }
}
