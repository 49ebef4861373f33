"""Derivatives of order statistics, weighted means, differences and sums that skip nan.

>>> pullback(np.median): ct goes to the middle elements
>>> pullback(np.nansum): ct where the element is a number
>>> linear(np.diff): the transpose takes differences the other way
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import Symbol, apply
from tracer.rules.declare import linear, multilinear, pullback
from tracer.rules.helpers import (
    normal_axes,
    reshape_like,
    restore_axes,
    shape_of,
    sum_to,
    zeros_like,
)
from tracer.rules.joining import refusal
from tracer.rules.reduction import conj, count_of, shared, tally


# -- functions that skip nan --------------------------------------------------------------------
@pullback(np.nansum)
def _(ct, x, axis=None, dtype=None, keepdims=False):
    return np.where(np.isnan(x), 0.0, restore_axes(ct, x, axis, keepdims))


@pullback(np.nanmean)
def _(ct, x, axis=None, dtype=None, keepdims=False):
    count = tally(np.logical_not(np.isnan(x)), x, axis)
    return np.where(np.isnan(x), 0.0, restore_axes(ct, x, axis, keepdims) / count)


def _nanextreme(ct, x, axis=None, keepdims=False, out=None):
    return shared(ct, x, out, axis, keepdims, True, False)


pullback(np.nanmax)(_nanextreme)
pullback(np.nanmin)(_nanextreme)


def _nandeviation(x: Any, axis: Any) -> tuple[Any, Any, Any]:
    gone = np.isnan(x)
    count = tally(np.logical_not(gone), x, axis)
    return gone, count, conj(np.where(gone, 0.0, x - np.nanmean(x, axis=axis, keepdims=True)))


@pullback(np.nanvar)
def _(ct, x, axis=None, dtype=None, ddof=0, keepdims=False):
    _, count, deviation = _nandeviation(x, axis)
    return 2.0 * restore_axes(ct, x, axis, keepdims) / (count - ddof) * deviation


@pullback(np.nanstd)
def _(ct, x, axis=None, dtype=None, ddof=0, keepdims=False, out=None):
    _, count, deviation = _nandeviation(x, axis)
    spread = restore_axes(np.where(out == 0.0, np.inf, out), x, axis, keepdims)
    return restore_axes(ct, x, axis, keepdims) / (spread * (count - ddof)) * deviation


# -- order statistics ---------------------------------------------------------------------------
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


def _squeezed(ct: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if not keepdims:
        return ct
    axes = normal_axes(axis, len(shape_of(x)))
    return np.squeeze(ct, axis=axes) if axes else ct


def _count(x: Any, axis: Any) -> int:
    count = count_of(x, axis)
    if not isinstance(count, int):
        raise refusal(x, "Order statistics of an axis of unknown length have no derivative rule.")
    return count


@pullback(np.median)
def _(ct, x, axis=None, keepdims=False, overwrite_input=False):
    count = _count(x, axis)
    low, high = (count - 1) // 2, count // 2
    return at_ranks(_squeezed(ct, x, axis, keepdims), x, axis, [(low, 0.5), (high, 0.5)])


def _quantile(scale: float):
    def rule(ct, a, q, axis=None, method="linear", keepdims=False, overwrite_input=False):
        if isinstance(q, Symbol) or method not in METHODS:
            raise refusal(a, "A quantile has a derivative rule for a literal q and the methods "
                          f"{', '.join(METHODS)}.")  # fmt: skip
        count = _count(a, axis)
        if np.ndim(q) == 0:
            ranks = METHODS[method](float(q) / scale * (count - 1))
            return at_ranks(_squeezed(ct, a, axis, keepdims), a, axis, ranks)
        total: Any = None
        for k, part in enumerate(np.ravel(q).tolist()):
            ranks = METHODS[method](part / scale * (count - 1))
            term = at_ranks(_squeezed(ct[k], a, axis, keepdims), a, axis, ranks)
            total = term if total is None else total + term
        return total

    return rule


def _between(place: float) -> list[tuple[int, float]]:
    low = int(np.floor(place))
    return [(low, 1.0 - (place - low))] + ([(low + 1, place - low)] if place > low else [])


METHODS = {
    "linear": _between,
    "lower": lambda place: [(int(np.floor(place)), 1.0)],
    "higher": lambda place: [(int(np.ceil(place)), 1.0)],
    "midpoint": lambda place: [(int(np.floor(place)), 0.5), (int(np.ceil(place)), 0.5)],
}
pullback(np.quantile)(_quantile(1.0))
pullback(np.percentile)(_quantile(100.0))


# -- weighted means -----------------------------------------------------------------------------
def _weights_like(weights: Any, a: Any, axis: Any) -> Any:
    """Weights shaped to broadcast with ``a``: a vector of them lies along ``axis``."""
    if shape_of(weights) == shape_of(a):
        return weights
    ndim = len(shape_of(a))
    at = int(axis) % ndim
    return np.reshape(weights, (-1,) + (1,) * (ndim - at - 1))


@pullback(np.average)
def _(ct, a, axis=None, weights=None, keepdims=False):
    ct = restore_axes(ct, a, axis, keepdims)
    if weights is None:
        return ct / count_of(a, axis)
    weights = _weights_like(weights, a, axis)
    total = np.sum(np.broadcast_to(weights, shape_of(a)), axis=axis, keepdims=True)
    return ct * weights / total


@pullback(np.average, "weights")
def _(ct, a, axis=None, weights=None, keepdims=False, out=None):
    ct, out = (restore_axes(value, a, axis, keepdims) for value in (ct, out))
    wide = _weights_like(weights, a, axis)
    total = np.sum(np.broadcast_to(wide, shape_of(a)), axis=axis, keepdims=True)
    return reshape_like(sum_to(ct * (a - out) / total, wide), weights)


# -- differences --------------------------------------------------------------------------------
def _padded(ct: Any, before: int, after: int, axis: int) -> Any:
    ndim = len(shape_of(ct))
    widths = [(before, after) if at == axis % ndim else (0, 0) for at in range(ndim)]
    return np.pad(ct, widths)


def _diff(ct, a, n=1, axis=-1):
    for _ in range(n):
        ct = _padded(ct, 1, 0, axis) - _padded(ct, 0, 1, axis)
    return ct


def _along(axis: int, ndim: int, *places: Any) -> tuple:
    return (*(slice(None),) * (axis % ndim), *places)


def _trapezoid(ct, y, x=None, dx=1.0, axis=-1):
    ndim = len(shape_of(y))
    size = shape_of(y)[axis]
    if x is None:
        weights = np.full(size, float(dx))
        weights[[0, -1]] /= 2.0
    elif len(shape_of(x)) == 1:
        half = 0.5 * np.diff(x)
        weights = np.pad(half, (1, 0)) + np.pad(half, (0, 1))
    else:
        raise refusal(y, "np.trapezoid has a derivative rule only for x with one axis.")
    return np.expand_dims(ct, axis) * weights.reshape((-1,) + (1,) * (ndim - axis % ndim - 1))


linear(np.diff, _diff)
linear(np.trapezoid, _trapezoid)


# -- convolutions -------------------------------------------------------------------------------
def _uncut(ct: Any, length: int) -> Any:
    """``ct`` of a full convolution: "same" and "valid" cut ``length`` evenly at both ends."""
    missing = length - shape_of(ct)[0]
    return np.pad(ct, (missing // 2, missing - missing // 2)) if missing else ct


def _left(ct, a, v, mode="full"):
    whole = _uncut(ct, shape_of(a)[0] + shape_of(v)[0] - 1)
    return np.correlate(whole, conj(v), mode="valid")


multilinear(np.convolve, _left, lambda ct, a, v, mode="full": _left(ct, v, a, mode))


@pullback(np.correlate, (0, 1))
def _(ct, a, v, mode="valid"):
    # It is the convolution with v reversed and conjugated.
    turned = conj(v[::-1])
    right = _left(ct, turned, a, mode)
    return _left(ct, a, turned, mode), conj(right[::-1])


# -- central differences ------------------------------------------------------------------------
@pullback(np.gradient)
def _(ct, f, *spacing, axis=None, edge_order=1):
    ndim = len(shape_of(f))
    step = spacing[0] if spacing else 1.0
    plain = edge_order == 1 and len(spacing) < 2 and isinstance(step, (int, float))
    if not plain or not (ndim == 1 or isinstance(axis, int)):
        raise refusal(f, "np.gradient has a derivative rule only along one axis, with a literal "
                      "constant step and edge_order=1.")  # fmt: skip
    axis = (axis or 0) % ndim
    size = shape_of(f)[axis]
    weights = np.full(size, 0.5 / step)
    weights[[0, -1]] = 1.0 / step
    scaled = ct * weights.reshape((-1,) + (1,) * (ndim - axis - 1))
    # Each difference reads its two neighbours; at the ends, itself and one.
    places = np.arange(size)
    after, before = np.minimum(places + 1, size - 1), np.maximum(places - 1, 0)
    lead = (slice(None),) * axis
    whole = apply(registry.SCATTER_ADD, zeros_like(f), scaled, (*lead, after))
    return apply(registry.SCATTER_ADD, whole, -scaled, (*lead, before))
