/* Draws of noise. Why here: see noise.h. */
#include "noise.h"

#include <math.h>
#include <string.h>

#include "layers.h"
#include "lockstep/base/random.h"
#include "lockstep/math/functions.h"

const ls_opt ls_noise_table[] = {
    {.key = "std",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(ls_noise_options, std),
     .min = 0,
     .max = 1e6,
     .help = "standard deviation of the noise"},
    {.kind = LS_OPT_END},
};

/* Units at a time, and what their draws take where the first is not the first of its four. */
enum { UNITS = 1024, PAIRS = UNITS / 2 + 2 };

/* Two uniform numbers for every two units. */
typedef struct pairs {
    size_t count;
    float radius[PAIRS], turn[PAIRS], cosine[PAIRS], sine[PAIRS];
} pairs;

static void draw_uniform(ls_random_key key, const ls_pass *pass, size_t row, ls_tree_range units,
                         pairs *p) {
    const size_t end = units.first + units.count;
    p->count = 0;
    for (size_t quad = units.first / 4; quad * 4 < end; quad++) {
        uint32_t bits[4];
        ls_random_quad(key, pass->epoch, pass->position[row], (uint32_t)quad, bits);
        for (size_t k = 0; k < 4; k += 2, p->count++) {
            p->radius[p->count] = -ls_random_unitf(bits[k]);
            p->turn[p->count] = 2.0f * ls_random_unitf(bits[k + 1]);
        }
    }
}

/* radius: ln(1 - u) before. */
LS_SIMD static void radius_loop(size_t n, float *radius) {
    for (size_t i = 0; i < n; i++)
        radius[i] = sqrtf(-2.0f * radius[i]);
}

/* n[units.count] = a draw for each of these units. */
static void draw_normal(ls_random_key key, const ls_pass *pass, size_t row, ls_tree_range units,
                        float *n) {
    pairs p;
    draw_uniform(key, pass, row, units, &p);
    ls_log1p_of(p.count, p.radius, p.radius);
    radius_loop(p.count, p.radius);
    ls_cospi_of(p.count, p.turn, p.cosine);
    ls_sinpi_of(p.count, p.turn, p.sine);
    const size_t skipped = units.first % 4;
    for (size_t i = 0; i < units.count; i++) {
        const size_t pair = (skipped + i) / 2;
        n[i] = p.radius[pair] * ((skipped + i) % 2 == 0 ? p.cosine[pair] : p.sine[pair]);
    }
}

void ls_noise(const ls_layer *l, const ls_pass *pass, ls_noise_use *use, const float *x, float *y) {
    const ls_random_key key = ls_random_key_make(pass->seed, LS_RANDOM_NOISE, l->index);
    const float std = (float)((const ls_noise_options *)l->options)->std;
    const size_t rows = ls_pass_rows(pass), n = l->out_size;
    if (!pass->training) {
        memcpy(y, x, rows * n * sizeof *y);
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++)
        for (size_t u = 0; u < n; u += UNITS) {
            const size_t count = n - u < UNITS ? n - u : UNITS;
            float draw[UNITS];
            draw_normal(key, pass, r, (ls_tree_range){l->first_unit + u, count}, draw);
            use(std, count, draw, x + r * n + u, y + r * n + u);
        }
}
