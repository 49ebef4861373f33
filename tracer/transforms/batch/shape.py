"""Ops that rearrange one array: the batch stays in front.

>>> vmap(np.transpose)(x)          # np.transpose(x, (0, 2, 1)) for a batch of matrices
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.shape import pad_widths
from tracer.transforms.batch.batched import (
    Batch,
    Batched,
    Unbatchable,
    axes_of,
    axis_of,
    batching,
    fixed,
    short,
    static,
)


def in_shape(batch: Batch, symbol: Any) -> Any:
    """The batch with each example in the shape of the node's result."""
    return np.reshape(symbol, (batch.size, *[static(size) for size in batch.shape]))


@batching("reshape")
def _(batch: Batch, x: Batched, shape: Any, *, order: str = "C", **kwargs: Any) -> Any:
    return flat_order(batch, x, order)


@batching("ravel flatten")
def flat_order(batch: Batch, x: Batched, order: str = "C") -> Any:
    if order != "C":
        raise Unbatchable("another order of elements")
    return x.symbol if x.shape == batch.shape else in_shape(batch, x.symbol)


@batching("squeeze")
def _(batch: Batch, x: Batched, axis: Any = None) -> Any:
    if all(type(size) is int for size in batch.shape):
        return in_shape(batch, x.symbol)
    ones = [k for k, size in enumerate(x.shape) if type(size) is int and size == 1]
    return np.squeeze(x.symbol, short(axes_of(ones if axis is None else axis, x.ndim)))


@batching("atleast_1d atleast_2d atleast_3d")
def _(batch: Batch, *arrays: Any) -> Any:
    specs = batch.node.specs
    made = [
        np.reshape(batch.full(x), (batch.size, *[static(size) for size in spec.shape]))
        for x, spec in zip(arrays, specs, strict=True)
    ]
    return made[0] if len(made) == 1 else tuple(made)


@batching("expand_dims")
def _(batch: Batch, x: Batched, axis: Any) -> Any:
    return np.expand_dims(x.symbol, short(axes_of(axis, batch.ndim)))


@batching("transpose")
def _(batch: Batch, x: Batched, axes: Any = None) -> Any:
    order = reversed(range(x.ndim)) if axes is None else axes
    return np.transpose(x.symbol, (0, *[axis_of(a, x.ndim) for a in order]))


@batching("matrix_transpose")
def _(batch: Batch, x: Batched) -> Any:
    return batch.same(x.symbol)


@batching("swapaxes")
def _(batch: Batch, x: Batched, axis1: int, axis2: int) -> Any:
    return np.swapaxes(x.symbol, axis_of(axis1, x.ndim), axis_of(axis2, x.ndim))


@batching("rollaxis")
def _(batch: Batch, x: Batched, axis: int, start: int = 0) -> Any:
    start = start + x.ndim if start < 0 else start
    return np.rollaxis(x.symbol, axis_of(axis, x.ndim), start + 1)


@batching("moveaxis")
def _(batch: Batch, x: Batched, source: Any, destination: Any) -> Any:
    return np.moveaxis(x.symbol, axes_of(source, x.ndim), axes_of(destination, x.ndim))


@batching("broadcast_to")
def _(batch: Batch, x: Batched, shape: Any, **kwargs: Any) -> Any:
    return batch.full(x, batch.shape)


@batching("copy ascontiguousarray asarray asfortranarray asanyarray")
def _(batch: Batch, x: Batched, **kwargs: Any) -> Any:
    return batch.same(x.symbol, **kwargs)


@batching("flipud fliplr")
def _(batch: Batch, x: Batched) -> Any:
    return np.flip(x.symbol, 1 if batch.node.op.name == "flipud" else 2)


@batching("rot90")
def _(batch: Batch, x: Batched, k: int = 1, axes: Any = (0, 1)) -> Any:
    fixed(k)
    return np.rot90(x.symbol, k, axes_of(axes, x.ndim))


@batching("roll")
def _(batch: Batch, x: Batched, shift: Any, axis: Any = None) -> Any:
    fixed(shift)
    if axis is None:
        return in_shape(batch, np.roll(batch.flat(x).symbol, shift, 1))
    return np.roll(x.symbol, shift, short(axes_of(axis, x.ndim)))


@batching("repeat")
def _(batch: Batch, x: Batched, repeats: Any, axis: Any = None) -> Any:
    fixed(repeats)
    if axis is None:
        return np.repeat(batch.flat(x).symbol, repeats, 1)
    return np.repeat(x.symbol, repeats, axis_of(axis, x.ndim))


@batching("tile")
def _(batch: Batch, x: Batched, reps: Any) -> Any:
    fixed(reps)
    reps = (reps,) if isinstance(reps, int) else tuple(reps)
    reps = (1,) * (x.ndim - len(reps)) + reps
    return np.tile(batch.lift(x, len(reps)), (1, *reps))


@batching("tril triu")
def _(batch: Batch, x: Batched, *k: Any, **named: Any) -> Any:
    fixed(k, named)
    if x.ndim < 2:
        raise Unbatchable("a triangle of repeated rows")
    return batch.same(x.symbol, *k, **named)


@batching("pad")
def _(batch: Batch, x: Batched, width: Any, **kwargs: Any) -> Any:
    fixed(width, kwargs)
    if callable(kwargs.get("mode")):
        raise Unbatchable("a padding function")
    for value in kwargs.values():
        if not isinstance(value, (str, int, float, complex, np.generic)):
            raise Unbatchable("padding given for each axis")
    widths = pad_widths(width, x.ndim)
    if widths is None:
        raise Unbatchable("a computed width")
    return batch.same(x.symbol, ((0, 0), *widths), **kwargs)


# -- parts -------------------------------------------------------------------------------------
@batching("split array_split")
def _(batch: Batch, x: Batched, sections: Any, axis: int = 0) -> Any:
    fixed(sections)
    return batch.same(x.symbol, sections, axis=axis_of(axis, x.ndim))


@batching("vsplit hsplit dsplit")
def _(batch: Batch, x: Batched, sections: Any) -> Any:
    fixed(sections)
    axis = {"v": 0, "h": 0 if x.ndim == 1 else 1, "d": 2}[batch.node.op.name[0]]
    return np.split(x.symbol, sections, axis + 1)


@batching("unstack")
def _(batch: Batch, x: Batched, *, axis: int = 0) -> Any:
    return batch.same(x.symbol, axis=axis_of(axis, x.ndim))


# -- new arrays --------------------------------------------------------------------------------
@batching("full")
def _(batch: Batch, shape: Any, fill_value: Any, **kwargs: Any) -> Any:
    fixed(shape, kwargs)
    whole = (batch.size, *batch.shape)
    kwargs.setdefault("dtype", batch.node.specs[0].dtype)
    return batch.same(whole, batch.lift(fill_value, batch.ndim), **kwargs)


@batching("zeros_like ones_like empty_like zeros_of")
def _(batch: Batch, x: Batched, **kwargs: Any) -> Any:
    if kwargs.get("shape") is not None:
        kwargs["shape"] = (batch.size, *batch.shape)
    return batch.same(x.symbol, **kwargs)


@batching("full_like")
def _(batch: Batch, x: Any, fill_value: Any, **kwargs: Any) -> Any:
    fixed(kwargs)
    if kwargs.get("shape") is not None:
        raise Unbatchable("another shape")
    return batch.same(batch.full(x), batch.lift(fill_value, batch.ndim), **kwargs)


@batching("linspace logspace geomspace")
def _(batch: Batch, start: Any, stop: Any, num: Any = 50, **kwargs: Any) -> Any:
    fixed(num, kwargs)
    if kwargs.get("retstep"):
        raise Unbatchable("a step for each example")
    axis = axis_of(kwargs.pop("axis", 0), batch.ndim)
    ndim = batch.ndim - 1
    return batch.same(batch.lift(start, ndim), batch.lift(stop, ndim), num, axis=axis, **kwargs)
