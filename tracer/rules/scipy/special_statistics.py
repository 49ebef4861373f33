"""scipy.special's distribution functions and their inverses (DLMF 8, Johnson-Kotz for the rest).

>>> elementwise(special.chdtri, SHAPE, lambda v, p, out: -1 / chi2_density(v, out))

By its variable a distribution function has its density as derivative, and its inverse one over
that. By degrees of freedom and other shapes there is no closed form; those of noncentrality are.
"""

import math

import numpy as np
from scipy import special

from tracer.rules.declare import Missing, elementwise
from tracer.rules.scipy.special_gamma import beta_density, gamma_density

SHAPE = Missing("a shape parameter: the derivative by it has no closed form")
COUNT = Missing("a number of trials, a whole number")
ROOT_TWO_PI = math.sqrt(2 * math.pi)


def all_missing(function, count):
    """An inverse by a shape parameter: its derivative would divide by one that is not closed."""
    elementwise(function, *[SHAPE] * count)


# Student's t.
def t_density(df, t):
    scale = np.exp(special.gammaln((df + 1) / 2) - special.gammaln(df / 2))
    return scale / np.sqrt(df * math.pi) * (1 + t**2 / df) ** (-(df + 1) / 2)


elementwise(special.stdtr, SHAPE, lambda df, t: t_density(df, t))
elementwise(special.stdtrit, SHAPE, lambda df, p, out: 1 / t_density(df, out))
all_missing(special.stdtridf, 2)


# Chi squared, F and gamma.
def chi2_density(v, x):
    return gamma_density(v / 2, x / 2) / 2


def f_density(dfn, dfd, x):
    room = dfd + dfn * x
    return beta_density(dfn / 2, dfd / 2, dfn * x / room) * dfn * dfd / room**2


elementwise(special.chdtr, SHAPE, lambda v, x: chi2_density(v, x))
elementwise(special.chdtrc, SHAPE, lambda v, x: -chi2_density(v, x))
elementwise(special.chdtri, SHAPE, lambda v, p, out: -1 / chi2_density(v, out))
all_missing(special.chdtriv, 2)
elementwise(special.fdtr, SHAPE, SHAPE, lambda dfn, dfd, x: f_density(dfn, dfd, x))
elementwise(special.fdtrc, SHAPE, SHAPE, lambda dfn, dfd, x: -f_density(dfn, dfd, x))
elementwise(special.fdtri, SHAPE, SHAPE, lambda dfn, dfd, p, out: 1 / f_density(dfn, dfd, out))
all_missing(special.fdtridfd, 3)
elementwise(
    special.gdtr,
    lambda a, b, x: x * gamma_density(b, a * x),
    SHAPE,
    lambda a, b, x: a * gamma_density(b, a * x),
)
elementwise(
    special.gdtrc,
    lambda a, b, x: -x * gamma_density(b, a * x),
    SHAPE,
    lambda a, b, x: -a * gamma_density(b, a * x),
)
elementwise(  # x of (a, b, p) and a of (p, b, x): p is a function of a · x
    special.gdtrix,
    lambda a, b, p, out: -out / a,
    SHAPE,
    lambda a, b, p, out: 1 / (a * gamma_density(b, a * out)),
)
elementwise(
    special.gdtria,
    lambda p, b, x, out: 1 / (x * gamma_density(b, out * x)),
    SHAPE,
    lambda p, b, x, out: -out / x,
)
all_missing(special.gdtrib, 3)
all_missing(special.btdtria, 3)
all_missing(special.btdtrib, 3)


# Counts: steps in k, smooth in p or m (DLMF 8.17.5, 8.4.8).
def binomial_slope(k, n, p):
    k = np.floor(k)
    return -beta_density(k + 1, n - k, p)


def negative_binomial_slope(k, n, p):
    return beta_density(n, np.floor(k) + 1, p)


def poisson_slope(k, m):
    return -gamma_density(np.floor(k) + 1, m)


elementwise(special.bdtr, None, COUNT, binomial_slope)
elementwise(special.bdtrc, None, COUNT, lambda k, n, p: -binomial_slope(k, n, p))
elementwise(special.bdtri, None, COUNT, lambda k, n, y, out: 1 / binomial_slope(k, n, out))
all_missing(special.bdtrik, 3)
all_missing(special.bdtrin, 3)
elementwise(special.nbdtr, None, COUNT, negative_binomial_slope)
elementwise(special.nbdtrc, None, COUNT, lambda k, n, p: -negative_binomial_slope(k, n, p))
elementwise(
    special.nbdtri, None, COUNT, lambda k, n, y, out: 1 / negative_binomial_slope(k, n, out)
)
all_missing(special.nbdtrik, 3)
all_missing(special.nbdtrin, 3)
elementwise(special.pdtr, None, poisson_slope)
elementwise(special.pdtrc, None, lambda k, m: -poisson_slope(k, m))
elementwise(special.pdtri, None, lambda k, y, out: 1 / poisson_slope(k, out))
all_missing(special.pdtrik, 2)


# Noncentral chi squared: a Poisson mixture, whose derivative by the noncentrality is a density.
def noncentral_chi2_density(x, df, nc):
    spread = np.exp(-nc / 2) * special.hyp0f1(df / 2, nc * x / 4)
    return spread * chi2_density(df, x)


elementwise(
    special.chndtr,
    lambda x, df, nc: noncentral_chi2_density(x, df, nc),
    SHAPE,
    lambda x, df, nc: -noncentral_chi2_density(x, df + 2, nc),
)
elementwise(
    special.chndtrix,
    lambda p, df, nc, out: 1 / noncentral_chi2_density(out, df, nc),
    SHAPE,
    lambda p, df, nc, out: (
        noncentral_chi2_density(out, df + 2, nc) / noncentral_chi2_density(out, df, nc)
    ),
)
elementwise(
    special.chndtrinc,
    lambda x, df, p, out: (
        noncentral_chi2_density(x, df, out) / noncentral_chi2_density(x, df + 2, out)
    ),
    SHAPE,
    lambda x, df, p, out: -1 / noncentral_chi2_density(x, df + 2, out),
)
all_missing(special.chndtridf, 3)


# Noncentral F, likewise in u = dfn x / (dfd + dfn x).
def noncentral_f_density(dfn, dfd, nc, x):
    room = dfd + dfn * x
    kummer = special.hyp1f1((dfn + dfd) / 2, dfn / 2, nc / 2 * dfn * x / room)
    return np.exp(-nc / 2) * kummer * f_density(dfn, dfd, x)


def noncentral_f_by_nc(dfn, dfd, nc, x, out):
    return (special.ncfdtr(dfn + 2, dfd, nc, x * dfn / (dfn + 2)) - out) / 2


elementwise(
    special.ncfdtr,
    SHAPE,
    SHAPE,
    noncentral_f_by_nc,
    lambda dfn, dfd, nc, f: noncentral_f_density(dfn, dfd, nc, f),
)
elementwise(
    special.ncfdtri,
    SHAPE,
    SHAPE,
    lambda dfn, dfd, nc, p, out: (
        -noncentral_f_by_nc(dfn, dfd, nc, out, p) / noncentral_f_density(dfn, dfd, nc, out)
    ),
    lambda dfn, dfd, nc, p, out: 1 / noncentral_f_density(dfn, dfd, nc, out),
)
elementwise(
    special.ncfdtrinc,
    SHAPE,
    SHAPE,
    lambda dfn, dfd, p, f, out: 1 / noncentral_f_by_nc(dfn, dfd, out, f, p),
    lambda dfn, dfd, p, f, out: (
        -noncentral_f_density(dfn, dfd, out, f) / noncentral_f_by_nc(dfn, dfd, out, f, p)
    ),
)
all_missing(special.ncfdtridfd, 4)
all_missing(special.ncfdtridfn, 4)


# Noncentral t: its density as two terms, even and odd in nc · t.
def noncentral_t_density(df, nc, t):
    room = df + t**2
    z = nc**2 * t**2 / (2 * room)
    ratio = np.exp(special.gammaln(df / 2 + 1) - special.gammaln((df + 1) / 2))
    even = special.hyp1f1((df + 1) / 2, 0.5, z)
    odd = nc * t * np.sqrt(2 / room) * ratio * special.hyp1f1(df / 2 + 1, 1.5, z)
    return t_density(df, t) * np.exp(-(nc**2) / 2) * (even + odd)


NONCENTRALITY = Missing("the noncentrality nc: the derivative by it has no closed form")
elementwise(special.nctdtr, SHAPE, NONCENTRALITY, lambda df, nc, t: noncentral_t_density(df, nc, t))
elementwise(
    special.nctdtrit,
    SHAPE,
    NONCENTRALITY,
    lambda df, nc, p, out: 1 / noncentral_t_density(df, nc, out),
)
all_missing(special.nctdtridf, 3)
all_missing(special.nctdtrinc, 3)


# Normal distributions by their mean and standard deviation: x = mean + std · z.
def quantile_slope(z):
    return ROOT_TWO_PI * np.exp(z**2 / 2)


elementwise(
    special.nrdtrimn,
    lambda p, std, x: -std * quantile_slope(special.ndtri(p)),
    lambda p, std, x: -special.ndtri(p),
    lambda p, std, x: 1,
)
elementwise(
    special.nrdtrisd,
    lambda mn, p, x: -1 / special.ndtri(p),
    lambda mn, p, x, out: -out / special.ndtri(p) * quantile_slope(special.ndtri(p)),
    lambda mn, p, x: 1 / special.ndtri(p),
)


# Tukey's lambda: x = (F^λ - (1 - F)^λ) / λ.
def tukey_density(lmbda, out):
    inside = (out > 0) & (out < 1)
    within = np.where(inside, out, 0.5)
    slope = 1 / (within ** (lmbda - 1) + (1 - within) ** (lmbda - 1))
    return np.where(inside, slope, 0.0)


def tukey_by_lambda(x, lmbda, out):
    """Along a fixed x; at λ = 0 nothing moves to first order but by a limit that is left out."""
    inside = (out > 0) & (out < 1)
    within = np.where(inside, out, 0.5)
    powers = within**lmbda * np.log(within) - (1 - within) ** lmbda * np.log1p(-within)
    return (x - powers) / lmbda * tukey_density(lmbda, out)


elementwise(special.tklmbda, lambda x, lmbda, out: tukey_density(lmbda, out), tukey_by_lambda)

# Kolmogorov's and Smirnov's distributions: SciPy has their slopes under private names.
SLOPES = "its argument: this SciPy does not give the derivative"
_kolmogorov = getattr(special._ufuncs, "_kolmogp", None)
_smirnov = getattr(special._ufuncs, "_smirnovp", None)
if _kolmogorov is not None and _smirnov is not None:
    elementwise(special.kolmogorov, lambda y: _kolmogorov(y))
    elementwise(special.kolmogi, lambda p, out: 1 / _kolmogorov(out))
    elementwise(special.smirnov, COUNT, lambda n, d: _smirnov(n, d))
    elementwise(special.smirnovi, COUNT, lambda n, p, out: 1 / _smirnov(n, out))
    elementwise(_kolmogorov, Missing("its argument: it is a slope itself"))
    elementwise(_smirnov, COUNT, Missing("its argument: it is a slope itself"))
else:
    elementwise(special.kolmogorov, Missing(SLOPES))
    elementwise(special.kolmogi, Missing(SLOPES))
    elementwise(special.smirnov, COUNT, Missing(SLOPES))
    elementwise(special.smirnovi, COUNT, Missing(SLOPES))
