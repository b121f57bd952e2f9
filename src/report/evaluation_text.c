/* An evaluation as lines. Why here: see lockstep/report/evaluation.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/report/evaluation.h"

/* More classes or outputs than that are no table to read; --json has them all. */
#define TABLE_MAX ((size_t)60)

/* Bytes of a name in the table; longer ones are cut. */
#define NAME_MAX_SHOWN 32

/* Columns of a name or number. */
enum { NUMBER_WIDTH = 13, METRIC_WIDTH = 28 };

static void add_value(ls_buffer *out, int width, double x) {
    if (isnan(x))
        ls_buffer_addf(out, "%*s", width, "-");
    else
        ls_buffer_addf(out, "%*.6g", width, x);
}

static bool is_shown(const ls_part_metric *m, unsigned kind) {
    return (m->kinds & kind) != 0 && (m->traits & LS_METRIC_SCREEN) != 0;
}

/* A name, cut where a character of UTF-8 ends. */
static size_t shown_length(const char *name) {
    const size_t n = strlen(name);
    return n <= NAME_MAX_SHOWN ? n : ls_utf8_valid(name, NAME_MAX_SHOWN);
}

static size_t characters(const char *s, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}

static size_t name_width(const ls_evaluation *e) {
    size_t widest = strlen("output");
    for (size_t j = 0; j < e->names.count; j++) {
        const char *name = ls_strings_at(&e->names, j);
        const size_t n = characters(name, shown_length(name));
        widest = n > widest ? n : widest;
    }
    return widest;
}

static void add_name(const ls_evaluation *e, size_t part, size_t width, ls_buffer *out) {
    char number[32];
    const char *name = number;
    snprintf(number, sizeof number, "%zu", part);
    if (part < e->names.count)
        name = ls_strings_at(&e->names, part);
    const size_t n = shown_length(name), columns = characters(name, n);
    ls_buffer_addn(out, name, n);
    ls_buffer_addf(out, "%*s", (int)(columns < width ? width - columns : 0), "");
}

static void add_table(const ls_evaluation *e, ls_buffer *out) {
    const ls_facts *f = &e->facts;
    const unsigned kind = f->problem.kind;
    const size_t width = name_width(e);
    ls_buffer_addf(out, "\n%-*s", (int)width, kind & LS_FOR_CLASSES ? "class" : "output");
    for (const ls_part_metric *m = ls_part_metrics; m->name != NULL; m++)
        if (is_shown(m, kind))
            ls_buffer_addf(out, "%*s", NUMBER_WIDTH + 1, m->name);
    ls_buffer_addf(out, f->counts != NULL ? "%*s\n" : "\n", NUMBER_WIDTH + 1, "support");
    for (size_t j = 0; j < f->problem.n; j++) {
        add_name(e, j, width, out);
        for (const ls_part_metric *m = ls_part_metrics; m->name != NULL; m++)
            if (is_shown(m, kind))
                add_value(out, NUMBER_WIDTH + 1, m->value(m, f, j));
        if (f->counts != NULL)
            ls_buffer_addf(out, "%*.0f", NUMBER_WIDTH + 1, f->counts[j].actual);
        ls_buffer_add(out, "\n");
    }
    ls_buffer_add(out, "\n");
}

static void add_threshold(const ls_evaluation *e, ls_buffer *out) {
    const double rows = ls_facts_rows(&e->facts);
    const ls_best *best = &e->best;
    ls_buffer_addf(out, "\nbest threshold by %s: ", best->criterion->name);
    add_value(out, 1, best->threshold);
    ls_buffer_add(out, "\n");
    for (const ls_part_metric *m = ls_part_metrics; m->name != NULL; m++) {
        if (m->of == NULL || isnan(best->threshold))
            continue;
        ls_buffer_addf(out, "  %-*s ", METRIC_WIDTH - 2, m->name);
        add_value(out, 1, m->of(&best->counts, rows));
        ls_buffer_add(out, "\n");
    }
}

ls_status ls_evaluation_text(const ls_evaluation *e, ls_buffer *out) {
    const ls_facts *f = &e->facts;
    char samples[32];
    ls_buffer_addf(out, "%-10s %s\n%-10s %s (%s)\n%-10s %s\n", "checkpoint", e->checkpoint, "data",
                   e->data, e->split, "samples", ls_print_count(e->samples, samples));
    if (f->problem.n <= TABLE_MAX)
        add_table(e, out);
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++)
        if (ls_metric_applies(m, &f->problem)) {
            ls_buffer_addf(out, "%-*s ", METRIC_WIDTH, m->name);
            add_value(out, 1, m->value(m, f));
            ls_buffer_add(out, "\n");
        }
    if (e->best.criterion != NULL)
        add_threshold(e, out);
    return out->status;
}
