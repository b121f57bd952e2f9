/* All metrics of arrays in a file, a line each with all digits: "name value", "part name value".
 *
 * Why here: cli/test_metrics.py compares them with scikit-learn's; the program itself prints nine
 * digits, and gets its predictions from a model.
 *
 * The file: int64 kind, n, rows, outputs, probabilities; then, of classes, int32 labels [rows] and
 * predictions [rows], float32 outputs [rows, outputs] and probabilities [rows, n]; of values
 * float64 spread [n], float32 outputs [rows, n], predictions [rows, n] and targets [rows, n]. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lockstep/base/memory.h"
#include "lockstep/metrics/metrics.h"
#include "lockstep/metrics/ranking.h"

/* Arrays are zeroed, and live as long as the program. */
static void *room_for(size_t count, size_t size) {
    void *a = NULL;
    if (ls_alloc(count, size, "array", &a) != LS_OK)
        exit(1);
    return a;
}

static void *read_array(FILE *f, size_t count, size_t size) {
    void *a = room_for(count, size);
    if (fread(a, size, count, f) != count)
        exit(1);
    return a;
}

typedef struct example {
    ls_problem problem;
    bool classes;
    size_t rows, outputs;
    int32_t *label, *predicted;
    double *spread;
    float *z, *p, *target;
} example;

static example read_example(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        exit(1);
    int64_t *head = read_array(f, 5, sizeof *head);
    example e = {.problem = {(unsigned)head[0], (size_t)head[1], head[4] != 0},
                 .rows = (size_t)head[2],
                 .outputs = (size_t)head[3]};
    e.classes = (e.problem.kind & LS_FOR_CLASSES) != 0;
    e.label = read_array(f, e.classes ? e.rows : 0, sizeof *e.label);
    e.predicted = read_array(f, e.classes ? e.rows : 0, sizeof *e.predicted);
    e.spread = read_array(f, e.classes ? 0 : e.problem.n, sizeof *e.spread);
    e.z = read_array(f, e.rows * e.outputs, sizeof *e.z);
    e.p = read_array(f, e.rows * e.problem.n, sizeof *e.p);
    e.target = read_array(f, e.classes ? 0 : e.rows * e.problem.n, sizeof *e.target);
    fclose(f);
    return e;
}

static const double *sums_of(const example *e) {
    double *sums = room_for(ls_sums_width(&e->problem), sizeof *sums);
    const size_t n = e->problem.n;
    ls_sums_add_rows(e->rows, 0, (double)e->rows, sums);
    if (e->classes)
        ls_sums_add_classes(&e->problem, e->rows, e->outputs, e->z, e->p, e->label, e->predicted,
                            sums);
    for (size_t i = 0; !e->classes && i < e->rows * n; i++)
        ls_sums_add_value(&e->problem, i % n, (double)e->p[i], (double)e->target[i], sums);
    if (e->problem.kind == LS_FOR_FLAGS)
        ls_sums_add_flags(&e->problem, e->rows, e->z, e->target, sums);
    return sums;
}

static const ls_counts *counts_of(const example *e, const double *sums) {
    ls_counts *counts = room_for(e->problem.n, sizeof *counts);
    if (e->classes)
        ls_counts_of(e->rows, e->label, e->predicted, e->problem.n, counts);
    else if (e->problem.kind == LS_FOR_FLAGS)
        ls_sums_counts(&e->problem, sums, counts);
    else
        return NULL;
    return counts;
}

/* Column j of the predictions; that of the targets goes to the room. */
static const float *column_of(const example *e, size_t j, ls_column_room *room) {
    float *column = room_for(e->rows, sizeof *column);
    for (size_t r = 0; r < e->rows; r++)
        column[r] = e->p[r * e->problem.n + j];
    ls_column_targets(&e->problem, j, e->rows, e->label, e->target, room);
    return column;
}

static const ls_column *columns_of(const example *e, ls_column_room *room) {
    ls_column *columns = room_for(e->problem.n, sizeof *columns);
    for (size_t j = 0; j < e->problem.n; j++)
        columns[j] = ls_column_measure(&e->problem, e->rows, column_of(e, j, room), room);
    return columns;
}

static void print(const char *prefix, const char *name, double value) {
    printf("%s%s %.17g\n", prefix, name, value);
}

static void print_parts(const ls_facts *f) {
    char part[32];
    for (size_t j = 0; j < f->problem.n; j++) {
        snprintf(part, sizeof part, "%zu ", j);
        for (const ls_part_metric *m = ls_part_metrics; m->name != NULL; m++)
            if (m->kinds & f->problem.kind)
                print(part, m->name, m->value(m, f, j));
        if (f->counts != NULL)
            print(part, "support", f->counts[j].actual);
    }
}

static void print_all(const ls_facts *f) {
    char bin[32];
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++)
        if (ls_metric_applies(m, &f->problem))
            print("", m->name, m->value(m, f));
    print_parts(f);
    for (size_t b = 0; f->problem.probabilities && b < LS_BINS; b++) {
        snprintf(bin, sizeof bin, "bin %zu", b);
        print("", bin, ls_calibration_bin(f, b).rows);
    }
}

static void print_thresholds(const example *e, ls_column_room *room) {
    const float *p = column_of(e, 1, room);
    if (!ls_order_sort(&room->order, e->rows, p))
        return;
    for (const ls_criterion *c = ls_criteria; c->name != NULL; c++) {
        size_t row = 0;
        ls_counts counts;
        if (!ls_best_threshold(&room->order, room->truth, c, &row, &counts))
            continue;
        print("threshold ", c->name, (double)p[row]);
        print("best ", c->name, c->value(&counts, (double)e->rows));
    }
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 1;
    const example e = read_example(argv[1]);
    ls_column_room room;
    if (ls_column_room_create(&e.problem, e.rows, &room) != LS_OK)
        return 1;
    const double *sums = sums_of(&e);
    print_all(&(ls_facts){e.problem, sums, counts_of(&e, sums), e.spread, columns_of(&e, &room)});
    if (e.problem.kind == LS_FOR_TWO)
        print_thresholds(&e, &room);
    return 0;
}
