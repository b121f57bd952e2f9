/* The table of optimisers, and the spreading of an update over threads. */
#include "optimizers.h"

#include "lockstep/math/vector.h"

static const ls_opt_row *const rows[] = {
    &ls_optimizer_sgd.row,
    &ls_optimizer_adam.row,
    &ls_optimizer_adamw.row,
    &ls_optimizer_lars.row,
    &ls_optimizer_lamb.row,
    NULL,
};

const ls_opt_choices ls_optimizer_choices = {.what = "optimizer", .rows = rows};

const ls_optimizer_type *ls_optimizer_type_of(const ls_choice *optimizer) {
    return (const ls_optimizer_type *)optimizer->row; /* the row is the first member */
}

typedef struct update {
    const ls_optimizer_type *type;
    const void *numbers;
    float *w;
    const float *g;
    float *const *slot;
} update;

static void update_chunk(void *context, size_t first, size_t count) {
    const update *u = context;
    float *own[LS_OPTIMIZER_SLOTS_MAX] = {0};
    for (size_t k = 0; k < u->type->n_slots; k++)
        own[k] = u->slot[k] + first;
    u->type->update(u->numbers, count, u->w + first, u->g + first, own);
}

void ls_optimizer_update(const ls_choice *optimizer, uint64_t step, size_t n, float *w,
                         const float *g, float *const *slot) {
    const ls_optimizer_type *type = ls_optimizer_type_of(optimizer);
    _Alignas(16) unsigned char numbers[LS_OPTIMIZER_NUMBERS_MAX];
    type->prepare(optimizer->options, step, type->learning_rate(optimizer->options), numbers);
    update u = {type, numbers, w, g, slot};
    ls_for_chunks(n, LS_VECTOR_CHUNK, update_chunk, &u);
}
