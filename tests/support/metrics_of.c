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

static void *array(FILE *f, size_t count, size_t size) {
    void *a = NULL;
    if (ls_alloc(count, size, "array", &a) != LS_OK || fread(a, size, count, f) != count)
        exit(1);
    return a;
}

static void print(const char *prefix, const char *name, double value) {
    printf("%s%s %.17g\n", prefix, name, value);
}

static void print_all(const ls_facts *f) {
    char part[32];
    for (const ls_metric *m = ls_metrics; m->name != NULL; m++)
        if (ls_metric_applies(m, &f->problem))
            print("", m->name, m->value(m, f));
    for (size_t j = 0; j < f->problem.n; j++) {
        snprintf(part, sizeof part, "%zu ", j);
        for (const ls_part_metric *m = ls_part_metrics; m->name != NULL; m++)
            if (m->kinds & f->problem.kind)
                print(part, m->name, m->value(m, f, j));
        if (f->counts != NULL)
            print(part, "support", f->counts[j].actual);
    }
    for (size_t b = 0; f->problem.probabilities && b < LS_BINS; b++) {
        snprintf(part, sizeof part, "%zu bin_", b);
        print(part, "rows", ls_calibration_bin(f, b).rows);
    }
}

static void print_thresholds(const float *p, size_t n, size_t rows, ls_column_room *room) {
    float *second = NULL;
    if (ls_alloc(rows, sizeof *second, "column", &second) != LS_OK)
        exit(1);
    for (size_t r = 0; r < rows; r++)
        second[r] = p[r * n + 1];
    for (const ls_criterion *c = ls_criteria; c->name != NULL; c++) {
        size_t row = 0;
        ls_counts counts;
        if (!ls_order_sort(&room->order, rows, second) ||
            !ls_best_threshold(&room->order, room->truth, c, &row, &counts))
            continue;
        print("threshold ", c->name, (double)second[row]);
        print("best ", c->name, c->value(&counts, (double)rows));
    }
    ls_free(second);
}

int main(int argc, char **argv) {
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    int64_t head[5];
    if (f == NULL || fread(head, sizeof *head, 5, f) != 5)
        return 1;
    const ls_problem problem = {(unsigned)head[0], (size_t)head[1], head[4] != 0};
    const size_t n = problem.n, rows = (size_t)head[2], out = (size_t)head[3];
    const int classes = (problem.kind & LS_FOR_CLASSES) != 0;
    int32_t *label = array(f, classes ? rows : 0, sizeof *label);
    int32_t *code = array(f, classes ? rows : 0, sizeof *code);
    double *spread = array(f, classes ? 0 : n, sizeof *spread);
    float *z = array(f, rows * out, sizeof *z), *p = array(f, rows * n, sizeof *p);
    float *target = array(f, classes ? 0 : rows * n, sizeof *target);
    double *sums = NULL;
    float *column = NULL;
    ls_counts *counts = NULL;
    ls_column *columns = NULL;
    ls_column_room room;
    if (ls_alloc(ls_sums_width(&problem), sizeof *sums, "sums", &sums) != LS_OK ||
        ls_alloc(n, sizeof *counts, "counts", &counts) != LS_OK ||
        ls_alloc(rows, sizeof *column, "column", &column) != LS_OK ||
        ls_alloc(n, sizeof *columns, "columns", &columns) != LS_OK ||
        ls_column_room_create(&problem, rows, &room) != LS_OK)
        return 1;
    ls_sums_add_rows(rows, 0, sums);
    if (classes) {
        ls_sums_add_classes(&problem, rows, out, z, p, label, code, sums);
        ls_counts_of(rows, label, code, n, counts);
    }
    for (size_t i = 0; !classes && i < rows * n; i++)
        ls_sums_add_value(&problem, i % n, (double)p[i], (double)target[i], sums);
    if (problem.kind == LS_FOR_FLAGS) {
        ls_sums_add_flags(&problem, rows, z, target, sums);
        ls_sums_counts(&problem, sums, counts);
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t r = 0; r < rows; r++)
            column[r] = p[r * n + j];
        ls_column_targets(&problem, j, rows, label, target, &room);
        columns[j] = ls_column_measure(&problem, rows, column, &room);
    }
    print_all(&(ls_facts){problem, sums, problem.kind == LS_FOR_NUMBERS ? NULL : counts, spread,
                          columns});
    if (problem.kind == LS_FOR_TWO)
        print_thresholds(p, n, rows, &room);
    ls_column_room_free(&room);
    ls_free(label);
    ls_free(code);
    ls_free(spread);
    ls_free(z);
    ls_free(p);
    ls_free(target);
    ls_free(sums);
    ls_free(counts);
    ls_free(column);
    ls_free(columns);
    fclose(f);
    return 0;
}
