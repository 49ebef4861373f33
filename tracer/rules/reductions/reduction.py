"""Derivatives of reductions: what was summed away comes back by broadcasting.

>>> pullback(np.sum): ct -> np.expand_dims(ct, axis)      # broadcasts to x
>>> pullback(np.mean): ct -> np.expand_dims(ct / n, axis)
>>> pullback(np.max): ct shared evenly among the places that attain the maximum
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.spec import Dim
from tracer.ops import registry
from tracer.ops.builder import apply
from tracer.rules.declare import pullback, pushforward
from tracer.rules.helpers import normal_axes, reshape_like, restore_axes, shape_of, sum_to


def count_of(x: Any, axis: Any = None, where: Any = True) -> Any:
    """How many elements a reduction of ``x`` joins: an int, or an array under a mask."""
    shape = shape_of(x)
    if where is not True:
        mask = np.broadcast_to(where, shape) if shape_of(where) != shape else where
        return tally(mask, x, axis)
    sizes = [shape[at] for at in normal_axes(axis, len(shape))]
    known = math.prod([size for size in sizes if type(size) is int])
    for at in normal_axes(axis, len(shape)):
        if isinstance(shape[at], Dim):
            known = apply(registry.SIZE_OF, x, at) * known
    return known


def tally(hit: Any, x: Any, axis: Any, keepdims: bool = True) -> Any:
    """How many of a bool array hold along ``axis``, as a number that keeps the dtype of ``x``."""
    real = x.dtype.type(0).real.dtype
    dtype = {} if real == np.float64 else {"dtype": real}
    return np.sum(hit, axis=axis, keepdims=keepdims, **dtype)


def masked(value: Any, where: Any) -> Any:
    """``value`` where the reduction looked, 0 elsewhere."""
    return value if where is True else np.where(where, value, 0.0)


def conj(x: Any) -> Any:
    """The conjugate; nothing for what is real anyway."""
    return np.conjugate(x) if np.issubdtype(x.dtype, np.complexfloating) else x


# -- sum, mean ----------------------------------------------------------------------------------
@pullback(np.sum)
def _(ct, x, axis=None, keepdims=False, where=True, initial=0, dtype=None):
    return masked(restore_axes(ct, x, axis, keepdims), where)


@pullback(np.sum, "initial")
def _(ct, x, **kwargs):
    return np.sum(ct)


@pullback(np.mean)
def _(ct, x, axis=None, keepdims=False, where=True, dtype=None):
    if where is not True:
        return masked(restore_axes(ct, x, axis, keepdims) / count_of(x, axis, where), where)
    return restore_axes(ct / count_of(x, axis), x, axis, keepdims)


@pushforward(np.sum)
def _(tangents, x, initial=0, **kwargs):
    return np.sum(tangents[0], **kwargs)


@pushforward(np.mean)
def _(tangents, x, **kwargs):
    return np.mean(tangents[0], **kwargs)


# -- prod ---------------------------------------------------------------------------------------
def product_of_others(x: Any) -> Any:
    """The product of all other elements along the last axis; no division, so zeros are safe."""
    one = np.ones_like(x[..., :1])
    before = np.concatenate([one, np.cumprod(x[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([one, np.cumprod(x[..., :0:-1], axis=-1)], axis=-1)
    return before * after[..., ::-1]


@pullback(np.prod)
def _(ct, x, axis=None, keepdims=False, where=True, initial=1, dtype=None):
    ndim = len(shape_of(x))
    values = x if where is True else np.where(where, x, 1.0)
    axes = normal_axes(axis, ndim) if ndim else ()
    others = _along_last(values, axes) if axes else 1.0
    others = others if type(initial) is int and initial == 1 else others * initial
    return masked(restore_axes(ct, x, axis, keepdims) * others, where)


def _along_last(x: Any, axes: tuple[int, ...]) -> Any:
    """``product_of_others`` over several axes: they are moved to the end and joined."""
    ndim, count = len(shape_of(x)), len(axes)
    if axes == (ndim - 1,):
        return product_of_others(x)
    last = tuple(range(ndim - count, ndim))
    moved = x if axes == last else np.moveaxis(x, axes, last)
    flat = np.reshape(moved, (*shape_of(moved)[: ndim - count], -1)) if count > 1 else moved
    others = reshape_like(product_of_others(flat), moved)
    return others if axes == last else np.moveaxis(others, last, axes)


@pullback(np.prod, "initial")
def _(ct, x, initial=1, **kwargs):
    return np.sum(ct * np.prod(x, **kwargs))


# -- max, min, ptp ------------------------------------------------------------------------------
def shared(ct: Any, x: Any, out: Any, axis: Any, keepdims: bool, where: Any, may_miss: bool) -> Any:
    """``ct`` divided evenly among the elements of ``x`` that equal the extreme value ``out``."""
    hit = x == restore_axes(out, x, axis, keepdims)
    hit = hit if where is True else np.logical_and(hit, where)
    ct = restore_axes(ct, x, axis, keepdims)
    ties = tally(hit, x, axis, keepdims=shape_of(ct) != ())
    ties = np.maximum(ties, 1.0) if may_miss else ties
    return ct / ties * hit


def _extreme(ct, x, axis=None, keepdims=False, where=True, initial=None, out=None):
    return shared(ct, x, out, axis, keepdims, where, initial is not None)


def extreme_initial(ct, x, initial=None, out=None, **kwargs):
    return np.sum(np.where(out == initial, ct, 0.0))


for _function in (np.max, np.min):
    pullback(_function)(_extreme)
    pullback(_function, "initial")(extreme_initial)


@pullback(np.ptp)
def _(ct, x, axis=None, keepdims=False):
    high, low = np.max(x, axis=axis, keepdims=True), np.min(x, axis=axis, keepdims=True)
    ct = restore_axes(ct, x, axis, keepdims)
    top, bottom = x == high, x == low
    return ct * (top / tally(top, x, axis) - bottom / tally(bottom, x, axis))


# -- variance -----------------------------------------------------------------------------------
def never_zero(out: Any) -> Any:
    """``out`` with inf for 0: a quotient by it is then the subgradient 0."""
    return np.where(out == 0.0, np.inf, out)


def _deviation(x: Any, axis: Any, where: Any, mean: Any) -> Any:
    """``x`` less its mean, conjugated: the slope of half the squared deviation."""
    if mean is None:
        chosen = {} if where is True else {"where": where}
        mean = np.mean(x, axis=axis, keepdims=True, **chosen)
    return conj(x - mean)


def _freedom(x: Any, axis: Any, where: Any, ddof: Any, correction: Any) -> Any:
    spare = correction if type(ddof) is int and ddof == 0 else ddof
    count = count_of(x, axis, where)
    return count if type(spare) is int and spare == 0 else count - spare


@pullback(np.var, (0, "mean"))
def _(ct, x, axis=None, ddof=0, keepdims=False, where=True, correction=0, dtype=None, mean=None):
    scale = 2.0 * restore_axes(ct, x, axis, keepdims) / _freedom(x, axis, where, ddof, correction)
    return by_mean(masked(scale * _deviation(x, axis, where, mean), where), mean, axis)


@pullback(np.std, (0, "mean"))
def _(
    ct,
    x,
    axis=None,
    ddof=0,
    keepdims=False,
    where=True,
    correction=0,
    dtype=None,
    mean=None,
    out=None,
):
    # Where nothing varies the slope is 0 (a subgradient): dividing by inf gives it.
    spread = restore_axes(never_zero(out), x, axis, keepdims)
    ct = restore_axes(ct, x, axis, keepdims)
    scale = ct / (spread * _freedom(x, axis, where, ddof, correction))
    return by_mean(masked(scale * _deviation(x, axis, where, mean), where), mean, axis)


def by_mean(grad: Any, mean: Any, axis: Any) -> tuple[Any, Any]:
    """The cotangents of the values and of the mean, if it was given, that they are measured from.

    A mean that is the values' own has none: its slope sums to 0.
    """
    if mean is None:
        return grad, None
    return grad, sum_to(-grad, mean)
