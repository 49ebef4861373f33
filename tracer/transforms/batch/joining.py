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


def _parts(lanes: Batch, arrays: Any) -> list[Batched]:
    """The arrays of a list, or the rows of one array, each mapped."""
    if type(arrays) is Batched:
        return [lanes.as_mapped(arrays.symbol[:, k]) for k in range(static(arrays.shape[0]))]
    return [lanes.mapped(part) for part in arrays]


def _at_least(lanes: Batch, x: Batched, ndim: int) -> Batched:
    """NumPy's ``atleast_1d``, ``2d`` and ``3d`` of each example."""
    if x.ndim >= ndim:
        return x
    shape = {(0, 1): (1,), (0, 2): (1, 1), (1, 2): (1, *x.shape), (0, 3): (1, 1, 1)}.get(
        (x.ndim, ndim), (1, *x.shape, 1) if x.ndim == 1 else (*x.shape, 1)
    )
    return lanes.as_mapped(np.reshape(x.symbol, (lanes.size, *shape)))


def _concatenated(parts: list[Batched], axis: int, **kwargs: Any) -> Symbol:
    return np.concatenate([part.symbol for part in parts], axis=axis + 1, **kwargs)


@batching("concatenate")
def _(lanes: Batch, arrays: Any, axis: Any = 0, **kwargs: Any) -> Any:
    parts = _parts(lanes, arrays)
    if axis is None:
        return _concatenated([lanes.flat(part) for part in parts], 0, **kwargs)
    return _concatenated(parts, axis_of(axis, lanes.ndim) - 1, **kwargs)


@batching("stack")
def _(lanes: Batch, arrays: Any, axis: int = 0, **kwargs: Any) -> Any:
    parts = _parts(lanes, arrays)
    return np.stack([part.symbol for part in parts], axis=axis_of(axis, lanes.ndim), **kwargs)


@batching("vstack hstack dstack")
def _(lanes: Batch, arrays: Any, **kwargs: Any) -> Any:
    name = lanes.node.op.name
    least = {"vstack": 2, "hstack": 1, "dstack": 3}[name]
    parts = [_at_least(lanes, part, least) for part in _parts(lanes, arrays)]
    axis = {"vstack": 0, "hstack": 0 if parts[0].ndim == 1 else 1, "dstack": 2}[name]
    return _concatenated(parts, axis, **kwargs)


@batching("column_stack")
def _(lanes: Batch, arrays: Any) -> Any:
    parts = []
    for part in _parts(lanes, arrays):
        column = (lanes.size, *([1] * (2 - part.ndim) if not part.ndim else [*part.shape, 1]))
        small = part.ndim < 2
        parts.append(lanes.as_mapped(np.reshape(part.symbol, column)) if small else part)
    return _concatenated(parts, 1)


@batching("append")
def _(lanes: Batch, x: Any, values: Any, axis: Any = None) -> Any:
    parts = [lanes.mapped(x), lanes.mapped(values)]
    if axis is None:
        return _concatenated([lanes.flat(_at_least(lanes, part, 1)) for part in parts], 0)
    return _concatenated(parts, axis_of(axis, lanes.ndim) - 1)


@batching("block")
def _(lanes: Batch, arrays: Any) -> Any:
    return _block(lanes, arrays, lanes.ndim, _depth(arrays)).symbol


def _depth(tree: Any) -> int:
    return 1 + max(map(_depth, tree), default=0) if isinstance(tree, list) else 0


def _block(lanes: Batch, tree: Any, ndim: int, depth: int) -> Batched:
    """Blocks joined along the last axis, rows of them along the one before, and so on."""
    if not isinstance(tree, list):
        part = lanes.mapped(tree)
        return lanes.as_mapped(lanes.lift(part, ndim)) if part.ndim < ndim else part
    parts = [_block(lanes, item, ndim, depth - 1) for item in tree]
    return lanes.as_mapped(_concatenated(parts, ndim - depth))


@batching("array")
def _(lanes: Batch, data: Any, **kwargs: Any) -> Any:
    """Nested lists of numbers and arrays: stacked, then folded into the example's shape."""
    if type(data) is Batched:
        return lanes.same(data.symbol, **kwargs)
    if kwargs.keys() - {"dtype", "copy", "ndmin"}:
        raise Unbatchable("an unusual array()")
    leaves: list[Any] = []
    _collect(data, leaves)
    shape = shape_of(leaves[0])
    if any(shape_of(leaf) != shape for leaf in leaves):
        raise Unbatchable("parts of unequal shape")
    dtype = lanes.node.specs[0].dtype
    parts = []
    for leaf in leaves:
        symbol = lanes.full(leaf)
        parts.append(
            symbol if symbol.dtype == dtype else lanes.emit(registry.ASTYPE, symbol, dtype)
        )
    stacked = np.stack(parts, axis=1)
    whole = (lanes.size, *lanes.shape)
    return stacked if stacked.shape == whole else np.reshape(stacked, whole)


def _collect(tree: Any, leaves: list[Any]) -> None:
    if isinstance(tree, (list, tuple)):
        for item in tree:
            _collect(item, leaves)
    else:
        leaves.append(tree)


@batching("meshgrid")
def _(lanes: Batch, *vectors: Any, indexing: str = "xy", **kwargs: Any) -> Any:
    if kwargs.get("sparse"):
        raise Unbatchable("sparse grids")
    made = []
    for k, (vector, spec) in enumerate(zip(vectors, lanes.node.specs, strict=True)):
        axis = 1 - k if indexing == "xy" and k < 2 and len(vectors) > 1 else k
        flat = lanes.flat(lanes.mapped(vector))
        shape = [1] * len(vectors)
        shape[axis] = static(flat.shape[0])
        column = np.reshape(flat.symbol, (lanes.size, *shape))
        made.append(np.broadcast_to(column, (lanes.size, *spec.shape)))
    return tuple(made)


@batching("broadcast_arrays")
def _(lanes: Batch, *arrays: Any, **kwargs: Any) -> Any:
    pairs = zip(arrays, lanes.node.specs, strict=True)
    return tuple([lanes.full(x, spec.shape) for x, spec in pairs])


@batching("searchsorted")
def _(lanes: Batch, a: Any, v: Any, **kwargs: Any) -> Any:
    fixed(a, kwargs)
    return lanes.same(a, v.symbol, **kwargs)


@batching("interp")
def _(lanes: Batch, x: Any, xp: Any, fp: Any, **kwargs: Any) -> Any:
    fixed(xp, fp, kwargs)
    return lanes.same(x.symbol, xp, fp, **kwargs)


@batching("polyval")
def _(lanes: Batch, p: Any, x: Any) -> Any:
    """Horner's rule, with coefficients for each example or for all."""
    if type(p) is not Batched:
        if isinstance(p, (list, tuple)) and holds(p, Batched):
            raise Unbatchable("a list of coefficients")
        return lanes.same(p, x.symbol)
    ndim = ndim_of(x)
    at = lanes.lift(x, ndim)
    total: Any = np.zeros_like(lanes.full(x))
    for k in range(static(p.shape[0])):
        coefficient = lanes.as_mapped(p.symbol[:, k])
        total = total * at + lanes.lift(coefficient, ndim)
    return total
