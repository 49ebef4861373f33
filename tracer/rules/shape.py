"""Derivatives of what only rearranges: the cotangent goes the way back.

>>> linear(np.reshape): ct -> np.reshape(ct, x.shape)
>>> linear(np.transpose): ct -> np.transpose(ct, inverse)
>>> linear(np.repeat): ct -> the sum over the copies
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tracer.graph.spec import array_spec
from tracer.ops import registry
from tracer.ops.builder import apply
from tracer.rules.declare import EVERY, ZERO, Sparse, linear
from tracer.rules.helpers import (
    broadcast_like,
    invert,
    is_static,
    reshape_like,
    shape_of,
    sum_to,
    zeros_like,
)
from tracer.rules.joining import is_array, refusal
from tracer.rules.places import constant_value


def _back(ct, x, axis=None):
    return reshape_like(ct, x)


def in_order(ct: Any, x: Any, order: str) -> Any:
    """``ct`` in the shape of ``x``, its elements laid out in ``order``."""
    if order == "C":
        return reshape_like(ct, x)
    if order == "F":
        return np.reshape(ct, shape_of(x), order="F")
    raise refusal(x, f"A reshape with order={order!r} has no derivative rule.")


# -- the same elements in another shape ---------------------------------------------------------
linear(np.reshape, lambda ct, x, shape, order="C", copy=None: in_order(ct, x, order))
linear(np.ravel, lambda ct, x, order="C": in_order(ct, x, order))
linear(registry.FLATTEN, lambda ct, x, order="C": in_order(ct, x, order))
linear(registry.PYTHON_SCALAR, _back)
linear(np.expand_dims, _back)
linear(np.squeeze, _back)
for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    linear(_function, lambda ct, *arrays: _each_back(ct, arrays), operand=EVERY)


def _each_back(cts: Any, arrays: Any) -> Any:
    cts = (cts,) if len(arrays) == 1 and not isinstance(cts, tuple) else cts
    pairs = [(ct, x) for ct, x in zip(cts, arrays) if is_array(x)]
    return tuple([ct if ct is ZERO else reshape_like(ct, x) for ct, x in pairs])


# -- permutations -------------------------------------------------------------------------------
def _transpose(ct, x, axes=None):
    return ct.T if axes is None else np.transpose(ct, invert(axes))


linear(np.transpose, _transpose)
linear(np.swapaxes, lambda ct, x, axis1, axis2: np.swapaxes(ct, axis1, axis2))
linear(np.moveaxis, lambda ct, x, source, destination: np.moveaxis(ct, destination, source))
linear(np.matrix_transpose, lambda ct, x: np.swapaxes(ct, -1, -2))
if np.permute_dims is not np.transpose:
    linear(np.permute_dims, _transpose)
linear(np.flip, lambda ct, x, axis=None: np.flip(ct, axis))
linear(np.flipud, lambda ct, x: np.flipud(ct))
linear(np.fliplr, lambda ct, x: np.fliplr(ct))
linear(np.rot90, lambda ct, x, k=1, axes=(0, 1): np.rot90(ct, -k, axes))


def _rollaxis(ct, x, axis, start=0):
    ndim = len(shape_of(x))
    axis = axis % ndim
    start = start + ndim if start < 0 else start
    return np.moveaxis(ct, start - 1 if axis < start else start, axis)


linear(np.rollaxis, _rollaxis)


def _roll(ct, x, shift, axis=None):
    back = tuple([-s for s in shift]) if isinstance(shift, (tuple, list)) else -shift
    return np.roll(ct, back, axis)


linear(np.roll, _roll)

# -- copies -------------------------------------------------------------------------------------
linear(np.broadcast_to, lambda ct, x, shape, subok=False: sum_to(ct, x))
linear(registry.BROADCAST_LIKE, lambda ct, x, like: sum_to(ct, x))
linear(registry.SUM_TO, lambda ct, x, like: broadcast_like(ct, x))
linear(registry.RESHAPE_LIKE, lambda ct, x, like: reshape_like(ct, x))
linear(registry.RECOMPUTE, lambda ct, x: ct)


for _function in (np.copy, np.ascontiguousarray, np.asfortranarray):
    linear(_function, lambda ct, x, order="K", subok=False, dtype=None: reshape_like(ct, x))
linear(registry.ASTYPE, lambda ct, x, dtype: ct.astype(x.dtype))


def _repeat(ct, x, repeats, axis=None):
    shape = shape_of(x) if axis is not None else (_size(x),)
    at = 0 if axis is None else axis % len(shape)
    if isinstance(repeats, (list, tuple)) and len(repeats) == 1:
        repeats = repeats[0]
    if isinstance(repeats, (int, np.integer)):
        apart = np.reshape(ct, (*shape[: at + 1], int(repeats), *shape[at + 1 :]))
        return reshape_like(np.sum(apart, axis=at + 1), x)
    places = _sources(ct, shape[at], constant_value(repeats), at)
    like = zeros_like(x) if axis is not None else zeros_like(np.ravel(x))
    return reshape_like(_scatter(like, ct, (slice(None),) * at + (places,)), x)


def _sources(ct: Any, size: int, repeats: Any, axis: int) -> Any:
    """Of which element each element is a copy."""
    if not is_array(repeats) or isinstance(repeats, np.ndarray):
        return np.repeat(np.arange(size), repeats)
    spec = array_spec((shape_of(ct)[axis],), np.dtype(np.intp))
    return ct.builder.emit(registry.op_of(np.repeat), (np.arange(size), repeats), specs=(spec,))


def _size(x: Any) -> int:
    return int(np.prod(shape_of(x)))


def _scatter(zeros: Any, value: Any, index: Any) -> Any:
    return apply(registry.SCATTER_ADD, zeros, value, index)


def _tile(ct, x, reps):
    reps = (reps,) if isinstance(reps, (int, np.integer)) else tuple(reps)
    shape = shape_of(x)
    ndim = max(len(reps), len(shape))
    reps = (1,) * (ndim - len(reps)) + reps
    shape = (1,) * (ndim - len(shape)) + shape
    split = [size for pair in zip(reps, shape) for size in pair]
    return reshape_like(np.sum(np.reshape(ct, split), axis=tuple(range(0, 2 * ndim, 2))), x)


linear(np.repeat, _repeat)
linear(np.tile, _tile)


def from_places(ct: Any, x: Any, places: np.ndarray) -> Any:
    """The cotangent of ``x`` whose elements were copied from ``places``, counted in C order."""
    flat = _scatter(zeros_like(np.ravel(x)), np.ravel(ct), places.ravel())
    return reshape_like(flat, x)


def _windows(ct, x, window_shape, axis=None, subok=False, writeable=False):
    shape = shape_of(x)
    places = np.arange(math.prod(shape)).reshape(shape)
    return from_places(ct, x, sliding_window_view(places, window_shape, axis))


linear(sliding_window_view, _windows)

# -- parts of a matrix --------------------------------------------------------------------------
# A vector is taken for each row of a square matrix.
linear(np.tril, lambda ct, x, k=0: sum_to(np.tril(ct, k), x))
linear(np.triu, lambda ct, x, k=0: sum_to(np.triu(ct, k), x))


def diagonal_cotangent(ct: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """A cotangent that is ``ct`` on a diagonal of ``x`` and zero elsewhere."""
    ndim = len(shape_of(x))
    axis1, axis2 = axis1 % ndim, axis2 % ndim
    rows = np.arange(_diagonal_length(shape_of(x)[axis1], shape_of(x)[axis2], offset))
    first = rows - min(offset, 0) if offset < 0 else rows
    second = rows + offset if offset > 0 else rows
    if (axis1, axis2) == (ndim - 2, ndim - 1):
        return Sparse((..., first, second), ct, x)
    index: list[Any] = [slice(None)] * ndim
    index[axis1], index[axis2] = first, second
    # NumPy puts the indexed axis first unless both indices are neighbours.
    at = min(axis1, axis2) if abs(axis1 - axis2) == 1 else 0
    return Sparse(tuple(index), np.moveaxis(ct, -1, at), x)


def _diagonal_length(rows: int, columns: int, offset: int) -> int:
    return max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)


def _diag(ct, x, k=0):
    if len(shape_of(x)) == 1:
        return np.diagonal(ct, k)
    return _diagonal(ct, x, k)


def _diagonal(ct, x, offset=0, axis1=0, axis2=1):
    shape = shape_of(x)
    if len(shape) == 2 and is_static(shape) and shape[0] == shape[1] > abs(offset):
        return np.diag(ct, offset if (axis1 % 2, axis2 % 2) == (0, 1) else -offset)
    return diagonal_cotangent(ct, x, offset, axis1, axis2)


linear(np.diagonal, _diagonal)
linear(np.diag, _diag)
linear(np.diagflat, lambda ct, x, k=0: reshape_like(np.diagonal(ct, k), x))


# -- several results ----------------------------------------------------------------------------
def _broadcast_arrays(cts, *arrays):
    cts = cts if isinstance(cts, tuple) else (cts,)
    pairs = [(ct, x) for ct, x in zip(cts, arrays) if is_array(x)]
    return tuple([ct if ct is ZERO else sum_to(ct, x) for ct, x in pairs])


def _meshgrid(cts, *arrays, indexing="xy", sparse=False, copy=True):
    cts = cts if isinstance(cts, tuple) else (cts,)
    ndim = len(arrays)
    order = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        order[:2] = [1, 0]
    found = []
    for ct, x, keep in zip(cts, arrays, order):
        if is_array(x) and ct is not ZERO:
            gone = tuple([axis for axis in range(ndim) if axis != keep])
            ct = reshape_like(np.sum(ct, axis=gone) if gone else ct, x)
        if is_array(x):
            found.append(ct)
    return tuple(found)


linear(np.broadcast_arrays, _broadcast_arrays, operand=EVERY)
linear(np.meshgrid, _meshgrid, operand=EVERY)
