/* Philox4x32-10 by the Random123 library, and what is made of its draws.
 *
 * Why here: see random.h. Never keeps state.
 */
#include "lockstep/base/random.h"

#include <Random123/philox.h>
#include <math.h>

ls_random_key ls_random_key_make(uint32_t seed, ls_purpose purpose, uint32_t index) {
    return (ls_random_key){seed, (uint32_t)purpose << 24 | (index & 0xffffffu)};
}

void ls_random_quad(ls_random_key key, uint32_t epoch, uint32_t position, uint32_t quad,
                    uint32_t out[4]) {
    philox4x32_ctr_t counter = {{epoch, position, quad, 0}};
    philox4x32_key_t words = {{key.seed, key.stream}};
    philox4x32_ctr_t draw = philox4x32(counter, words);
    for (int i = 0; i < 4; i++)
        out[i] = draw.v[i];
}

static uint64_t join(uint32_t high, uint32_t low) {
    return (uint64_t)high << 32 | low;
}

double ls_random_unit(uint32_t high, uint32_t low) {
    return (double)(join(high, low) >> 11) * 0x1p-53;
}

float ls_random_unitf(uint32_t bits) {
    return (float)(bits >> 8) * 0x1p-24f;
}

void ls_random_normal2(uint32_t a, uint32_t b, double out[2]) {
    const double two_pi = 6.283185307179586476925;
    double u = ((double)a + 0.5) * 0x1p-32; /* never 0: its logarithm is taken */
    double angle = two_pi * ((double)b * 0x1p-32);
    double radius = sqrt(-2 * log(u));
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

uint64_t ls_random_below(uint32_t high, uint32_t low, uint64_t bound) {
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)join(high, low) * bound >> 64);
}

void ls_random_permutation(ls_random_key key, uint32_t epoch, uint32_t *order, size_t n) {
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i-- > 1;) {
        uint32_t draw[4];
        ls_random_quad(key, epoch, (uint32_t)i, 0, draw);
        size_t j = (size_t)ls_random_below(draw[0], draw[1], (uint64_t)i + 1);
        uint32_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}
