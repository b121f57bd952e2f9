/* Penalty, clipping and the optimiser's rule, piece by piece. Why here: see update.h. */
#include "lockstep/optim/update.h"

#include <math.h>
#include <string.h>

#include "lockstep/math/vector.h"

/* Floats that are prepared at a time, so that they are in the cache when the rule takes them. */
enum { PART = 2048 };

bool ls_update_is_layerwise(const ls_update_rule *rule) {
    return ls_optimizer_type_of(rule->optimizer)->trust != NULL;
}

bool ls_update_needs_all(const ls_update_rule *rule) {
    return isfinite(rule->clip_norm) || rule->accumulate > 1 || ls_update_is_layerwise(rule);
}

const ls_update_span *ls_update_span_at(const ls_update_rule *rule, size_t at) {
    size_t low = 0, high = rule->n_spans - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (at < rule->span[middle].end)
            high = middle;
        else
            low = middle + 1;
    }
    return &rule->span[low];
}

/* What a gradient goes through before it is used. */
typedef struct preparation {
    float scale, l1, l2, most;
} preparation;

static preparation preparation_of(const ls_update_rule *rule, const ls_update_step *step,
                                  const ls_update_span *span) {
    return (preparation){.scale = step->scale,
                         .l1 = span->penalised ? (float)rule->l1 : 0.0f,
                         .l2 = span->penalised ? (float)rule->l2 : 0.0f,
                         .most = (float)rule->clip_value};
}

static bool changes_nothing(const preparation *p) {
    return p->scale == 1.0f && p->l1 == 0.0f && p->l2 == 0.0f && isinf(p->most);
}

/* The penalty's slope at 0 is 0; a NaN stays one. */
LS_SIMD static void prepare_loop(size_t n, preparation p, const float *restrict w, const float *g,
                                 float *out) {
    for (size_t i = 0; i < n; i++) {
        const float sign = (w[i] > 0.0f ? 1.0f : 0.0f) - (w[i] < 0.0f ? 1.0f : 0.0f);
        const float d = p.scale * g[i] + (p.l2 * w[i] + p.l1 * sign);
        const float low = d < -p.most ? -p.most : d;
        out[i] = low > p.most ? p.most : low;
    }
}

LS_SIMD static void scale_loop(size_t n, float scale, float *g) {
    for (size_t i = 0; i < n; i++)
        g[i] *= scale;
}

/* Eight sums, which a vector holds, then these in pairs: the order is the same everywhere. */
static double squares_of(size_t n, const float *x) {
    double sum[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] += (double)x[i + k] * (double)x[i + k];
    for (size_t k = 0; i < n; i++, k++)
        sum[k] += (double)x[i] * (double)x[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static bool is_trained(const ls_update_span *span) {
    return span->rate > 0 && span->running <= 0;
}

LS_SIMD static void mean_loop(size_t n, float kept, float taken, const float *restrict w,
                              float *restrict mean) {
    for (size_t i = 0; i < n; i++)
        mean[i] = kept * mean[i] + taken * w[i];
}

/* The mean begins with the weights after the first update; of those that no rule updates it is what
 * they are. */
static void add_to_mean(const ls_update_rule *rule, const ls_update_step *step,
                        const ls_update_piece *piece) {
    if (piece->mean == NULL)
        return;
    if (step->number <= 1 || !is_trained(piece->span))
        memcpy(piece->mean, piece->w, piece->n * sizeof *piece->mean);
    else
        mean_loop(piece->n, (float)rule->ema, (float)(1 - rule->ema), piece->w, piece->mean);
}

/* The optimiser, ready for a step of a span. */
typedef struct ready_rule {
    const ls_optimizer_type *type;
    size_t n_slots;
    double *squares; /* of the span, or NULL */
    _Alignas(16) unsigned char numbers[LS_OPTIMIZER_NUMBERS_MAX];
} ready_rule;

static void make_ready(const ls_update_rule *rule, const ls_update_step *step,
                       const ls_update_span *span, double trust, ready_rule *out) {
    out->type = ls_optimizer_type_of(rule->optimizer);
    out->n_slots = rule->n_slots;
    out->squares = NULL;
    if (step->squares != NULL)
        out->squares = step->squares + LS_UPDATE_SQUARES * (size_t)(span - rule->span);
    out->type->prepare(rule->optimizer->options, step->number, step->lr * span->rate * trust,
                       out->numbers);
}

/* w moves to sum / rows. */
static void move_running(const ls_update_step *step, const ls_update_piece *piece,
                         const float *sum) {
    const double share = piece->span->running;
    for (size_t i = 0; i < piece->n; i++)
        piece->w[i] =
            (float)((1 - share) * (double)piece->w[i] + share * (double)sum[i] / step->rows);
}

/* A piece from float i on. */
static ls_update_piece part_of(const ready_rule *rule, const ls_update_piece *piece, size_t i) {
    ls_update_piece part = {
        .span = piece->span, .n = piece->n - i < PART ? piece->n - i : PART, .w = piece->w + i};
    for (size_t k = 0; k < rule->n_slots; k++)
        part.slot[k] = piece->slot[k] + i;
    return part;
}

/* The rule, with squares of all that it takes and makes. */
static void update_measured(const ready_rule *rule, const ls_update_piece *piece, const float *g) {
    double sum[LS_UPDATE_SQUARES] = {0};
    for (size_t i = 0; i < piece->n; i += PART) {
        const ls_update_piece part = part_of(rule, piece, i);
        float change[PART];
        memcpy(change, part.w, part.n * sizeof *change);
        sum[LS_UPDATE_GRADIENT] += squares_of(part.n, g + i);
        sum[LS_UPDATE_WEIGHTS] += squares_of(part.n, change);
        rule->type->update(rule->numbers, part.n, part.w, g + i, part.slot);
        for (size_t k = 0; k < part.n; k++)
            change[k] = part.w[k] - change[k];
        sum[LS_UPDATE_CHANGE] += squares_of(part.n, change);
    }
    for (size_t k = 0; k < LS_UPDATE_SQUARES; k++)
#pragma omp atomic
        rule->squares[k] += sum[k];
}

static void update_by_rule(const ready_rule *rule, const ls_update_piece *piece, const float *g) {
    if (rule->squares != NULL)
        update_measured(rule, piece, g);
    else
        rule->type->update(rule->numbers, piece->n, piece->w, g, piece->slot);
}

/* From the loss's gradient, part by part. */
static void update_prepared(const ready_rule *rule, preparation p, const ls_update_piece *piece,
                            const float *g) {
    for (size_t i = 0; i < piece->n; i += PART) {
        const ls_update_piece part = part_of(rule, piece, i);
        float prepared[PART];
        prepare_loop(part.n, p, part.w, g + i, prepared);
        update_by_rule(rule, &part, prepared);
    }
}

static void update_piece(const ready_rule *rule, const ls_update_step *step, const preparation *p,
                         const ls_update_piece *piece, const float *g) {
    if (piece->span->rate <= 0)
        return;
    if (piece->span->running > 0)
        move_running(step, piece, g);
    else if (changes_nothing(p))
        update_by_rule(rule, piece, g);
    else
        update_prepared(rule, *p, piece, g);
}

void ls_update_now(const ls_update_rule *rule, const ls_update_step *step,
                   const ls_update_piece *piece, size_t count, size_t stride, const float *g) {
    const preparation p = preparation_of(rule, step, piece->span);
    ls_update_piece at = *piece;
    ready_rule ready;
    make_ready(rule, step, piece->span, 1, &ready);
    for (size_t s = 0; s < count; s++, g += at.n) {
        update_piece(&ready, step, &p, &at, g);
        add_to_mean(rule, step, &at);
        at.w += stride;
        at.mean = at.mean != NULL ? at.mean + stride : NULL;
        for (size_t k = 0; k < ready.n_slots; k++)
            at.slot[k] += stride;
    }
}

double ls_update_prepare(const ls_update_rule *rule, const ls_update_step *step,
                         const ls_update_piece *piece, float *g) {
    if (!is_trained(piece->span))
        return 0;
    prepare_loop(piece->n, preparation_of(rule, step, piece->span), piece->w, g, g);
    return squares_of(piece->n, g);
}

void ls_update_direct(const ls_update_rule *rule, const ls_update_step *step,
                      const ls_update_piece *piece, float *g, double squares[2]) {
    ready_rule ready;
    if (!is_trained(piece->span))
        return;
    scale_loop(piece->n, step->scale, g);
    make_ready(rule, step, piece->span, 1, &ready);
    if (ready.type->direct != NULL)
        ready.type->direct(ready.numbers, piece->n, piece->w, g, piece->slot);
    squares[0] += squares_of(piece->n, piece->w);
    squares[1] += squares_of(piece->n, g);
}

double ls_update_trust(const ls_update_rule *rule, const ls_update_span *span, double weights_norm,
                       double gradient_norm) {
    if (!span->is_matrix)
        return 1;
    return ls_optimizer_type_of(rule->optimizer)
        ->trust(rule->optimizer->options, weights_norm, gradient_norm);
}

void ls_update_apply(const ls_update_rule *rule, const ls_update_step *step,
                     const ls_update_piece *piece, double trust, float *g) {
    ready_rule ready;
    if (is_trained(piece->span)) {
        if (step->scale != 1.0f)
            scale_loop(piece->n, step->scale, g);
        make_ready(rule, step, piece->span, trust, &ready);
        update_by_rule(&ready, piece, g);
    } else if (piece->span->rate > 0) {
        move_running(step, piece, g);
    }
    add_to_mean(rule, step, piece);
}
