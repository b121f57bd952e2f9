/* The reading thread and the steps that wait for it. Why here: see lockstep/data/stream.h. */
#include "lockstep/data/stream.h"

#include <pthread.h>

#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/thread.h"
#include "lockstep/math/math.h"
#include "lockstep/math/vector.h"
#include "stream_plan.h"

struct ls_stream {
    ls_stream_spec spec;
    float *x;               /* [places + 1, width]; the last row is zeros */
    ls_stream_plan plan[2]; /* of the epochs by turns */
    uint32_t first_epoch, end_epoch;
    size_t first_step;

    /* The thread's while it runs. */
    ls_planner planner;
    size_t *row; /* [most rows of a block] what is read */
    size_t *place;
    size_t *slot;
    uint64_t *sum; /* [places] */

    /* The steps'. */
    size_t *from; /* [rows of a step and more] */
    size_t room;

    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t changed;
    uint32_t planned; /* epochs before this one have a plan */
    uint64_t read;    /* blocks */
    uint64_t done;    /* steps */
    bool quit;
    ls_status status; /* of the thread's end */
    ls_error error;

    bool running;
    pthread_t thread;
};

size_t ls_stream_rows(const ls_sampler *sampler) {
    return ls_planner_places(sampler);
}

/* ---- create, destroy ---- */

static size_t largest_block(const ls_planner *p) {
    size_t most = 0;
    for (size_t b = 0; b < p->blocks; b++) {
        const size_t n = p->block_first[b + 1] - p->block_first[b];
        most = n > most ? n : most;
    }
    return most;
}

static ls_status allocate(ls_stream *s, size_t batch) {
    LS_TRY(ls_planner_create(s->spec.sampler, &s->planner));
    const size_t rows = largest_block(&s->planner);
    for (size_t i = 0; i < 2; i++)
        LS_TRY(ls_stream_plan_create(&s->planner, &s->plan[i]));
    LS_TRY(ls_alloc((s->planner.places + 1) * s->spec.width, sizeof *s->x, "training rows", &s->x));
    LS_TRY(ls_alloc(rows, sizeof *s->row, "stream", &s->row));
    LS_TRY(ls_alloc(rows, sizeof *s->place, "stream", &s->place));
    LS_TRY(ls_alloc(rows, sizeof *s->slot, "stream", &s->slot));
    LS_TRY(ls_alloc(s->planner.places, sizeof *s->sum, "stream", &s->sum));
    s->room = batch;
    return ls_alloc(s->room, sizeof *s->from, "stream", &s->from);
}

ls_status ls_stream_create(const ls_stream_spec *spec, ls_stream **out) {
    ls_stream *s = NULL;
    ls_tree_range mine;
    *out = NULL;
    LS_TRY(ls_alloc(1, sizeof *s, "stream", &s));
    s->spec = *spec;
    (void)pthread_mutex_init(&s->mutex, NULL); /* neither can fail with default attributes */
    (void)pthread_cond_init(&s->changed, NULL);
    const ls_status st = allocate(s, ls_sampler_made_of(spec->sampler, &mine)->batch);
    s->spec.sampler = NULL;
    if (st != LS_OK) {
        ls_stream_destroy(s);
        return st;
    }
    *out = s;
    return LS_OK;
}

void ls_stream_destroy(ls_stream *s) {
    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->mutex);
    s->quit = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    if (s->running)
        ls_thread_join(s->thread);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->mutex);
    ls_planner_free(&s->planner);
    for (size_t i = 0; i < 2; i++)
        ls_stream_plan_free(&s->plan[i]);
    ls_free(s->x);
    ls_free(s->row);
    ls_free(s->place);
    ls_free(s->slot);
    ls_free(s->sum);
    ls_free(s->from);
    ls_free(s);
}

/* ---- the thread ---- */

/* Waits until that many steps are done; false: it is to end. */
static bool wait_for_steps(ls_stream *s, uint64_t steps) {
    (void)pthread_mutex_lock(&s->mutex);
    while (!s->quit && s->done < steps)
        (void)pthread_cond_wait(&s->changed, &s->mutex);
    const bool go_on = !s->quit;
    (void)pthread_mutex_unlock(&s->mutex);
    return go_on;
}

/* Tells the steps that one more epoch is planned, or one more block is there. */
static void tell(ls_stream *s, uint32_t planned, uint64_t blocks) {
    (void)pthread_mutex_lock(&s->mutex);
    s->planned += planned;
    s->read += blocks;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* Slots of a block ascend, and so do their rows. */
static ls_status read_block(ls_stream *s, const ls_stream_plan *plan, size_t block) {
    const ls_planner *p = &s->planner;
    size_t n = 0;
    for (size_t i = p->block_first[block]; i < p->block_first[block + 1]; i++) {
        if (plan->place[i] == LS_NO_PLACE)
            continue;
        s->row[n] = s->spec.row[i];
        s->place[n] = plan->place[i];
        s->slot[n++] = i;
    }
    ls_loader_rows rows = {.row = s->row, .n = n, .slot = s->place, .out = s->x, .sum = s->sum};
    LS_TRY(ls_loader_read_again(s->spec.loader, &rows));
    for (size_t i = 0; i < n; i++)
        LS_TRY(ls_loader_check_same(s->spec.loader, s->row[i], s->sum[s->place[i]],
                                    s->spec.sum[s->slot[i]]));
    return LS_OK;
}

/* A plan's memory is that of the epoch before the last, which must be over: *go_on false: it is to
 * end. */
static ls_status read_epoch(ls_stream *s, uint32_t epoch, bool *go_on) {
    ls_planner *p = &s->planner;
    ls_stream_plan *plan = &s->plan[epoch % 2];
    *go_on = wait_for_steps(s, epoch > s->first_epoch ? s->plan[(epoch + 1) % 2].begin : 0);
    if (!*go_on)
        return LS_OK;
    LS_TRY(ls_planner_plan(p, epoch, epoch == s->first_epoch ? s->first_step : 0, plan));
    tell(s, 1, 0);
    for (size_t k = 0; k < p->n_reads; k++) {
        *go_on = wait_for_steps(s, p->after[k]);
        if (!*go_on)
            return LS_OK;
        LS_TRY(read_block(s, plan, p->read[k]));
        tell(s, 0, 1);
    }
    return LS_OK;
}

static void *read_ahead(void *context) {
    ls_stream *s = context;
    ls_status st = LS_OK;
    bool go_on = true;
    ls_math_init_thread(s->spec.threads);
    for (uint32_t e = s->first_epoch; st == LS_OK && go_on && e < s->end_epoch; e++)
        st = read_epoch(s, e, &go_on);
    if (st != LS_OK) {
        (void)pthread_mutex_lock(&s->mutex);
        s->status = st;
        s->error = *ls_error_last();
        (void)pthread_cond_broadcast(&s->changed);
        (void)pthread_mutex_unlock(&s->mutex);
    }
    return NULL;
}

ls_status ls_stream_start(ls_stream *s, uint32_t epoch, size_t step, uint32_t end) {
    s->first_epoch = s->planned = epoch;
    s->first_step = step;
    s->end_epoch = end;
    s->running = ls_thread_start(&s->thread, read_ahead, s);
    return s->running
               ? LS_OK
               : ls_fail(LS_ERR_RUNTIME, "stream", "the system gives no thread to read with");
}

/* ---- steps ---- */

/* Waits for the rows of the step. An error counts only where a row is missing for it, so that it
 * comes at the same step however far ahead the thread was. */
static ls_status wait_for_rows(ls_stream *s, uint32_t epoch, size_t step, double *wait_s) {
    const ls_stream_plan *plan = &s->plan[epoch % 2];
    double begin = 0;
    (void)pthread_mutex_lock(&s->mutex);
    while (s->planned <= epoch || s->read < plan->need[step]) {
        if (s->status != LS_OK)
            break;
        begin = begin > 0 ? begin : ls_clock_s();
        (void)pthread_cond_wait(&s->changed, &s->mutex);
    }
    const bool there = s->planned > epoch && s->read >= plan->need[step];
    const ls_status st = there ? LS_OK : s->status;
    if (st != LS_OK)
        ls_error_set(&s->error);
    (void)pthread_mutex_unlock(&s->mutex);
    if (begin > 0)
        *wait_s += ls_clock_s() - begin;
    return st;
}

ls_status ls_stream_take(ls_stream *s, uint32_t epoch, size_t step, const size_t *slot, size_t n,
                         float *out, double *wait_s) {
    const ls_planner *p = &s->planner;
    const ls_stream_plan *plan = &s->plan[epoch % 2];
    if (n > s->room)
        return ls_fail(LS_ERR_RUNTIME, "stream", "a step of %zu rows is too large", n);
    LS_TRY(wait_for_rows(s, epoch, step, wait_s));
    for (size_t i = 0; i < n; i++)
        s->from[i] = slot[i] < p->slots ? plan->place[slot[i]] : p->places;
    ls_gather_rows(n, s->spec.width, s->x, s->from, out);
    (void)pthread_mutex_lock(&s->mutex);
    s->done++;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    return LS_OK;
}
