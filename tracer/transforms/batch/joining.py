"""Ops that join arrays: mapped and unmapped parts meet behind the batch.

>>> vmap(lambda x, y: np.concatenate([x, y]), in_axes=(0, None))(rows, tail)
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
    fixed,
    holds,
    ndim_of,
    shape_of,
    static,
)


def _parts(batch: Batch, arrays: Any) -> list[Batched]:
    """The arrays of a list, or the rows of one array, each mapped."""
    if type(arrays) is Batched:
        return [batch.as_mapped(arrays.symbol[:, k]) for k in range(static(arrays.shape[0]))]
    return [batch.mapped(part) for part in arrays]


def _at_least(batch: Batch, x: Batched, ndim: int) -> Batched:
    """NumPy's ``atleast_1d``, ``2d`` and ``3d`` of each example."""
    if x.ndim >= ndim:
        return x
    shape = {(0, 1): (1,), (0, 2): (1, 1), (1, 2): (1, *x.shape), (0, 3): (1, 1, 1)}.get(
        (x.ndim, ndim), (1, *x.shape, 1) if x.ndim == 1 else (*x.shape, 1)
    )
    return batch.as_mapped(np.reshape(x.symbol, (batch.size, *shape)))


def _concatenated(parts: list[Batched], axis: int, **kwargs: Any) -> Symbol:
    return np.concatenate([part.symbol for part in parts], axis=axis + 1, **kwargs)


@batching("concatenate")
def _(batch: Batch, arrays: Any, axis: Any = 0, **kwargs: Any) -> Any:
    parts = _parts(batch, arrays)
    if axis is None:
        return _concatenated([batch.flat(part) for part in parts], 0, **kwargs)
    return _concatenated(parts, axis_of(axis, batch.ndim) - 1, **kwargs)


@batching("stack")
def _(batch: Batch, arrays: Any, axis: int = 0, **kwargs: Any) -> Any:
    parts = _parts(batch, arrays)
    return np.stack([part.symbol for part in parts], axis=axis_of(axis, batch.ndim), **kwargs)


@batching("vstack hstack dstack")
def _(batch: Batch, arrays: Any, **kwargs: Any) -> Any:
    name = batch.node.op.name
    least = {"vstack": 2, "hstack": 1, "dstack": 3}[name]
    parts = [_at_least(batch, part, least) for part in _parts(batch, arrays)]
    axis = {"vstack": 0, "hstack": 0 if parts[0].ndim == 1 else 1, "dstack": 2}[name]
    return _concatenated(parts, axis, **kwargs)


@batching("column_stack")
def _(batch: Batch, arrays: Any) -> Any:
    parts = []
    for part in _parts(batch, arrays):
        column = (batch.size, *([1] * (2 - part.ndim) if not part.ndim else [*part.shape, 1]))
        small = part.ndim < 2
        parts.append(batch.as_mapped(np.reshape(part.symbol, column)) if small else part)
    return _concatenated(parts, 1)


@batching("append")
def _(batch: Batch, x: Any, values: Any, axis: Any = None) -> Any:
    parts = [batch.mapped(x), batch.mapped(values)]
    if axis is None:
        return _concatenated([batch.flat(_at_least(batch, part, 1)) for part in parts], 0)
    return _concatenated(parts, axis_of(axis, batch.ndim) - 1)


@batching("block")
def _(batch: Batch, arrays: Any) -> Any:
    return _block(batch, arrays, batch.ndim, _depth(arrays)).symbol


def _depth(tree: Any) -> int:
    return 1 + max(map(_depth, tree), default=0) if isinstance(tree, list) else 0


def _block(batch: Batch, tree: Any, ndim: int, depth: int) -> Batched:
    """Blocks joined along the last axis, rows of them along the one before, and so on."""
    if not isinstance(tree, list):
        part = batch.mapped(tree)
        return batch.as_mapped(batch.lift(part, ndim)) if part.ndim < ndim else part
    parts = [_block(batch, item, ndim, depth - 1) for item in tree]
    return batch.as_mapped(_concatenated(parts, ndim - depth))


@batching("array")
def _(batch: Batch, data: Any, **kwargs: Any) -> Any:
    """Nested lists of numbers and arrays: stacked, then folded into the example's shape."""
    if type(data) is Batched:
        return batch.same(data.symbol, **kwargs)
    if kwargs.keys() - {"dtype", "copy", "ndmin"}:
        raise Unbatchable("an unusual array()")
    leaves: list[Any] = []
    _collect(data, leaves)
    shape = shape_of(leaves[0])
    if any(shape_of(leaf) != shape for leaf in leaves):
        raise Unbatchable("parts of unequal shape")
    dtype = batch.node.specs[0].dtype
    parts = []
    for leaf in leaves:
        symbol = batch.full(leaf)
        parts.append(
            symbol if symbol.dtype == dtype else batch.emit(registry.ASTYPE, symbol, dtype)
        )
    stacked = np.stack(parts, axis=1)
    whole = (batch.size, *batch.shape)
    return stacked if stacked.shape == whole else np.reshape(stacked, whole)


def _collect(tree: Any, leaves: list[Any]) -> None:
    if isinstance(tree, (list, tuple)):
        for item in tree:
            _collect(item, leaves)
    else:
        leaves.append(tree)


@batching("meshgrid")
def _(batch: Batch, *vectors: Any, indexing: str = "xy", **kwargs: Any) -> Any:
    if kwargs.get("sparse"):
        raise Unbatchable("sparse grids")
    made = []
    for k, (vector, spec) in enumerate(zip(vectors, batch.node.specs, strict=True)):
        axis = 1 - k if indexing == "xy" and k < 2 and len(vectors) > 1 else k
        flat = batch.flat(batch.mapped(vector))
        shape = [1] * len(vectors)
        shape[axis] = static(flat.shape[0])
        column = np.reshape(flat.symbol, (batch.size, *shape))
        made.append(np.broadcast_to(column, (batch.size, *spec.shape)))
    return tuple(made)


@batching("broadcast_arrays")
def _(batch: Batch, *arrays: Any, **kwargs: Any) -> Any:
    pairs = zip(arrays, batch.node.specs, strict=True)
    return tuple([batch.full(x, spec.shape) for x, spec in pairs])


@batching("searchsorted")
def _(batch: Batch, a: Any, v: Any, **kwargs: Any) -> Any:
    fixed(a, kwargs)
    return batch.same(a, v.symbol, **kwargs)


@batching("interp")
def _(batch: Batch, x: Any, xp: Any, fp: Any, **kwargs: Any) -> Any:
    fixed(xp, fp, kwargs)
    return batch.same(x.symbol, xp, fp, **kwargs)


@batching("polyval")
def _(batch: Batch, p: Any, x: Any) -> Any:
    """Horner's rule, with coefficients for each example or for all."""
    if type(p) is not Batched:
        if isinstance(p, (list, tuple)) and holds(p, Batched):
            raise Unbatchable("a list of coefficients")
        return batch.same(p, x.symbol)
    ndim = ndim_of(x)
    at = batch.lift(x, ndim)
    total: Any = np.zeros_like(batch.full(x))
    for k in range(static(p.shape[0])):
        coefficient = batch.as_mapped(p.symbol[:, k])
        total = total * at + batch.lift(coefficient, ndim)
    return total
