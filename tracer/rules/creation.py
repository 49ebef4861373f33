"""Arrays made from a shape or from the shape of another: their values depend on no operand.

>>> zero_gradient(np.zeros_like, because="the values of the operand are not read")
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.rules.declare import composed, pullback, zero_gradient
from tracer.rules.helpers import shape_of, sum_to

zero_gradient(
    np.zeros_like,
    np.ones_like,
    np.empty_like,
    registry.ZEROS_OF,
    registry.SIZE_OF,
    registry.SAME_SIZE,
    np.shape,
    np.ndim,
    np.size,
    because="the values of the operand are not read",
)
zero_gradient(registry.TEXT_IS, because="a text does not change with a small step")
zero_gradient(
    np.zeros,
    np.ones,
    np.empty,
    np.eye,
    np.identity,
    np.tri,
    np.indices,
    because="made from sizes alone",
)


@pullback(np.full, 1)
def _(ct, shape, fill_value, dtype=None, order="C"):
    return sum_to(ct, fill_value)


@pullback(np.full_like, 1)
def _(ct, a, fill_value, dtype=None, order="K", shape=None, subok=True):
    return sum_to(ct, fill_value)


# -- rows of numbers ----------------------------------------------------------------------------
def row(weights: Any, ndim: int, axis: int) -> Any:
    """Weights along one of ``ndim`` axes."""
    places = [1] * ndim
    places[axis % ndim] = -1
    return np.reshape(weights, places)


def between(start: Any, stop: Any, count: int, endpoint: bool, axis: int) -> tuple[Any, Any, Any]:
    """Both ends with a new axis, and each element's share of the way between them."""
    ndim = max(len(shape_of(start)), len(shape_of(stop)))
    steps = max(count - 1 if endpoint else count, 1)
    share = row(np.arange(count) / steps, ndim + 1, axis)
    return _along(start, ndim, axis), _along(stop, ndim, axis), share


def _along(end: Any, ndim: int, axis: int) -> Any:
    """An end of the way with as many axes as the other, and one of length 1 for the way."""
    if not len(shape_of(end)):
        return end
    end = np.reshape(end, (1,) * (ndim - len(shape_of(end))) + tuple(shape_of(end)))
    return np.expand_dims(end, axis)


@composed(np.linspace)
def _(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    count = int(num)
    first, last, share = between(start, stop, count, endpoint, axis)
    line = first * (1 - share) + last * share
    if not retstep:
        return line
    steps = count - 1 if endpoint else count
    return line, (stop - start) / steps if steps > 0 else np.nan


@composed(np.logspace)
def _(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    if len(shape_of(base)):
        axes = max(len(shape_of(x)) for x in (start, stop, base))
        start, stop, base = (_along_all(x, axes) for x in (start, stop, base))
    first, last, share = between(start, stop, int(num), endpoint, axis)
    base = np.expand_dims(base, axis) if len(shape_of(base)) else base
    return base ** (first * (1 - share) + last * share)


def _along_all(x: Any, ndim: int) -> Any:
    x = x if hasattr(x, "dtype") else np.asarray(x)
    return np.reshape(x, (1,) * (ndim - len(shape_of(x))) + tuple(shape_of(x)))


@composed(np.geomspace)
def _(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    first, last, share = between(start, stop, int(num), endpoint, axis)
    return first * (last / first) ** share


@composed(np.arange)
def _(start, stop=None, step=1, dtype=None, *, out):
    count = shape_of(out)[0]
    if stop is None:
        return 0.0
    return start + step * np.arange(count)


@composed(np.kaiser)
def _(M, beta):
    if M == 1:
        return np.ones(1)
    middle = (M - 1) / 2
    inside = np.sqrt(1 - ((np.arange(M) - middle) / middle) ** 2)
    return np.i0(beta * inside) / np.i0(beta)
