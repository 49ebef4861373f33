"""Derivatives of the methods of ufuncs: outer, reduce, accumulate and reduceat of every one.

>>> composed(np.multiply.outer): np.multiply(a[:, np.newaxis], b)
>>> composed(np.divide.reduce): x[0] / np.prod(x[1:], axis=0)
>>> composed(np.power.accumulate): one power after the other

``np.add.reduce`` is ``np.sum``, ``np.multiply.accumulate`` is ``np.cumprod``, and so on: those
have their rules in the chapters of reductions and of running sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.rules.declare import composed, pullback, zero_gradient
from tracer.rules.helpers import normal_axes, place_along, restore_axes, shape_of
from tracer.rules.reductions.cumulative import doubled, static_size
from tracer.rules.reductions.reduction import masked, shared

SLOPED = (
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.power,
    np.float_power,
    np.maximum,
    np.minimum,
    np.fmax,
    np.fmin,
    np.hypot,
    np.arctan2,
    np.logaddexp,
    np.logaddexp2,
    np.copysign,
    np.fmod,
    np.remainder,
)
FLAT = (
    np.floor_divide,
    np.heaviside,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.equal,
    np.not_equal,
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.left_shift,
    np.right_shift,
    np.gcd,
    np.lcm,
)
# Those with another name (np.sum, np.cumsum, np.all …) or a rule of their own elsewhere.
REDUCED = (np.add, np.multiply, np.maximum, np.minimum, np.logical_and, np.logical_or)
RUNNING = (np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin)

for _ufunc in FLAT:
    _methods = [_ufunc.outer, _ufunc.accumulate, _ufunc.reduceat]
    if _ufunc not in REDUCED:
        _methods.append(_ufunc.reduce)
    zero_gradient(*_methods, because="piecewise constant")


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None else x.astype(dtype)


# -- outer --------------------------------------------------------------------------------------
def _outer(ufunc: np.ufunc) -> Callable[..., Any]:
    def definition(a, b, dtype=None, casting=None, order=None, subok=True):
        below = len(shape_of(b))
        wide = np.expand_dims(a, tuple(range(-below, 0))) if below and shape_of(a) else a
        return ufunc(wide, b)

    return definition


for _ufunc in SLOPED:
    composed(_ufunc.outer)(_outer(_ufunc))


# -- reduce -------------------------------------------------------------------------------------
def joined(x: Any, axes: tuple[int, ...]) -> tuple[Any, int]:
    """``x`` with the reduced axes joined to one, and that axis."""
    ndim = len(shape_of(x))
    if len(axes) == 1:
        return x, axes[0]
    free = [at for at in range(ndim) if at not in axes]
    moved = np.transpose(x, (*free, *axes))
    return np.reshape(moved, (*[shape_of(x)[at] for at in free], -1)), len(free)


def in_turn(ufunc: np.ufunc, x: Any, where: Any, axis: int) -> Any:
    """One element after the other, as the reduction itself goes."""
    total = x[place_along(axis, 0)]
    for k in range(1, static_size(x, axis)):
        after = ufunc(total, x[place_along(axis, k)])
        total = after if where is True else np.where(where[place_along(axis, k)], after, total)
    return total


def _reduced_by_inverse(ufunc: np.ufunc, x: Any, axis: int) -> Any:
    rest = x[place_along(axis, slice(1, None))]
    if ufunc is np.subtract:
        return x[place_along(axis, 0)] - np.sum(rest, axis=axis)
    return x[place_along(axis, 0)] / np.prod(rest, axis=axis)


def _reduce(ufunc: np.ufunc) -> Callable[..., Any]:
    def definition(array, axis=0, dtype=None, keepdims=False, initial=None, where=True):
        array, ndim = _cast(array, dtype), len(shape_of(array))
        axes = normal_axes(axis, ndim)
        if not axes:
            return array if initial is None else ufunc(initial, array)
        flat, at = joined(array, axes)
        mask = where if where is True else joined(np.broadcast_to(where, shape_of(array)), axes)[0]
        if initial is not None:
            first = (*shape_of(flat)[:at], 1, *shape_of(flat)[at + 1 :])
            flat = np.concatenate([np.broadcast_to(initial, first), flat], axis=at)
            if mask is not True:
                mask = np.concatenate([np.ones(first, bool), mask], axis=at)
        if mask is True and ufunc in (np.subtract, np.divide):
            total = _reduced_by_inverse(ufunc, flat, at)
        else:
            total = in_turn(ufunc, flat, mask, at)
        return np.expand_dims(total, axes) if keepdims else total

    return definition


def not_zero(x: Any) -> Any:
    """``x`` with 1 for 0: what is divided by it is 0 there anyway."""
    return np.where(x == 0.0, 1.0, x)


def _symmetric(ufunc: np.ufunc, slope: Callable[[Any, Any], Any]) -> None:
    """Rules of a reduction where each element's slope follows from it and the result."""

    def of_array(ct, array, axis=0, dtype=None, keepdims=False, initial=None, where=True, out=None):
        ct, out = (restore_axes(value, array, axis, keepdims) for value in (ct, out))
        return masked(ct * slope(array, out), where)

    def of_initial(ct, array, initial=None, out=None, **kwargs):
        return np.sum(ct * slope(initial, out))

    pullback(ufunc.reduce)(of_array)
    pullback(ufunc.reduce, "initial")(of_initial)


def _extreme(ct, array, axis=0, dtype=None, keepdims=False, initial=None, where=True, out=None):
    return shared(ct, array, out, axis, keepdims, where, True)


def _extreme_initial(ct, array, initial=None, out=None, **kwargs):
    return np.sum(np.where(out == initial, ct, 0.0))


_symmetric(np.hypot, lambda x, out: x / not_zero(out))
_symmetric(np.logaddexp, lambda x, out: np.exp(x - out))
_symmetric(np.logaddexp2, lambda x, out: np.exp2(x - out))
for _ufunc in (np.fmax, np.fmin):
    pullback(_ufunc.reduce)(_extreme)
    pullback(_ufunc.reduce, "initial")(_extreme_initial)
OWN_REDUCE = (*REDUCED, np.fmax, np.fmin, np.hypot, np.logaddexp, np.logaddexp2)
for _ufunc in SLOPED:
    if _ufunc not in OWN_REDUCE:
        composed(_ufunc.reduce)(_reduce(_ufunc))


# -- accumulate ---------------------------------------------------------------------------------
def _running(ufunc: np.ufunc, x: Any, axis: int) -> Any:
    """Every partial result, one made from the last."""
    parts = [x[place_along(axis, 0)]]
    for k in range(1, static_size(x, axis)):
        parts.append(ufunc(parts[-1], x[place_along(axis, k)]))
    return np.stack(parts, axis=axis)


def _running_difference(ufunc: np.ufunc, x: Any, axis: int) -> Any:
    return 2.0 * x[place_along(axis, slice(0, 1))] - np.cumsum(x, axis=axis)


def _running_quotient(ufunc: np.ufunc, x: Any, axis: int) -> Any:
    first = x[place_along(axis, slice(0, 1))]
    rest = x[place_along(axis, slice(1, None))]
    return np.concatenate([first, first / np.cumprod(rest, axis=axis)], axis=axis)


ACCUMULATED: dict[np.ufunc, Callable[[np.ufunc, Any, int], Any]] = {
    np.subtract: _running_difference,
    np.divide: _running_quotient,
    np.hypot: doubled,
    np.logaddexp: doubled,
    np.logaddexp2: doubled,
}


def _accumulate(ufunc: np.ufunc) -> Callable[..., Any]:
    how = ACCUMULATED.get(ufunc, _running)

    def definition(array, axis=0, dtype=None):
        array = _cast(array, dtype)
        axis = int(axis) % len(shape_of(array))
        return how(ufunc, array, axis) if shape_of(array)[axis] else array

    return definition


for _ufunc in SLOPED:
    if _ufunc not in RUNNING:
        composed(_ufunc.accumulate)(_accumulate(_ufunc))


# -- reduceat -----------------------------------------------------------------------------------
def bounds(indices: Any, size: int) -> tuple[Any, Any]:
    """Start and end of each segment; one that would end before it starts has one element."""
    after = np.concatenate([indices[1:], np.full(1, size)])
    return indices, np.where(after > indices, after, indices + 1)


def _segments(indices: Any, size: int) -> tuple[Any, Any]:
    """Which element lies in which segment, and which is the first of it: two masks."""
    start, end = bounds(indices, size)
    places = np.arange(size)
    start, end = np.expand_dims(start, -1), np.expand_dims(end, -1)
    return np.logical_and(places >= start, places < end), places == start


def _sum_at(x: Any, indices: Any) -> Any:
    """Sums of segments of the last axis, as differences of one running sum."""
    start, end = bounds(indices, shape_of(x)[-1])
    total = np.cumsum(x, axis=-1)
    total = np.concatenate([np.zeros_like(x[..., :1]), total], axis=-1)
    return total[..., end] - total[..., start]


def _segment_fold(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    """Elements of other segments are passed over."""

    def fold(x: Any, indices: Any) -> Any:
        inside, first = _segments(indices, shape_of(x)[-1])
        total = x[..., indices]
        for k in range(static_size(x, -1)):
            goes_on = np.logical_and(inside[:, k], np.logical_not(first[:, k]))
            total = np.where(goes_on, ufunc(total, x[..., k : k + 1]), total)
        return total

    return fold


def _segment_reduce(reduce: Callable[..., Any], neutral: float) -> Callable[[Any, Any], Any]:
    """All segments side by side; ``neutral`` stands for elements of others."""

    def fold(x: Any, indices: Any) -> Any:
        inside, _ = _segments(indices, shape_of(x)[-1])
        return reduce(np.where(inside, np.expand_dims(x, -2), neutral), axis=-1)

    return fold


def _quotient_at(x: Any, indices: Any) -> Any:
    inside, first = _segments(indices, shape_of(x)[-1])
    rest = np.logical_and(inside, np.logical_not(first))
    return x[..., indices] / np.prod(np.where(rest, np.expand_dims(x, -2), 1.0), axis=-1)


SEGMENTS: dict[np.ufunc, Callable[[Any, Any], Any]] = {
    np.add: _sum_at,
    np.subtract: lambda x, indices: 2.0 * x[..., indices] - _sum_at(x, indices),
    np.multiply: _segment_reduce(np.prod, 1.0),
    np.divide: _quotient_at,
    np.maximum: _segment_reduce(np.max, -np.inf),
    np.minimum: _segment_reduce(np.min, np.inf),
    np.hypot: _segment_reduce(np.hypot.reduce, 0.0),
    np.logaddexp: _segment_reduce(np.logaddexp.reduce, -np.inf),
    np.logaddexp2: _segment_reduce(np.logaddexp2.reduce, -np.inf),
}


def _reduceat(ufunc: np.ufunc) -> Callable[..., Any]:
    fold = SEGMENTS.get(ufunc) or _segment_fold(ufunc)

    def definition(array, indices, axis=0, dtype=None):
        array = _cast(array, dtype)
        ndim = len(shape_of(array))
        at = int(axis) % ndim
        indices = np.asarray(indices) if isinstance(indices, (list, tuple)) else indices
        if at == ndim - 1:
            return fold(array, indices)
        return np.moveaxis(fold(np.moveaxis(array, at, -1), indices), -1, at)

    return definition


for _ufunc in SLOPED:
    composed(_ufunc.reduceat)(_reduceat(_ufunc))
