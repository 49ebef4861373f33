"""Reductions and running totals: an example's axis is one further behind in the batch.

>>> vmap(np.sum)(x)                # np.sum(x, axis=1) for a batch of vectors
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.transforms.batch.batched import (
    Batch,
    Batched,
    Unbatchable,
    axes_of,
    axis_of,
    batching,
    batching_schema,
    fixed,
    short,
    static,
)


def _restored(batch: Batch, result: Any, keepdims: bool) -> Any:
    """The result with the axes of length 1 that an example keeps."""
    return np.reshape(result, (batch.size, *batch.shape)) if keepdims and batch.ndim else result


@batching_schema("reduction")
def reduction(batch: Batch, x: Any, axis: Any = None, keepdims: bool = False, **kwargs: Any) -> Any:
    """One operand, some axes; a mask and a mean broadcast with it, other arguments are fixed."""
    ndim = (
        x.ndim if type(x) is Batched else len(np.shape(x) if not hasattr(x, "shape") else x.shape)
    )
    for name in ("where", "mean"):
        if name in kwargs:
            kwargs[name] = batch.lift(kwargs[name], ndim)
    fixed({name: value for name, value in kwargs.items() if name not in ("where", "mean")})
    x = batch.mapped(x)
    if not ndim:  # a number: reduce over an axis of length 1
        if {"where", "mean"} & kwargs.keys():
            raise Unbatchable("a masked number")
        return batch.same(np.expand_dims(x.symbol, 1), axis=1, **kwargs)
    if isinstance(axis, (tuple, list)) and not len(axis):
        axes: Any = ()
    else:
        axes = short(axes_of(axis, ndim))
    kwargs |= {"keepdims": True} if keepdims else {}
    return batch.same(x.symbol, axis=axes, **kwargs)


@batching("argmax argmin nanargmax nanargmin")
def _(batch: Batch, x: Batched, axis: Any = None, keepdims: bool = False) -> Any:
    """Without an axis, the place in the flattened array."""
    if axis is None:
        return _restored(batch, batch.same(batch.flat(x).symbol, axis=1), keepdims)
    return batch.same(x.symbol, axis=axis_of(axis, x.ndim), **_keepdims_if(keepdims))


def _keepdims_if(keepdims: bool) -> dict[str, Any]:
    return {"keepdims": True} if keepdims else {}


def _running(default: int | None) -> Any:
    """A rule for functions along one axis; None flattens."""

    def rule(batch: Batch, x: Any, axis: Any = default, **kwargs: Any) -> Any:
        fixed(kwargs)
        x = batch.mapped(x)
        if axis is None or not x.ndim:
            return batch.same(batch.flat(x).symbol, axis=1, **kwargs)
        return batch.same(x.symbol, axis=axis_of(axis, x.ndim), **kwargs)

    return rule


batching("cumsum cumprod nancumsum nancumprod")(_running(None))
batching("sort argsort unwrap flip fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft")(
    _running(-1)
)


@batching("flip")
def _(batch: Batch, x: Batched, axis: Any = None) -> Any:
    return batch.same(x.symbol, axis=short(axes_of(axis, x.ndim)))


@batching("fft.fftn fft.ifftn fft.rfftn fft.irfftn fft.fft2 fft.ifft2 fft.rfft2 fft.irfft2")
def _(batch: Batch, x: Batched, s: Any = None, axes: Any = None, **kwargs: Any) -> Any:
    fixed(s, kwargs)
    if axes is None:
        count = 2 if batch.node.op.name.endswith("2") else x.ndim if s is None else len(s)
        axes = tuple(range(x.ndim - count, x.ndim))
    if s is not None:
        kwargs["s"] = s
    return batch.same(x.symbol, axes=axes_of(axes, x.ndim), **kwargs)


@batching("fft.fftshift fft.ifftshift")
def _(batch: Batch, x: Batched, axes: Any = None) -> Any:
    return batch.same(x.symbol, axes=axes_of(axes, x.ndim))


@batching("cumulative_sum cumulative_prod")
def _(batch: Batch, x: Batched, *, axis: Any = None, **kwargs: Any) -> Any:
    fixed(kwargs)
    return batch.same(x.symbol, axis=axis_of(0 if axis is None else axis, x.ndim), **kwargs)


@batching("partition argpartition")
def _(batch: Batch, x: Batched, kth: Any, axis: Any = -1, **kwargs: Any) -> Any:
    fixed(kth, kwargs)
    if axis is None:
        return batch.same(batch.flat(x).symbol, kth, axis=1, **kwargs)
    return batch.same(x.symbol, kth, axis=axis_of(axis, x.ndim), **kwargs)


@batching("diff")
def _(batch: Batch, x: Batched, n: int = 1, axis: int = -1) -> Any:
    fixed(n)
    return batch.same(x.symbol, n=n, axis=axis_of(axis, x.ndim))


@batching("percentile quantile nanpercentile nanquantile")
def _(batch: Batch, x: Batched, q: Any, axis: Any = None, keepdims: bool = False, **kw: Any) -> Any:
    fixed(q, kw)
    levels = len(q.shape) if hasattr(q, "shape") else np.ndim(q)
    axes = short(axes_of(axis, x.ndim)) if x.ndim else 1
    symbol = x.symbol if x.ndim else np.expand_dims(x.symbol, 1)
    result = batch.same(symbol, q, axis=axes, **_keepdims_if(keepdims), **kw)
    return np.moveaxis(result, levels, 0) if levels else result


@batching("average")
def _(batch: Batch, x: Any, axis: Any = None, weights: Any = None, **kwargs: Any) -> Any:
    fixed(kwargs)
    x = batch.mapped(x)
    axes = short(axes_of(axis, x.ndim))
    if weights is None:
        return batch.same(x.symbol, axis=axes, **kwargs)
    own = weights.shape if hasattr(weights, "shape") else np.shape(weights)
    if len(own) != x.ndim:
        if isinstance(axes, tuple) or type(weights) is Batched:
            raise Unbatchable("weights along an axis")
        return batch.same(x.symbol, axis=axes, weights=weights, **kwargs)
    return batch.same(x.symbol, axis=axes, weights=batch.full(weights), **kwargs)


@batching("trapezoid")
def _(batch: Batch, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    fixed(dx)
    y = batch.mapped(y)
    if x is None:
        return batch.same(y.symbol, dx=dx, axis=axis_of(axis, y.ndim))
    ndim = x.ndim if hasattr(x, "ndim") else np.ndim(x)
    if type(x) is Batched and ndim != y.ndim:
        raise Unbatchable("abscissae of fewer axes")
    given = batch.full(x) if ndim == y.ndim else x
    return batch.same(y.symbol, x=given, axis=axis_of(axis, y.ndim))


@batching("gradient")
def _(batch: Batch, f: Batched, *spacing: Any, axis: Any = None, **kwargs: Any) -> Any:
    fixed(*spacing, kwargs)
    return batch.same(f.symbol, *spacing, axis=short(axes_of(axis, f.ndim)), **kwargs)


@batching("linalg.norm linalg.vector_norm")
def _(batch: Batch, x: Batched, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    fixed(ord)
    given = {} if ord is None else {"ord": ord}
    if axis is None and (ord is None or batch.node.op.name == "linalg.vector_norm"):
        symbol = batch.flat(x).symbol if x.ndim else np.expand_dims(x.symbol, 1)
        return _restored(batch, batch.same(symbol, axis=1, **given), keepdims)
    axes = short(axes_of(axis, x.ndim))
    return batch.same(x.symbol, axis=axes, **given, **_keepdims_if(keepdims))


@batching("trace diagonal")
def _(batch: Batch, x: Batched, offset: int = 0, axis1: int = 0, axis2: int = 1, **kw: Any) -> Any:
    fixed(offset, kw)
    kw |= {"offset": offset} if offset else {}
    return batch.same(x.symbol, axis1=axis_of(axis1, x.ndim), axis2=axis_of(axis2, x.ndim), **kw)


@batching("diag")
def _(batch: Batch, x: Batched, k: int = 0) -> Any:
    """A diagonal taken from a matrix, or a matrix made of one."""
    fixed(k)
    if x.ndim == 2:
        return np.diagonal(x.symbol, k, 1, 2)
    length = static(x.shape[0])
    rows = np.arange(length) + max(-k, 0)
    columns = np.arange(length) + max(k, 0)
    room = np.zeros_like(batch.full(x), shape=(batch.size, *batch.shape))
    from tracer.ops import registry

    return batch.emit(registry.SETITEM, room, x.symbol, (slice(None), rows, columns))
