"""Derivatives of lookups and writes: a lookup's cotangent is zero but for where it looked.

>>> pullback(GETITEM): ct -> Sparse(index, ct, like=x)
>>> pullback(SETITEM): old -> ct without what was overwritten, value -> ct[index]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import apply
from tracer.rules.declare import Sparse, composed, linear, multilinear, pullback
from tracer.rules.helpers import reshape_like, shape_of, sum_to, zeros_like
from tracer.rules.joining import is_array, spread


def takes_all(index: Any) -> bool:
    """Whether an index takes every element where it is, as ``x[:, None]`` does."""
    parts = index if type(index) is tuple else (index,)
    return all(
        [
            part is None
            or part is Ellipsis
            or (type(part) is slice and part.start is part.stop is part.step is None)
            for part in parts
        ]
    )


def _lookup(ct, x, index):
    if not takes_all(index):
        return Sparse(index, ct, x)
    return reshape_like(ct, x) if ct.shape else ct  # one number stands for all places


linear(registry.GETITEM, _lookup)


@pullback(registry.SETITEM)
def _(ct, x, value, index):
    return apply(registry.SETITEM, ct, 0.0, index)


@pullback(registry.SETITEM, 1)
def _(ct, x, value, index):
    return fitted(ct[index], value)


def fitted(ct: Any, value: Any) -> Any:
    """``ct`` summed to the shape of ``value``; a write also drops leading axes of length 1."""
    extra = len(shape_of(value)) - len(shape_of(ct))
    if extra > 0:
        ct = np.reshape(ct, (1,) * extra + tuple(shape_of(ct)))
    return sum_to(ct, value)


multilinear(
    registry.SCATTER_ADD,
    lambda ct, x, value, index: ct,
    lambda ct, x, value, index: fitted(ct[index], value),
)


# -- take and its relatives ---------------------------------------------------------------------
def _along(index: Any, axis: int, ndim: int) -> Any:
    """The index that takes ``index`` from one axis and everything from the others."""
    axis = axis % ndim
    return (*(slice(None),) * axis, index) if axis else index


def _take(ct, x, indices, axis=None, mode="raise"):
    shape = shape_of(x)
    if mode != "raise":
        size = int(np.prod(shape)) if axis is None else shape[axis]
        indices = np.mod(indices, size) if mode == "wrap" else np.clip(indices, 0, size - 1)
    if isinstance(indices, (list, tuple)):
        indices = np.asarray(indices)
    if axis is None and len(shape) != 1:
        flat = apply(registry.SCATTER_ADD, zeros_like(np.ravel(x)), ct, indices)
        return reshape_like(flat, x)
    return Sparse(_along(indices, axis or 0, len(shape)), ct, x)


def along_axis_index(indices: Any, axis: int, shape: tuple) -> tuple:
    """The index arrays that ``np.take_along_axis`` uses."""
    ndim = len(shape)
    axis = axis % ndim
    index: list[Any] = []
    for at in range(ndim):
        if at == axis:
            index.append(indices)
        else:
            one = (1,) * at + (-1,) + (1,) * (ndim - at - 1)
            index.append(np.reshape(np.arange(shape[at]), one))
    return tuple(index)


def _take_along_axis(ct, x, indices, axis=-1):
    if axis is None:
        flat = apply(registry.SCATTER_ADD, zeros_like(np.ravel(x)), ct, indices)
        return reshape_like(flat, x)
    return Sparse(along_axis_index(indices, axis, shape_of(x)), ct, x)


def _compress(ct, condition, a, axis=None):
    condition = np.asarray(condition) if isinstance(condition, (list, tuple)) else condition
    places = np.flatnonzero(condition)
    if axis is None:
        flat = apply(registry.SCATTER_ADD, zeros_like(np.ravel(a)), ct, places)
        return reshape_like(flat, a)
    return Sparse(_along(places, axis, len(shape_of(a))), ct, a)


def _extract(ct, condition, arr):
    mask = np.ravel(np.asarray(condition) if isinstance(condition, (list, tuple)) else condition)
    mask = mask if mask.dtype == np.bool_ else mask != 0
    whole = np.ravel(arr)
    if shape_of(mask) != shape_of(whole):  # a shorter one is no mask of all elements
        return _compress(ct, mask, arr)
    return reshape_like(apply(registry.SETITEM, zeros_like(whole), ct, mask), arr)


linear(np.take, _take)
linear(np.take_along_axis, _take_along_axis)
linear(np.compress, _compress, operand=1)
linear(np.extract, _extract, operand=1)


# -- choices ------------------------------------------------------------------------------------
@pullback(np.choose, 1)
def _(ct, a, choices, mode="raise"):
    count = len(choices) if isinstance(choices, (list, tuple)) else shape_of(choices)[0]
    a = a if is_array(a) else np.atleast_1d(a)  # a list, or a number
    if mode != "raise":
        a = np.mod(a, count) if mode == "wrap" else np.clip(a, 0, count - 1)
    parts = [np.where(a == k, ct, 0.0) for k in range(count)]
    if not isinstance(choices, (list, tuple)):
        return np.stack([sum_to(part, choices[k]) for k, part in enumerate(parts)])
    return [sum_to(p, c) if is_array(c) else spread(p, c) for p, c in zip(parts, choices)]


def truths(conditions: Any) -> list[Any]:
    """The conditions, each as an array."""
    return [c if is_array(c) else np.asarray(c) for c in conditions]


@pullback(np.select, 1)
def _(ct, condlist, choicelist, default=0):
    taken: Any = None
    found = []
    for condition, choice in zip(truths(condlist), choicelist):
        mine = condition if taken is None else condition & ~taken
        taken = condition if taken is None else taken | condition
        chosen = np.where(mine, ct, 0.0)
        found.append(sum_to(chosen, choice) if is_array(choice) else spread(chosen, choice))
    return found


@pullback(np.select, "default")
def _(ct, condlist, choicelist, default=0):
    first, *others = truths(condlist)
    taken = first
    for condition in others:
        taken = taken | condition
    return sum_to(np.where(taken, 0.0, ct), default)


# -- sorting ------------------------------------------------------------------------------------
def _unsort(ct: Any, x: Any, order: Any, axis: int | None) -> Any:
    if axis is None:
        flat = apply(registry.SCATTER_ADD, zeros_like(np.ravel(x)), ct, order)
        return reshape_like(flat, x)
    if len(shape_of(x)) == 1:
        return Sparse(order, ct, x)
    return np.take_along_axis(ct, np.argsort(order, axis=axis), axis=axis)


@pullback(np.sort)
def _(ct, x, axis=-1, kind=None, stable=None):
    return _unsort(ct, x, np.argsort(x, axis=axis, kind=kind, stable=stable), axis)


@composed(np.sort_complex)
def _(a, out=None):
    return np.sort(a).astype(out.dtype)


@pullback(np.partition)
def _(ct, x, kth, axis=-1, kind="introselect", out=None):
    # argpartition need not leave the rest in the order of partition: equal ranks tell the places.
    ranked, found = np.argsort(x, axis=axis), np.argsort(out, axis=0 if axis is None else axis)
    if axis is None or len(shape_of(x)) == 1:
        return _unsort(ct, x, ranked[np.argsort(found)], axis)
    return _unsort(ct, x, np.take_along_axis(ranked, np.argsort(found, axis), axis), axis)
