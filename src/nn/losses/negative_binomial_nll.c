/* negative_binomial_nll: -log of the negative-binomial probability of the count t at the mean
 * mu = exp(z) and the variance mu + alpha mu^2, the mean over outputs. With r = 1 / alpha and
 * u = z + log(alpha) it is (Hilbe, Negative Binomial Regression, 2011, NB2)
 *
 *   lgamma(r) + lgamma(t + 1) - lgamma(t + r) + r softplus(u) + t softplus(-u)
 *
 * and its gradient r s(u) - t s(-u) with the logistic function s: no power of mu is ever formed. */
#include <math.h>

#include "losses.h"

typedef struct nb_options {
    double dispersion;
} nb_options;

static const ls_opt options[] = {
    {.key = "dispersion",
     .kind = LS_OPT_FLOAT,
     .offset = offsetof(nb_options, dispersion),
     .min = 1e-6,
     .max = 1e6,
     .help = "alpha of the variance mean + alpha * mean^2; near 0 it is Poisson's"},
    {.kind = LS_OPT_END},
};

/* log(1 + exp(u)), and how fast it grows. */
static double softplus(double u, double *slope) {
    double e = exp(-fabs(u));
    *slope = u >= 0 ? 1 / (1 + e) : e / (1 + e);
    return (u > 0 ? u : 0) + log1p(e);
}

/* Without the sign that lgamma keeps for all threads. */
static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

static double row_loss(const void *opts, size_t n, const float *z, int32_t label,
                       const float *value, float *dz) {
    (void)label;
    const double alpha = ((const nb_options *)opts)->dispersion, r = 1 / alpha;
    const double shift = log(alpha), constant = log_gamma(r);
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double up, down, t = value[j], u = z[j] + shift;
        sum += constant + log_gamma(t + 1) - log_gamma(t + r);
        sum += r * softplus(u, &up) + t * softplus(-u, &down);
        if (dz != NULL)
            dz[j] = (float)((r * up - t * down) / (double)n);
    }
    return sum / (double)n;
}

const ls_loss_type ls_loss_negative_binomial_nll = {
    .row = {"negative_binomial_nll",
            "counts that vary more than Poisson's (RNA-seq); outputs are the mean's logarithm",
            options, sizeof(nb_options), "dispersion"},
    .link = LS_LINK_EXP,
    .takes_values = true,
    .value_max = INFINITY,
    .row_loss = row_loss,
};
