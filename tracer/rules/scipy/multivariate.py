"""scipy.stats: densities of several variables, written out with NumPy.

>>> @composed(stats.dirichlet.logpdf)
... def _(x, alpha): ...

Formulas: the pages of SciPy's documentation on each distribution.
"""

from typing import Any

import numpy as np
from scipy import special, stats

from tracer.rules.algebra.products import ndim
from tracer.rules.declare import composed
from tracer.rules.helpers import shape_of
from tracer.rules.scipy.linalg import read_part

THRESHOLD = 1e6 * np.finfo(float).eps  # SciPy's: smaller eigenvalues are none


def log_normal_density(x: Any, mean: Any, cov: Any, singular: bool = False) -> Any:
    """Of the lower triangle of ``cov``, which is what SciPy reads of it."""
    size = dimension(x, mean, cov)
    points = np.reshape(x, (-1, size)) if ndim(x) < 2 else x
    apart = points if mean is None else points - mean
    if ndim(cov) < 2:
        inverse, log_det = apart / cov, np.sum(np.log(cov * np.ones(size)))
    else:
        matrix = read_part(cov, "sym", lower=True)
        flat = np.reshape(apart, (-1, size))
        if singular:  # on the range of the matrix; on the rest of space it is made 1
            pseudo = np.linalg.pinv(matrix, THRESHOLD, hermitian=True)
            inverse = np.reshape(flat @ pseudo, apart.shape)
            matrix = matrix + np.eye(size) - matrix @ pseudo
        else:
            inverse = np.reshape(np.linalg.solve(matrix, flat.T).T, apart.shape)
        log_det = np.linalg.slogdet(matrix)[1]
    return -(np.sum(apart * inverse, axis=-1) + log_det) / 2


def dimension(x: Any, mean: Any, cov: Any) -> int:
    """The number of variables, from whoever says it."""
    if mean is not None:
        return int(np.prod(shape_of(mean), dtype=int))
    return int(shape_of(cov)[-1]) if ndim(cov) else 1


def squeezed(value: Any, out: Any) -> Any:
    return np.reshape(value, out.shape) if value.shape != out.shape else value


@composed(stats.multivariate_normal.logpdf)
def _(x, mean=None, cov=1, allow_singular=False, *, out):
    return squeezed(log_normal_density(x, mean, cov, allow_singular), out)


@composed(stats.multivariate_normal.pdf)
def _(x, mean=None, cov=1, allow_singular=False, *, out):
    return out * squeezed(log_normal_density(x, mean, cov, allow_singular), out)


@composed(stats.multivariate_normal.entropy)
def _(mean=None, cov=1):
    size = dimension(None, mean, cov)
    if ndim(cov) < 2:
        return np.sum(np.log(cov * np.ones(size))) / 2
    return np.linalg.slogdet(read_part(cov, "sym", lower=True))[1] / 2


def log_t_density(x: Any, loc: Any, shape: Any, df: Any) -> Any:
    size = dimension(x, loc, shape)
    normal = -2 * log_normal_density(x, loc, shape)
    spread = shape if ndim(shape) == 2 else shape * np.eye(size)
    log_det = np.linalg.slogdet(read_part(spread, "sym", lower=True))[1]
    whole = special.gammaln((df + size) / 2) - special.gammaln(df / 2) - size / 2 * np.log(df)
    return whole - log_det / 2 - (df + size) / 2 * np.log1p((normal - log_det) / df)


@composed(stats.multivariate_t.logpdf)
def _(x, loc=None, shape=1, df=1, *, out):
    return squeezed(log_t_density(x, loc, shape, df), out)


@composed(stats.multivariate_t.pdf)
def _(x, loc=None, shape=1, df=1, allow_singular=False, *, out):
    return out * squeezed(log_t_density(x, loc, shape, df), out)


def log_dirichlet_density(x: Any, alpha: Any) -> Any:
    """One entry fewer than parameters: the last is what is left of 1."""
    if shape_of(x)[0] < shape_of(alpha)[0]:
        x = np.concatenate((x, 1 - np.sum(x, axis=0, keepdims=True)))
    terms = special.xlogy(alpha - 1, x.T)
    constant = special.gammaln(np.sum(alpha)) - np.sum(special.gammaln(alpha))
    return constant + np.sum(terms, axis=-1)


@composed(stats.dirichlet.logpdf)
def _(x, alpha, *, out):
    return squeezed(log_dirichlet_density(x, alpha), out)


@composed(stats.dirichlet.pdf)
def _(x, alpha, *, out):
    return out * squeezed(log_dirichlet_density(x, alpha), out)
