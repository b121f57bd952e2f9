/* Link functions: what turns the outputs of a model into what it predicts.
 *
 * A loss that ends in one works on what stands before it (logits, the logarithm of a mean), where
 * it is stable.
 *
 * Why here: losses, layers and scores speak of the same functions; a new one is a word here and a
 * row in src/nn/links.c.
 */
#ifndef LS_NN_LINK_H
#define LS_NN_LINK_H

#include <stddef.h>

typedef enum ls_link { LS_LINK_NONE, LS_LINK_SOFTMAX, LS_LINK_SIGMOID, LS_LINK_EXP } ls_link;

/* What outputs before this link are, for messages: "logits"; NULL for LS_LINK_NONE. */
const char *ls_link_takes(ls_link link);

/* p[rows, n] = the link of z; in place where p is z. */
void ls_link_apply(ls_link link, size_t rows, size_t n, const float *z, float *p);

/* The same of one output, in float64. Not for LS_LINK_SOFTMAX, which needs a row. */
double ls_link_of(ls_link link, double z);

#endif
