"""Derivatives of the functions that skip nan: those of their namesakes, under a mask.

>>> composed(np.nansum): np.sum(np.where(np.isnan(x), 0.0, x))
>>> pullback(np.nanmean): ct / count where the element is a number
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.rules.declare import composed, pullback
from tracer.rules.helpers import restore_axes
from tracer.rules.reductions.reduction import (
    by_mean,
    conj,
    extreme_initial,
    masked,
    never_zero,
    shared,
    tally,
)


# -- as if nan were 0 or 1 ----------------------------------------------------------------------
def _filled(function: Any, value: float) -> Any:
    def definition(a, axis=None, dtype=None, **kwargs):
        a = np.where(np.isnan(a), value, a)
        return function(a if dtype is None else a.astype(dtype), axis=axis, **kwargs)

    return definition


composed(np.nansum)(_filled(np.sum, 0.0))
composed(np.nanprod)(_filled(np.prod, 1.0))
composed(np.nancumsum)(_filled(np.cumsum, 0.0))
composed(np.nancumprod)(_filled(np.cumprod, 1.0))


# -- means and variances ------------------------------------------------------------------------
def numbers_in(x: Any, where: Any) -> Any:
    """Where a reduction finds a number."""
    found = np.logical_not(np.isnan(x))
    return found if where is True else np.logical_and(found, where)


@pullback(np.nanmean)
def _(ct, x, axis=None, dtype=None, keepdims=False, where=True):
    found = numbers_in(x, where)
    return masked(restore_axes(ct, x, axis, keepdims) / tally(found, x, axis), found)


def _extreme(ct, x, axis=None, keepdims=False, initial=None, where=True, out=None):
    return shared(ct, x, out, axis, keepdims, where, initial is not None)


for _function in (np.nanmax, np.nanmin):
    pullback(_function)(_extreme)
    pullback(_function, "initial")(extreme_initial)


def _deviation(x: Any, axis: Any, where: Any, mean: Any) -> tuple[Any, Any, Any]:
    """Where the numbers are, how many, and the conjugate of their distance from the mean."""
    found = numbers_in(x, where)
    count = tally(found, x, axis)
    if mean is None:
        mean = np.sum(np.where(found, x, 0.0), axis=axis, keepdims=True) / count
    return found, count, conj(np.where(found, x - mean, 0.0))


def _freedom(count: Any, ddof: Any, correction: Any) -> Any:
    return count - (correction if type(ddof) is int and ddof == 0 else ddof)


@pullback(np.nanvar, (0, "mean"))
def _(ct, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True, mean=None, correction=0):
    _, count, deviation = _deviation(x, axis, where, mean)
    scale = 2.0 * restore_axes(ct, x, axis, keepdims) / _freedom(count, ddof, correction)
    return by_mean(scale * deviation, mean, axis)


@pullback(np.nanstd, (0, "mean"))
def _(
    ct,
    x,
    axis=None,
    dtype=None,
    ddof=0,
    keepdims=False,
    where=True,
    mean=None,
    correction=0,
    out=None,
):
    _, count, deviation = _deviation(x, axis, where, mean)
    spread = restore_axes(never_zero(out), x, axis, keepdims)
    scale = restore_axes(ct, x, axis, keepdims) / (spread * _freedom(count, ddof, correction))
    return by_mean(scale * deviation, mean, axis)
