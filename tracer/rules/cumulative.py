"""Derivatives of running sums and products: the transpose of a running sum runs backwards.

>>> linear(np.cumsum): ct -> np.cumsum(ct[::-1])[::-1]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.rules.declare import Sparse, linear, pullback
from tracer.rules.helpers import reshape_like, shape_of
from tracer.rules.indexing import along_axis_index


def sum_from_here(ct: Any, axis: int) -> Any:
    """For each place the sum of ``ct`` from there to the end."""
    if len(shape_of(ct)) == 1:
        return np.cumsum(ct[::-1])[::-1]
    return np.flip(np.cumsum(np.flip(ct, axis), axis=axis), axis)


def _cumsum(ct, x, axis=None, dtype=None):
    if axis is None:
        return reshape_like(sum_from_here(ct, 0), x)
    return sum_from_here(ct, axis)


def _cumulative_sum(ct, x, axis=None, dtype=None, include_initial=False):
    axis = 0 if axis is None else axis
    if include_initial:
        ct = np.flip(np.flip(ct, axis)[_head(len(shape_of(ct)), axis)], axis)
    return sum_from_here(ct, axis)


def _head(ndim: int, axis: int) -> tuple:
    """The index of all but the last place along ``axis``."""
    return (slice(None),) * (axis % ndim) + (slice(None, -1),)


def product_slope(ct: Any, x: Any, out: Any, axis: int) -> Any:
    """The cotangent of ``x`` in ``out = np.cumprod(x, axis)``, exact at zeros to first order.

    Up to the first zero it is the quotient rule; at the first zero the products are taken
    without it; behind it nothing moves.
    """
    zero = x == 0.0
    zeros = np.cumsum(zero, axis=axis)
    first = np.logical_and(zero, zeros == 1)
    without = np.cumprod(np.where(first, 1.0, x), axis=axis)
    before = sum_from_here(ct * out, axis) / np.where(zero, 1.0, x)
    at = np.where(first, sum_from_here(ct * without, axis), 0.0)
    return np.where(zeros == 0, before, at)


@pullback(np.cumprod)
def _(ct, x, axis=None, dtype=None, out=None):
    if axis is None:
        return reshape_like(product_slope(ct, np.ravel(x), out, 0), x)
    return product_slope(ct, x, out, axis)


@pullback(np.cumulative_prod)
def _(ct, x, axis=None, dtype=None, include_initial=False, out=None):
    axis = 0 if axis is None else axis
    if include_initial:
        head = _head(len(shape_of(ct)), axis)
        ct, out = (np.flip(np.flip(value, axis)[head], axis) for value in (ct, out))
    return product_slope(ct, x, out, axis)


def _running_extreme(ct, x, axis=0, dtype=None, out=None):
    """All goes to the latest element that made the running extreme."""
    shape = shape_of(x)
    at = axis % len(shape)
    places = np.reshape(np.arange(shape[at]), (-1,) + (1,) * (len(shape) - at - 1))
    source = np.maximum.accumulate(np.where(x == out, places, 0), axis=at)
    return Sparse(source if len(shape) == 1 else along_axis_index(source, at, shape), ct, x)


for _ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
    pullback(_ufunc.accumulate)(_running_extreme)
linear(np.cumsum, _cumsum)
linear(np.cumulative_sum, _cumulative_sum)
