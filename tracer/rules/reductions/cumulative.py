"""Derivatives of running sums and products: the transpose of a running sum runs backwards.

>>> linear(np.cumsum): ct -> np.cumsum(ct[::-1])[::-1]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.rules.declare import Sparse, composed, linear, pullback
from tracer.rules.helpers import place_along, reshape_like, shape_of
from tracer.rules.indexing import along_axis_index
from tracer.rules.joining import refusal


def reversed_cumsum(ct: Any, axis: int) -> Any:
    """For each place the sum of ``ct`` from there to the end."""
    if len(shape_of(ct)) == 1:
        return np.cumsum(ct[::-1])[::-1]
    return np.flip(np.cumsum(np.flip(ct, axis), axis=axis), axis)


def _cumsum(ct, x, axis=None, dtype=None):
    if axis is None or not shape_of(x):
        return reshape_like(reversed_cumsum(ct, 0), x)
    return reversed_cumsum(ct, axis)


def _cumulative_sum(ct, x, axis=None, dtype=None, include_initial=False):
    if not shape_of(x):
        return ct[-1]
    axis = 0 if axis is None else axis
    if include_initial:
        ct = np.flip(np.flip(ct, axis)[_head(len(shape_of(ct)), axis)], axis)
    return reversed_cumsum(ct, axis)


def _head(ndim: int, axis: int) -> tuple:
    """The index of all but the last place along ``axis``."""
    return (slice(None),) * (axis % ndim) + (slice(None, -1),)


def static_size(x: Any, axis: int) -> int:
    """The length of an axis over which a rule must loop.

    Raises
    ------
    MissingRule
        If it is known at run time only.
    """
    size = shape_of(x)[axis]
    if type(size) is not int:
        raise refusal(x, "A running product along an axis of unknown length has no derivative.")
    return size


def doubled(ufunc: Any, x: Any, axis: int) -> Any:
    """``ufunc.accumulate`` of an associative ufunc in steps of 1, 2, 4 …

    It divides by nothing, so its derivatives of every order are exact at zeros too.
    """
    size, step = static_size(x, axis), 1
    while step < size:
        head = x[place_along(axis, slice(0, step))]
        front = x[place_along(axis, slice(0, -step))]
        back = x[place_along(axis, slice(step, None))]
        x = np.concatenate([head, ufunc(front, back)], axis=axis)
        step *= 2
    return x


@composed(np.cumprod)
def _(x, axis=None, dtype=None):
    x = x if dtype is None else x.astype(dtype)
    if axis is None or not shape_of(x):
        return doubled(np.multiply, np.ravel(x), 0)
    return doubled(np.multiply, x, int(axis) % len(shape_of(x)))


def _cumulative_prod(x, axis=None, dtype=None, include_initial=False):
    x = x if dtype is None else x.astype(dtype)
    x = x if shape_of(x) else np.ravel(x)
    axis = int(axis or 0) % len(shape_of(x))
    products = doubled(np.multiply, x, axis)
    if not include_initial:
        return products
    shape = list(shape_of(x))
    shape[axis] = 1
    return np.concatenate([np.ones(shape, x.dtype), products], axis=axis)


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
if hasattr(np, "cumulative_sum"):  # from NumPy 2.1 on
    linear(np.cumulative_sum, _cumulative_sum)
    composed(np.cumulative_prod)(_cumulative_prod)
