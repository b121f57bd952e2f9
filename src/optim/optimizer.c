/* The table of optimisers, and the spreading of an update over threads. */
#include "optimizers.h"

#include "lockstep/math/vector.h"

static const ls_opt_row *const rows[] = {
    &ls_optimizer_sgd.row,     &ls_optimizer_adam.row,    &ls_optimizer_adamw.row,
    &ls_optimizer_adagrad.row, &ls_optimizer_rmsprop.row, NULL,
};

const ls_opt_choices ls_optimizer_choices = {"optimizer", rows};

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

void ls_optimizer_update_rectangle(const ls_choice *optimizer, uint64_t step, double lr,
                                   const ls_rectangle *at, float *w, const float *g,
                                   float *const *slot) {
    const ls_optimizer_type *type = ls_optimizer_type_of(optimizer);
    const size_t n_slots = ls_optimizer_slots(optimizer, NULL);
    _Alignas(16) unsigned char numbers[LS_OPTIMIZER_NUMBERS_MAX];
    type->prepare(optimizer->options, step, lr, numbers);
    for (size_t r = 0; r < at->rows; r++) {
        const size_t row = at->first + r * at->columns;
        float *own[LS_OPTIMIZER_SLOTS_MAX] = {0};
        for (size_t k = 0; k < n_slots; k++)
            own[k] = slot[k] + row;
        type->update(numbers, at->width, w + row, g + r * at->width, own);
    }
}

typedef struct update {
    const ls_choice *optimizer;
    uint64_t step;
    double lr;
    float *w;
    const float *g;
    float *const *slot;
} update;

static void update_chunk(void *context, size_t first, size_t count) {
    const update *u = context;
    const ls_rectangle span = {first, 1, count, count};
    ls_optimizer_update_rectangle(u->optimizer, u->step, u->lr, &span, u->w, u->g + first, u->slot);
}

void ls_optimizer_update(const ls_choice *optimizer, uint64_t step, size_t n, float *w,
                         const float *g, float *const *slot) {
    const double lr = ls_optimizer_type_of(optimizer)->learning_rate(optimizer->options);
    update u = {optimizer, step, lr, w, g, slot};
    ls_for_chunks(n, LS_VECTOR_CHUNK, update_chunk, &u);
}
