/* Metrics that take those of classes or outputs together. Why here: one family of the table in
 * metrics.c. */
#include <math.h>
#include <string.h>

#include "values.h"

double ls_part_of_counts(const ls_part_metric *m, const ls_facts *f, size_t part) {
    return m->of(&f->counts[part], ls_facts_rows(f));
}

static double column_of(const ls_facts *f, size_t part, size_t member) {
    double value = NAN;
    if (f->column != NULL)
        memcpy(&value, (const char *)&f->column[part] + member, sizeof value);
    return value;
}

double ls_part_of_column(const ls_part_metric *m, const ls_facts *f, size_t part) {
    return column_of(f, part, m->column);
}

double ls_counts_mean(const ls_metric *m, const ls_facts *f) {
    return ls_mean_over_classes(f->counts, f->problem.n, ls_facts_rows(f), m->of, m->mean);
}

double ls_of_second_class(const ls_metric *m, const ls_facts *f) {
    return m->of(&f->counts[1], ls_facts_rows(f));
}

double ls_column_mean(const ls_metric *m, const ls_facts *f) {
    double sum = 0, weights = 0;
    for (size_t j = 0; j < f->problem.n; j++) {
        const double value = column_of(f, j, m->column);
        const double weight = m->mean == LS_MEAN_WEIGHTED ? f->counts[j].actual : 1;
        if (isnan(value))
            continue;
        sum += weight * value;
        weights += weight;
    }
    return sum / weights;
}

double ls_area_mean(const ls_metric *m, const ls_facts *f) {
    return f->problem.kind == LS_FOR_TWO ? column_of(f, 1, m->column) : ls_column_mean(m, f);
}

double ls_mcc(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return ls_matthews(f->counts, f->problem.n, ls_facts_rows(f));
}

double ls_cohens_kappa(const ls_metric *m, const ls_facts *f) {
    (void)m;
    return ls_kappa(f->counts, f->problem.n, ls_facts_rows(f));
}
