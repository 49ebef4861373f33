"""Lookups and writes, where the array, the index, or both differ from example to example.

>>> vmap(lambda x, i: x[i])(rows, places)        # rows[np.arange(len(rows)), places]
>>> vmap(lambda x: x[1:, None])(rows)            # rows[:, 1:, None]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import Symbol
from tracer.transforms.batch.batched import (
    Batch,
    Batched,
    Unbatchable,
    axis_of,
    batching,
    dtype_of,
    fixed,
    holds,
    ndim_of,
)

FULL = slice(None)


class Index:
    """An index of one example, taken apart.

    Attributes
    ----------
    items : list
        One entry per axis or new axis; the ellipsis spelled out.
    places : list of int
        Which items are index arrays (numbers beside arrays count as such).
    ndim : int
        Axes of the arrays broadcast together.
    apart : bool
        Whether slices stand between them, so that NumPy puts their axes first.
    before : int
        Result axes before the arrays' own.
    """

    def __init__(self, index: Any, ndim: int):
        given = list(index) if isinstance(index, tuple) else [index]
        if holds([i for i in given if isinstance(i, slice)], Batched):
            raise Unbatchable("slices of different lengths")
        masks = [item for item in given if _is_bool(item)]
        if any(ndim_of(mask) == 0 for mask in masks) or (masks and holds(given, Batched)):
            raise Unbatchable("a mask")
        used = sum([_used(item) for item in given])
        rest = [FULL] * (ndim - used)
        at = next((k for k, item in enumerate(given) if item is Ellipsis), None)
        self.items = [*given, *rest] if at is None else [*given[:at], *rest, *given[at + 1 :]]
        arrays = [k for k, item in enumerate(self.items) if _is_array(item)]
        mapped = any(type(item) is Batched for item in self.items)
        self.places = arrays
        if mapped or any(ndim_of(self.items[k]) for k in arrays):
            self.places = [k for k, item in enumerate(self.items) if _is_number(item)]
        self.ndim = max([_array_ndim(self.items[k]) for k in self.places], default=0)
        span = self.places and range(self.places[0], self.places[-1] + 1)
        self.apart = bool(self.places) and len(span) != len(self.places)
        first = self.places[0] if self.places else len(self.items)
        self.before = 0 if self.apart else first

    def mapped(self) -> bool:
        return any(type(item) is Batched for item in self.items)


def _used(item: Any) -> int:
    """How many axes of the array an item takes."""
    if item is None or item is Ellipsis:
        return 0
    return ndim_of(item) if _is_bool(item) else 1


def _array_ndim(item: Any) -> int:
    """Axes of an index array; a mask stands for rows of numbers."""
    return 1 if _is_bool(item) else ndim_of(item)


def _is_bool(item: Any) -> bool:
    if isinstance(item, (slice, type(None), type(Ellipsis), int)) and type(item) is not bool:
        return False
    return bool(dtype_of(item).kind == "b")


def _is_array(item: Any) -> bool:
    return not isinstance(item, (slice, type(None), type(Ellipsis), int, np.integer))


def _is_number(item: Any) -> bool:
    return not isinstance(item, (slice, type(None), type(Ellipsis)))


def _lifted(batch: Batch, index: Index) -> tuple:
    """The items with mapped index arrays aligned behind the batch."""
    return tuple(
        [batch.lift(item, index.ndim) if type(item) is Batched else item for item in index.items]
    )


def _counter(batch: Batch, ndim: int) -> np.ndarray:
    """The number of each example, to be broadcast with index arrays of ``ndim`` axes."""
    return np.arange(batch.size).reshape(batch.size, *[1] * ndim)


@batching("getitem")
def getitem(batch: Batch, x: Any, index: Any) -> Any:
    if ndim_of(x) == 0 and type(x) is Batched and index == ():
        return x.symbol
    known = Index(index, ndim_of(x))
    if not known.mapped():
        found = x.symbol[(FULL, *known.items)]
        if known.apart:  # the batch came after the arrays' axes
            return np.moveaxis(found, known.ndim, 0)
        return found
    items = _lifted(batch, known)
    if type(x) is not Batched:
        # One array for all examples: the batch is the first axis of the index arrays.
        found = x[items]
        return np.moveaxis(found, known.before, 0) if known.before else found
    found = x.symbol[(_counter(batch, known.ndim), *items)]
    return _arrays_back(found, known)


def _arrays_back(found: Any, index: Index) -> Any:
    """The batch and the arrays' axes came first: the latter go where an example has them."""
    if not index.before or not index.ndim:
        return found
    source = tuple(range(1, 1 + index.ndim))
    target = tuple([k + index.before for k in source])
    return np.moveaxis(found, source, target)


@batching("setitem scatter_add")
def _(batch: Batch, x: Any, value: Any, index: Any) -> Any:
    op = batch.node.op
    mask = _full_mask(index)
    if mask is not None and op is registry.SETITEM:
        return _write_mask(batch, x, value, mask)
    base = batch.full(x)
    known = Index(index, ndim_of(x))
    if not known.mapped() and not known.apart:
        place = (FULL, *known.items)
        ndim = len(base[place].shape) - 1  # for its shape alone
        return batch.emit(op, base, _value(batch, value, ndim), place)
    place = (_counter(batch, known.ndim), *_lifted(batch, known))
    ndim = len(base[place].shape) - 1
    written = _value(batch, value, ndim)
    if known.before and known.ndim and ndim_of(value):
        shape = _arrays_back(base[place], known).shape
        written = np.broadcast_to(written, shape)
        target = tuple(range(1, 1 + known.ndim))
        written = np.moveaxis(written, tuple([k + known.before for k in target]), target)
    return batch.emit(op, base, written, place)


def _value(batch: Batch, value: Any, ndim: int) -> Any:
    """What is written, ready to broadcast to the place; leading axes of length 1 are dropped."""
    if type(value) is not Batched or value.ndim <= ndim:
        return batch.lift(value, ndim)
    return np.reshape(value.symbol, (batch.size, *value.shape[value.ndim - ndim :]))


def _full_mask(index: Any) -> Any:
    """The mask, if the index is one that differs between the examples."""
    index = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    return index if type(index) is Batched and index.dtype.kind == "b" else None


def _write_mask(batch: Batch, x: Any, value: Any, mask: Batched) -> Any:
    """``x[mask] = number`` is a choice."""
    if ndim_of(value) or mask.ndim == 0:
        raise Unbatchable("values for the places of a mask")
    base = batch.full(x)
    ndim = ndim_of(x)
    where = mask.symbol
    if mask.ndim < ndim:
        where = np.expand_dims(where, tuple(range(1 + mask.ndim, 1 + ndim)))
    dtype = dtype_of(x)
    if type(value) is Batched:
        written: Any = batch.lift(value, ndim)
        written = batch.emit(registry.ASTYPE, written, dtype)
    elif type(value) is Symbol:
        written = batch.emit(registry.ASTYPE, value, dtype)
    else:
        written = dtype.type(value)
    return np.where(where, written, base)


# -- functions ---------------------------------------------------------------------------------
@batching("take")
def _(batch: Batch, x: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    given = {} if mode == "raise" else {"mode": mode}
    if axis is None:
        x = _flat(batch, x)
        axis = 0
    axis = axis_of(axis, ndim_of(x)) - 1
    if type(indices) is not Batched:
        fixed(indices)
        return batch.same(x.symbol, indices, axis=axis + 1, **given)
    if type(x) is not Batched:
        found = batch.same(x, indices.symbol, axis=axis, **given)
        return np.moveaxis(found, axis, 0) if axis else found
    if given:
        raise Unbatchable("places out of bounds")
    return getitem(batch, x, (*[FULL] * axis, indices))


def _flat(batch: Batch, x: Any) -> Any:
    return batch.flat(x) if type(x) is Batched else np.ravel(x)


@batching("take_along_axis")
def _(batch: Batch, x: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        x, axis = _flat(batch, x), 0
    ndim = ndim_of(x)
    return batch.same(batch.full(x), batch.full(indices), axis=axis_of(axis, ndim))


@batching("compress")
def _(batch: Batch, condition: Any, x: Any, axis: Any = None) -> Any:
    fixed(condition)
    if axis is None:
        return batch.same(condition, _flat(batch, x).symbol, axis=1)
    return batch.same(condition, x.symbol, axis=axis_of(axis, x.ndim))
