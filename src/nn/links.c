/* The table of link functions. */
#include "lockstep/nn/link.h"

#include <math.h>
#include <string.h>

#include "lockstep/math/vector.h"

static void keep_rows(size_t rows, size_t n, const float *z, float *p) {
    if (p != z)
        memcpy(p, z, rows * n * sizeof *p);
}

static void sigmoid_rows(size_t rows, size_t n, const float *z, float *p) {
    ls_sigmoid(rows * n, z, p);
}

static void exp_rows(size_t rows, size_t n, const float *z, float *p) {
    ls_exp(rows * n, z, p);
}

static double keep(double z) {
    return z;
}

static double logistic(double z) {
    double e = exp(-fabs(z));
    return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static const struct {
    const char *takes;
    void (*rows)(size_t rows, size_t n, const float *z, float *p);
    double (*one)(double z);
} links[] = {
    [LS_LINK_NONE] = {NULL, keep_rows, keep},
    [LS_LINK_SOFTMAX] = {"logits", ls_softmax, keep},
    [LS_LINK_SIGMOID] = {"logits", sigmoid_rows, logistic},
    [LS_LINK_EXP] = {"the logarithm of the mean", exp_rows, exp},
};

const char *ls_link_takes(ls_link link) {
    return links[link].takes;
}

void ls_link_apply(ls_link link, size_t rows, size_t n, const float *z, float *p) {
    links[link].rows(rows, n, z, p);
}

double ls_link_of(ls_link link, double z) {
    return links[link].one(z);
}
