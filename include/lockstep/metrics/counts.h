/* Classes by counting: rows of a class, rows that are taken for it, rows that are both.
 *
 * Everything that a confusion matrix tells of its classes follows from its diagonal and the sums
 * of its rows and columns, so that it takes three numbers a class, not one a pair of classes.
 * Counts are whole numbers in float64: their sums are exact in any order.
 *
 * Where nothing is to be divided by, a measure has no value and is NAN: the recall of a class
 * without rows, the precision of a class that nothing is taken for.
 *
 * Why here: astronomers, physicians and computer scientists call the same fractions by different
 * names; all are told in one place. Knows neither ranks nor files.
 */
#ifndef LS_METRICS_COUNTS_H
#define LS_METRICS_COUNTS_H

#include <stddef.h>
#include <stdint.h>

/* Of one class, or of one output whose targets are 0 or 1. */
typedef struct ls_counts {
    double actual;    /* rows of it: support */
    double predicted; /* rows that are taken for it */
    double hits;      /* rows that are both */
} ls_counts;

/* Of `rows` rows in all. */
typedef double ls_counts_measure(const ls_counts *c, double rows);

ls_counts_measure ls_counts_precision;     /* purity, efficiency: hits / predicted */
ls_counts_measure ls_counts_recall;        /* completeness, true positive rate: hits / actual */
ls_counts_measure ls_counts_f1;            /* 2 hits / (actual + predicted) */
ls_counts_measure ls_counts_contamination; /* false discovery rate: 1 - precision */
ls_counts_measure ls_counts_specificity;   /* true negative rate */
ls_counts_measure ls_counts_false_positive_rate; /* 1 - specificity */

/* count[n_classes] of rows with these classes (from 0) and predictions. */
void ls_counts_of(size_t rows, const int32_t *label, const int32_t *predicted, size_t n_classes,
                  ls_counts *count);

/* matrix[n_classes, n_classes]: rows of class i that are taken for class j, at [i, j]. */
void ls_confusion(size_t rows, const int32_t *label, const int32_t *predicted, size_t n_classes,
                  uint64_t *matrix);

/* How the classes' measures become one number. The first two run over the classes that have
 * rows; there a measure without a value counts as 0, so that it is no gain never to predict a
 * class. */
typedef enum ls_mean {
    LS_MEAN_MACRO,    /* every class alike */
    LS_MEAN_WEIGHTED, /* by its rows */
    LS_MEAN_MICRO     /* the measure of all counts together */
} ls_mean;

/* NAN where there are no rows. */
double ls_mean_over_classes(const ls_counts *count, size_t n, double rows, ls_counts_measure *of,
                            ls_mean mean);

/* Matthews' correlation coefficient for any number of classes (Gorodkin, 2004, "Comparing two
 * K-category assignments by a K-category correlation coefficient"); 0 where all rows are of one
 * class or are taken for one. */
double ls_matthews(const ls_counts *count, size_t n, double rows);

/* Cohen's kappa (1960): how much better than by chance classes and predictions agree. NAN where
 * chance alone agrees. */
double ls_kappa(const ls_counts *count, size_t n, double rows);

#endif
