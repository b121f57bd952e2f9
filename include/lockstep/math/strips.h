/* How a matrix W[out, in] that products multiply by lies in memory: in strips of `width` outputs,
 * one after the other, each as [in][outputs of the strip]; the last strip has the outputs that are
 * left. The width is LS_STRIP, or 1: then it lies row by row.
 *
 * Why here: vectors of a kernel hold outputs that lie together, so that it reads a strip where it
 * lies, and some columns of a strip are one stretch of memory. Files keep [out, in]: what moves
 * weights, gives them their first values or hashes them asks here.
 */
#ifndef LS_MATH_STRIPS_H
#define LS_MATH_STRIPS_H

#include <stddef.h>

enum { LS_STRIP = 64 };

typedef struct ls_strips {
    size_t out, in, width;
} ls_strips;

/* Outputs of the strip that output o is in. */
static inline size_t ls_strips_width(const ls_strips *s, size_t o) {
    const size_t rest = s->out - o / s->width * s->width;
    return rest < s->width ? rest : s->width;
}

/* Which float of the array element [o, i] is; ls_strips_width(s, o) floats on is [o, i + 1]. */
static inline size_t ls_strips_at(const ls_strips *s, size_t o, size_t i) {
    return o / s->width * s->width * s->in + i * ls_strips_width(s, o) + o % s->width;
}

#endif
