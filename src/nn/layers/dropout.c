/* dropout: in training each unit is zeroed with probability rate, the others are scaled by
 * 1 / (1 - rate) (inverted dropout: Srivastava et al. 2014); elsewhere the identity. */
#include <string.h>

#include "layers.h"
#include "lockstep/base/random.h"
#include "lockstep/math/vector.h"

typedef struct dropout_options {
    double rate;
} dropout_options;

static const ls_opt options[] = {
    {.key = "rate",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(dropout_options, rate),
     .min = 0,
     .max = 1,
     .flags = LS_OPT_BELOW_MAX,
     .help = "share of units that are zeroed in training"},
    {.kind = LS_OPT_END},
};

static ls_status plan(const void *opts, const ls_shape *in, ls_layer_plan *p) {
    (void)opts;
    p->out = *in;
    p->state_bytes = ls_shape_size(in); /* the mask */
    return LS_OK;
}

static double rate_of(const ls_layer *l) {
    return ((const dropout_options *)l->options)->rate;
}

static float scale_of(const ls_layer *l) {
    return (float)(1.0 / (1.0 - rate_of(l)));
}

/* The mask of one row: unit u's draw has the counter {epoch, position, u / 4}. */
static void draw_row(const ls_layer *l, const ls_pass *pass, size_t row, uint8_t *mask) {
    ls_random_key key = ls_random_key_make(pass->seed, LS_RANDOM_DROPOUT, l->index);
    uint64_t limit = (uint64_t)(rate_of(l) * 4294967296.0);
    const size_t end = l->first_unit + l->out_size;
    for (size_t u = l->first_unit; u < end;) {
        uint32_t draw[4];
        ls_random_quad(key, pass->epoch, pass->position[row], (uint32_t)(u / 4), draw);
        do
            mask[u - l->first_unit] = draw[u % 4] >= limit;
        while (++u % 4 != 0 && u < end);
    }
}

static void forward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    size_t rows = ls_pass_rows(pass);
    uint8_t *mask = io->state;
    if (!pass->training) {
        memcpy(io->y, io->x, rows * l->out_size * sizeof(float));
        return;
    }
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++)
        draw_row(l, pass, r, mask + r * l->out_size);
    ls_mask(rows * l->out_size, mask, scale_of(l), io->x, io->y);
}

static void backward(const ls_layer *l, const ls_pass *pass, const ls_layer_io *io) {
    if (io->dx != NULL)
        ls_mask(ls_layer_elements(l, pass), io->state, scale_of(l), io->dy, io->dx);
}

const ls_layer_type ls_layer_dropout = {
    .row = {"dropout", "zeroes a share of the units in training", options, sizeof(dropout_options),
            "rate"},
    .columns = LS_COLUMNS_APART,
    .plan = plan,
    .forward = forward,
    .backward = backward,
};
