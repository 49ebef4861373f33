"""scipy.stats: what describes a sample, written out with NumPy.

>>> @composed(stats.gmean)
... def _(a, axis=0): return np.exp(np.mean(np.log(a), axis=axis))
"""

import math
from typing import Any

import numpy as np
from scipy import special, stats

from tracer.rules.declare import composed
from tracer.rules.helpers import normal_axes, shape_of


def length(a: Any, axis: Any) -> int:
    """The number of elements that are averaged."""
    shape = shape_of(a)
    return math.prod(shape[k] for k in normal_axes(axis, len(shape)))


def power_mean(values: Any, axis: Any, weights: Any, keepdims: bool) -> Any:
    if weights is None:
        return np.mean(values, axis=axis, keepdims=keepdims)
    total = np.sum(weights + 0 * values, axis=axis, keepdims=keepdims)
    return np.sum(weights * values, axis=axis, keepdims=keepdims) / total


@composed(stats.gmean)
def _(a, axis=0, weights=None, keepdims=False):
    return np.exp(power_mean(np.log(a), axis, weights, keepdims))


@composed(stats.hmean)
def _(a, axis=0, weights=None, keepdims=False):
    return 1 / power_mean(1 / a, axis, weights, keepdims)


@composed(stats.zscore)
def _(a, axis=0, ddof=0):
    apart = a - np.mean(a, axis=axis, keepdims=True)
    return apart / np.std(a, axis=axis, ddof=ddof, keepdims=True)


@composed(stats.sem)
def _(a, axis=0, ddof=1, keepdims=False):
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / math.sqrt(length(a, axis))


@composed(stats.variation)
def _(a, axis=0, ddof=0, keepdims=False):
    spread = np.std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return spread / np.mean(a, axis=axis, keepdims=keepdims)


@composed(stats.entropy)
def _(pk, qk=None, base=None, axis=0, keepdims=False):
    shares = pk / np.sum(pk, axis=axis, keepdims=True)
    if qk is None:
        terms = special.entr(shares)
    else:
        terms = special.rel_entr(shares, qk / np.sum(qk, axis=axis, keepdims=True))
    total = np.sum(terms, axis=axis, keepdims=keepdims)
    return total if base is None else total / math.log(base)


def standardised_moment(a: Any, order: int, axis: Any, keepdims: bool) -> Any:
    apart = a - np.mean(a, axis=axis, keepdims=True)
    moment = np.mean(apart**order, axis=axis, keepdims=keepdims)
    return moment / np.mean(apart**2, axis=axis, keepdims=keepdims) ** (order / 2)


@composed(stats.skew)
def _(a, axis=0, bias=True, keepdims=False):
    n, ratio = length(a, axis), standardised_moment(a, 3, axis, keepdims)
    return ratio if bias else ratio * (math.sqrt(n * (n - 1)) / (n - 2))


@composed(stats.kurtosis)
def _(a, axis=0, fisher=True, bias=True, keepdims=False):
    n, ratio = length(a, axis), standardised_moment(a, 4, axis, keepdims)
    return ratio if bias else ratio * ((n**2 - 1) / ((n - 2) * (n - 3)))
