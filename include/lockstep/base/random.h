/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC11; the Random123 library).
 *
 * Why here: a draw is a pure function of a key and a counter, so no generator state is kept,
 * saved or shared, and a draw does not depend on ranks or threads.
 * Key {seed, purpose and index}, counter {epoch, position, unit / 4, 0}; units are global
 * column indices. Never seeds from the clock.
 */
#ifndef LS_BASE_RANDOM_H
#define LS_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a stream of draws is for; two purposes never share a draw. The numbers are part of what
 * fixes a result: never change or reuse one. */
typedef enum ls_purpose {
    LS_RANDOM_INIT = 1,        /* index: parameter of the model */
    LS_RANDOM_DROPOUT = 2,     /* index: layer */
    LS_RANDOM_DEAL = 3,        /* blocks of rows to lanes */
    LS_RANDOM_LANE_BLOCKS = 4, /* index: lane; order of its blocks in an epoch */
    LS_RANDOM_LANE_ROWS = 5,   /* index: lane; order of rows in the moving window */
    LS_RANDOM_SPLIT = 6,       /* rows or groups to train, val and test */
    LS_RANDOM_SYNTH = 7,       /* index: what is synthesised */
    LS_RANDOM_CHECK = 8,       /* tests and self-tests */
    LS_RANDOM_NOISE = 9,       /* index: layer */
    LS_RANDOM_BALANCE = 10,    /* index: lane; classes and rows of balanced sampling */
    LS_RANDOM_SUBSPACE = 11    /* first vectors of a principal component analysis */
} ls_purpose;

typedef struct ls_random_key {
    uint32_t seed;
    uint32_t stream; /* purpose << 24 | index */
} ls_random_key;

/* The key of one stream; index < 2^24. */
ls_random_key ls_random_key_make(uint32_t seed, ls_purpose purpose, uint32_t index);

/* out[0..4) = the four 32-bit draws at counter {epoch, position, quad, 0}. */
void ls_random_quad(ls_random_key key, uint32_t epoch, uint32_t position, uint32_t quad,
                    uint32_t out[4]);

/* A double in [0, 1) with 53 random bits, made of two 32-bit draws. */
double ls_random_unit(uint32_t high, uint32_t low);

/* A float in [0, 1) with 24 random bits. */
float ls_random_unitf(uint32_t bits);

/* Two standard normal values from two draws (Box and Muller 1958). */
void ls_random_normal2(uint32_t a, uint32_t b, double out[2]);

/* A number in [0, bound), bound > 0, from 64 random bits (multiply and shift; the bias is below
 * bound / 2^64). */
uint64_t ls_random_below(uint32_t high, uint32_t low, uint64_t bound);

/* order[0..n) = a permutation of 0..n-1 (Fisher and Yates), from the draws {epoch, i, 0}. */
void ls_random_permutation(ls_random_key key, uint32_t epoch, uint32_t *order, size_t n);

#endif
