"""Derivatives of order statistics: what is picked from the sorted numbers gets the cotangent.

>>> pullback(np.median): ct goes to the middle elements
>>> composed(np.quantile): s = np.sort(a); s[low] + share * (s[high] - s[low])

Methods of quantiles: R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages (1996).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import Symbol, apply
from tracer.rules.declare import ZERO, composed, pullback
from tracer.rules.helpers import normal_axes, shape_of
from tracer.rules.joining import refusal, tree_shape
from tracer.rules.reductions.reduction import count_of


def last_axes(x: Any, axis: Any) -> Any:
    """The reduced axes joined and moved to the end."""
    ndim = len(shape_of(x))
    axes = normal_axes(axis, ndim)
    free = [at for at in range(ndim) if at not in axes]
    moved = x if [*free, *axes] == list(range(ndim)) else np.transpose(x, (*free, *axes))
    if len(axes) == 1:
        return moved
    return np.reshape(moved, (*[shape_of(x)[at] for at in free], -1))


def unmoved(grad: Any, x: Any, axis: Any) -> Any:
    """The inverse of ``last_axes`` on a cotangent."""
    ndim = len(shape_of(x))
    axes = normal_axes(axis, ndim)
    free = [at for at in range(ndim) if at not in axes]
    shape = shape_of(x)
    order = [*free, *axes]
    grad = np.reshape(grad, [shape[at] for at in order]) if len(axes) != 1 else grad
    if order == list(range(ndim)):
        return grad
    return np.transpose(grad, tuple(sorted(range(ndim), key=order.__getitem__)))


def length(x: Any, axis: Any) -> int:
    """How many numbers are ordered.

    Raises
    ------
    MissingRule
        If it is known at run time only.
    """
    count = count_of(x, axis)
    if not isinstance(count, int):
        raise refusal(x, "Order statistics of an axis of unknown length have no derivative rule.")
    return count


# -- median -------------------------------------------------------------------------------------
def at_ranks(ct: Any, x: Any, axis: Any, ranks: list[tuple[int, float]]) -> Any:
    """``ct`` times weights to the elements of given ranks along ``axis``."""
    flat = last_axes(x, axis)
    order = np.argsort(flat, axis=-1)
    weights = np.zeros(shape_of(flat)[-1], x.dtype)
    for rank, weight in ranks:
        weights[rank] += weight
    # The weights by rank, carried to the places where the elements of these ranks are.
    places = np.argsort(order, axis=-1)
    weight = apply(registry.GETITEM, weights, places)
    return unmoved(np.expand_dims(ct, -1) * weight, x, axis)


@pullback(np.median)
def _(ct, x, axis=None, keepdims=False, overwrite_input=False):
    count = length(x, axis)
    if count == 0:
        return ZERO
    axes = normal_axes(axis, len(shape_of(x)))
    ct = np.squeeze(ct, axis=axes) if keepdims and axes else ct
    return at_ranks(ct, x, axis, [((count - 1) // 2, 0.5), (count // 2, 0.5)])


# -- quantiles ----------------------------------------------------------------------------------
# Hyndman and Fan's alpha and beta of the methods that interpolate.
CONTINUOUS = {
    "linear": (1.0, 1.0),
    "weibull": (0.0, 0.0),
    "hazen": (0.5, 0.5),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0),
}


def _closest_observation(count: Any, q: Any) -> Any:
    place = count * q - 1.5
    below = np.floor(place)
    return below + 1 - np.where((place == below) & (below % 2 == 1), 1.0, 0.0)


# The rank, from 0, of the methods that pick one number.
DISCRETE: dict[str, Callable[[Any, Any], Any]] = {
    "lower": lambda count, q: np.floor((count - 1) * q),
    "higher": lambda count, q: np.ceil((count - 1) * q),
    "nearest": lambda count, q: np.round((count - 1) * q),
    "inverted_cdf": lambda count, q: np.ceil(count * q - 1),
    "closest_observation": _closest_observation,
}


def ranks(method: str, count: Any, q: Any) -> tuple[Any, Any]:
    """The rank below the quantile, from 0, and the share of the number above it."""
    last = count - 1
    if method in CONTINUOUS:
        alpha, beta = CONTINUOUS[method]
        place = last * q if method == "linear" else count * q + (alpha + q * (1 - alpha - beta)) - 1
        place = np.minimum(np.maximum(place, 0.0), last)
        below = np.floor(place)
        return below, place - below
    if method in DISCRETE:
        return DISCRETE[method](count, q), 0.0
    if method == "midpoint":
        below = np.floor(last * q)
        return below, (np.ceil(last * q) - below) * 0.5
    place = count * q - 1  # averaged_inverted_cdf
    below = np.floor(place)
    return below, np.where(place < 0, 0.0, np.where(place == below, 0.5, 1.0))


def between(ordered: Any, count: Any, q: Any, method: str) -> Any:
    """Quantiles of numbers ordered along the last axis, which becomes that of ``q``."""
    below, share = ranks(method, count, q)
    last = count - 1
    low = np.minimum(np.maximum(below, 0), last)
    low, high = as_index(low), as_index(np.minimum(low + 1, last))
    if isinstance(count, int):
        first, second = (apply(registry.GETITEM, ordered, (Ellipsis, at)) for at in (low, high))
    else:
        first, second = (np.take_along_axis(ordered, at, axis=-1) for at in (low, high))
    return first + share * (second - first)


def as_index(x: Any) -> Any:
    return x.astype(np.intp) if isinstance(x, Symbol) else np.asarray(x).astype(np.intp)


def _flat(q: Any, a: Any, scale: float) -> tuple[Any, tuple]:
    """``q`` as a fraction, with one axis, and its shape; a number takes the dtype of ``a``."""
    if isinstance(q, (list, tuple)) and any([isinstance(part, Symbol) for part in q]):
        q = np.stack(q)
    shape = shape_of(q)
    if type(q) in (int, float) and a.dtype.kind == "f":
        q = a.dtype.type(q)
    if scale != 1.0:
        q = q / (a.dtype.type(scale) if a.dtype.kind == "f" else scale)
    return np.ravel(q), shape


def _arranged(found: Any, shape: tuple, a: Any, axis: Any, keepdims: bool) -> Any:
    """Quantiles along the last axis as NumPy has them: those axes first."""
    found = np.moveaxis(found, -1, 0) if len(shape_of(found)) > 1 else found
    found = found[0] if not shape else np.reshape(found, (*shape, *shape_of(found)[1:]))
    if not keepdims:
        return found
    axes = normal_axes(axis, len(shape_of(a)))
    return np.expand_dims(found, tuple([at + len(shape) for at in axes]))


def _weighted(a: Any, axis: Any, keepdims: bool, out: Any, count: int) -> Any:
    """With weights a quantile is one of the numbers: the one that equals it."""
    if not keepdims:
        axes = normal_axes(axis, len(shape_of(a)))
        out = np.expand_dims(out, tuple([at + count for at in axes]))
    hit = a == out
    axes = tuple([at + count for at in normal_axes(axis, len(shape_of(a)))])
    total = np.sum(np.where(hit, a, 0.0), axis=axes, keepdims=keepdims)
    return total / np.sum(hit, axis=axes, keepdims=keepdims, dtype=a.dtype)


def _quantile(scale: float, nan: bool) -> Callable[..., Any]:
    def definition(
        a,
        q,
        axis=None,
        overwrite_input=False,
        method="linear",
        keepdims=False,
        weights=None,
        out=None,
    ):
        if weights is not None:
            return _weighted(a, axis, keepdims, out, len(tree_shape(q)))
        if 0 in shape_of(a):
            return 0.0  # nan, whatever would be in it
        q, shape = _flat(q, a, scale)
        return _arranged(_picked(a, q, axis, method, nan), shape, a, axis, keepdims)

    return definition


def _picked(a: Any, q: Any, axis: Any, method: str, nan: bool) -> Any:
    flat = last_axes(a, axis)
    ordered = np.sort(flat, axis=-1)
    if not nan:
        return between(ordered, length(a, axis), q, method)
    # nan is sorted to the end.
    count = np.sum(np.logical_not(np.isnan(flat)), axis=-1, keepdims=True, dtype=np.float64)
    return between(ordered, np.maximum(count, 1.0), q, method)


composed(np.quantile)(_quantile(1.0, nan=False))
composed(np.percentile)(_quantile(100.0, nan=False))
composed(np.nanquantile)(_quantile(1.0, nan=True))
composed(np.nanpercentile)(_quantile(100.0, nan=True))


@composed(np.nanmedian)
def _(a, axis=None, overwrite_input=False, keepdims=False):
    if 0 in shape_of(a):
        return 0.0
    found = _picked(a, np.full(1, 0.5), axis, "linear", nan=True)
    return _arranged(found, (), a, axis, keepdims)
