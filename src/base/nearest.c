/* The word that was probably meant.
 *
 * Why here: a wrong key or name in a config, a command or a file gets the nearest valid one as a
 * hint. Never corrects anything by itself.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lockstep/base/error.h"
#include "lockstep/base/text.h"

#define WORD_MAX 64

static size_t min2(size_t a, size_t b) {
    return a < b ? a : b;
}

static bool same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, ASCII case ignored: the
 * optimal string alignment distance. Both at most WORD_MAX long. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *now = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
            now[j] = min2(replaced, 1 + min2(above[j], now[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = min2(now[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *ls_nearest(const char *s, const char *const *words, size_t count) {
    const char *best = NULL;
    size_t best_distance = WORD_MAX + 1;
    size_t length = strlen(s);
    if (length > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t word_length = strlen(words[i]);
        if (word_length > WORD_MAX)
            continue;
        size_t longer = length > word_length ? length : word_length;
        size_t allowed = longer < 3 ? 1 : (longer + 1) / 3;
        size_t d = distance(s, length, words[i], word_length);
        if (d <= allowed && d < longer && d < best_distance) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}

/* Whether word contains s, ASCII case ignored; a short s says too little. */
static bool contains(const char *word, const char *s) {
    size_t n = strlen(s);
    for (; n >= 3 && strlen(word) >= n; word++)
        if (strncasecmp(word, s, n) == 0)
            return true;
    return false;
}

/* "did you mean 'a' or 'b'?", of the names that contain what was given. */
static ls_status hint_containing(ls_status st, const char *given, const char *const *names,
                                 size_t count) {
    ls_buffer b = {0};
    const char *between = "";
    for (size_t i = 0; i < count; i++)
        if (contains(names[i], given)) {
            ls_buffer_addf(&b, "%s'%s'", between, names[i]);
            between = " or ";
        }
    if (b.status == LS_OK)
        st = ls_hint(st, "did you mean %s?", b.data);
    ls_buffer_free(&b);
    return st;
}

ls_status ls_hint_nearest(ls_status st, const char *given, const char *const *names, size_t count,
                          const char *known) {
    const char *nearest = ls_nearest(given, names, count);
    size_t containing = 0;
    for (size_t i = 0; i < count; i++)
        containing += contains(names[i], given);
    if (containing > 1 || (containing == 1 && nearest == NULL))
        return hint_containing(st, given, names, count);
    if (nearest != NULL)
        return ls_hint(st, "did you mean '%s'?", nearest);
    ls_buffer all = {0};
    for (size_t i = 0; i < count; i++)
        ls_buffer_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    if (all.status == LS_OK && count > 0)
        st = ls_hint(st, "%s: %s", known, all.data);
    ls_buffer_free(&all);
    return st;
}
