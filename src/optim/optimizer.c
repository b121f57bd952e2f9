/* The table of optimisers, and the spreading of an update over threads. */
#include "optimizers.h"

#include "lockstep/math/vector.h"

static const ls_opt_row *const rows[] = {
    &ls_optimizer_sgd.row,     &ls_optimizer_adam.row,
    &ls_optimizer_adamw.row,   &ls_optimizer_adagrad.row,
    &ls_optimizer_rmsprop.row, &ls_optimizer_lars.row,
    &ls_optimizer_lamb.row,    NULL,
};

const ls_opt_choices ls_optimizer_choices = {.what = "optimizer", .rows = rows};

const ls_optimizer_type *ls_optimizer_type_of(const ls_choice *optimizer) {
    return (const ls_optimizer_type *)optimizer->row; /* the row is the first member */
}

ls_status ls_optimizer_check(const ls_choice *optimizer, const char *where) {
    const ls_optimizer_type *type = ls_optimizer_type_of(optimizer);
    return type->check != NULL ? type->check(optimizer->options, where) : LS_OK;
}

size_t ls_optimizer_slots(const ls_choice *optimizer, const char *name[LS_OPTIMIZER_SLOTS_MAX]) {
    const ls_optimizer_type *type = ls_optimizer_type_of(optimizer);
    const unsigned needed = type->needs != NULL ? type->needs(optimizer->options) : ~0u;
    size_t n = 0;
    for (size_t k = 0; k < type->n_slots; k++)
        if ((needed >> k & 1u) != 0) {
            if (name != NULL)
                name[n] = type->slot_name[k];
            n++;
        }
    return n;
}

typedef struct update {
    const ls_optimizer_type *type;
    const void *numbers;
    size_t n_slots;
    float *w;
    const float *g;
    float *const *slot;
} update;

static void update_chunk(void *context, size_t first, size_t count) {
    const update *u = context;
    float *own[LS_OPTIMIZER_SLOTS_MAX] = {0};
    for (size_t k = 0; k < u->n_slots; k++)
        own[k] = u->slot[k] + first;
    u->type->update(u->numbers, count, u->w + first, u->g + first, own);
}

void ls_optimizer_update(const ls_choice *optimizer, uint64_t step, size_t n, float *w,
                         const float *g, float *const *slot) {
    const ls_optimizer_type *type = ls_optimizer_type_of(optimizer);
    _Alignas(16) unsigned char numbers[LS_OPTIMIZER_NUMBERS_MAX];
    type->prepare(optimizer->options, step, type->learning_rate(optimizer->options), numbers);
    update u = {type, numbers, ls_optimizer_slots(optimizer, NULL), w, g, slot};
    ls_for_chunks(n, LS_VECTOR_CHUNK, update_chunk, &u);
}
