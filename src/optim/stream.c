/* Arrays and an Adam with the options that a config without any gives. Why here: see stream.h. */
#include "lockstep/optim/stream.h"

#include "lockstep/base/memory.h"
#include "lockstep/math/vector.h"
#include "lockstep/optim/optimizer.h"

static const ls_opt table[] = {{.key = "optimizer",
                                .kind = LS_OPT_CHOICE,
                                .offset = offsetof(ls_adam_stream, optimizer),
                                .fallback = "adam",
                                .choices = &ls_optimizer_choices,
                                .help = "whose update is measured"},
                               {.kind = LS_OPT_END}};

static void fill(void *context, size_t first, size_t n) {
    const ls_adam_stream *s = context;
    for (size_t k = 0; k < LS_ADAM_STREAM_ARRAYS; k++)
        for (size_t i = first; i < first + n; i++)
            s->array[k][i] = 0.001f * (float)(i % 1000 + 1);
}

ls_status ls_adam_stream_create(size_t n, ls_adam_stream *out) {
    ls_node *nothing = NULL;
    *out = (ls_adam_stream){.n = n};
    LS_TRY(ls_node_parse("{}", "stream", "", &nothing));
    ls_status st = ls_options_read(table, nothing, out);
    ls_node_destroy(nothing);
    for (size_t k = 0; st == LS_OK && k < LS_ADAM_STREAM_ARRAYS; k++)
        st = ls_alloc(n, sizeof(float), "arrays", &out->array[k]);
    if (st == LS_OK)
        ls_for_chunks(n, LS_VECTOR_CHUNK, fill, out);
    else
        ls_adam_stream_free(out);
    return st;
}

void ls_adam_stream_free(ls_adam_stream *s) {
    for (size_t k = 0; k < LS_ADAM_STREAM_ARRAYS; k++)
        ls_free(s->array[k]);
    ls_options_free(table, s);
    *s = (ls_adam_stream){0};
}

void ls_adam_stream_run(ls_adam_stream *s) {
    ls_optimizer_update(&s->optimizer, 1, s->n, s->array[0], s->array[1], s->array + 2);
}
