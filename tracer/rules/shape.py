"""Derivatives of what only rearranges: the cotangent goes the way back.

>>> linear(np.reshape): ct -> np.reshape(ct, x.shape)
>>> linear(np.transpose): ct -> np.transpose(ct, inverse)
>>> linear(np.repeat): ct -> the sum over the copies
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops import registry
from tracer.ops.builder import apply
from tracer.ops.shape import pad_widths
from tracer.rules.declare import EVERY, Sparse, linear, no_rule, pullback
from tracer.rules.helpers import broadcast_like, invert, reshape_like, shape_of, sum_to, zeros_like


def _back(ct, x, *args, **kwargs):
    return reshape_like(ct, x)


# -- the same elements in another shape ---------------------------------------------------------
for _function in (np.reshape, np.ravel, np.expand_dims, np.squeeze):
    linear(_function, _back)
for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    linear(_function, lambda ct, *arrays: _each_back(ct, arrays), operand=EVERY)


def _each_back(cts: Any, arrays: Any) -> Any:
    cts = (cts,) if len(arrays) == 1 and not isinstance(cts, tuple) else cts
    return tuple([_or_zero(ct, x) for ct, x in zip(cts, arrays)])


def _or_zero(ct: Any, x: Any) -> Any:
    return reshape_like(ct, x) if hasattr(ct, "shape") else ct


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


@pullback(np.rollaxis)
def _(ct, x, axis, start=0):
    ndim = len(shape_of(x))
    axis = axis % ndim
    start = start + ndim if start < 0 else start
    return np.moveaxis(ct, start - 1 if axis < start else start, axis)


def _roll(ct, x, shift, axis=None):
    back = tuple([-s for s in shift]) if isinstance(shift, tuple) else -shift
    return np.roll(ct, back, axis)


linear(np.roll, _roll)

# -- copies -------------------------------------------------------------------------------------
linear(np.broadcast_to, lambda ct, x, shape: sum_to(ct, x))
linear(registry.BROADCAST_LIKE, lambda ct, x, like: sum_to(ct, x))
linear(registry.SUM_TO, lambda ct, x, like: broadcast_like(ct, x))
linear(registry.RESHAPE_LIKE, lambda ct, x, like: reshape_like(ct, x))


def _same(ct, x, *args, **kwargs):
    return ct


for _function in (np.copy, np.ascontiguousarray, np.asfortranarray, np.require):
    linear(_function, _same)
linear(registry.ASTYPE, lambda ct, x, dtype: ct.astype(x.dtype))


def _from_template(ct: Any, template: Any, cts: list[Any]) -> None:
    """Collect the part of ``ct`` for each array in nested lists, in order."""
    if isinstance(template, (list, tuple)):
        for position, item in enumerate(template):
            if isinstance(item, (list, tuple)) or hasattr(item, "spec"):
                _from_template(ct[position], item, cts)
    elif hasattr(template, "spec"):
        cts.append(ct)


def _gather(ct, template, *args, **kwargs):
    cts: list[Any] = []
    extra = len(shape_of(ct)) - _depth(template)
    ct = reshape_like(ct, template) if extra and hasattr(template, "spec") else ct
    _from_template(ct, template, cts)
    return tuple(cts)


def _depth(template: Any) -> int:
    if isinstance(template, (list, tuple)):
        return 1 + max([_depth(item) for item in template], default=0)
    return len(shape_of(template))


linear(np.array, _gather, operand=EVERY)
linear(np.asarray, _gather, operand=EVERY)
linear(np.asanyarray, _gather, operand=EVERY)


@pullback(np.repeat)
def _(ct, x, repeats, axis=None):
    shape = shape_of(x) if axis is not None else (_size(x),)
    at = 0 if axis is None else axis % len(shape)
    if isinstance(repeats, (list, tuple)) and len(repeats) == 1:
        repeats = repeats[0]
    if isinstance(repeats, (int, np.integer)):
        apart = np.reshape(ct, (*shape[: at + 1], int(repeats), *shape[at + 1 :]))
        return reshape_like(np.sum(apart, axis=at + 1), x)
    places = np.repeat(np.arange(shape[at]), repeats)
    like = zeros_like(x) if axis is not None else zeros_like(np.ravel(x))
    return reshape_like(_scatter(like, ct, (slice(None),) * at + (places,)), x)


def _size(x: Any) -> int:
    return int(np.prod(shape_of(x)))


def _scatter(zeros: Any, value: Any, index: Any) -> Any:
    return apply(registry.SCATTER_ADD, zeros, value, index)


@pullback(np.tile)
def _(ct, x, reps):
    reps = (reps,) if isinstance(reps, (int, np.integer)) else tuple(reps)
    shape = shape_of(x)
    ndim = max(len(reps), len(shape))
    reps = (1,) * (ndim - len(reps)) + reps
    shape = (1,) * (ndim - len(shape)) + shape
    split = [size for pair in zip(reps, shape) for size in pair]
    return reshape_like(np.sum(np.reshape(ct, split), axis=tuple(range(0, 2 * ndim, 2))), x)


# -- parts of a matrix --------------------------------------------------------------------------
linear(np.tril, lambda ct, x, k=0: np.tril(ct, k))
linear(np.triu, lambda ct, x, k=0: np.triu(ct, k))


@pullback(np.diagonal)
def _(ct, x, offset=0, axis1=0, axis2=1):
    return diagonal_cotangent(ct, x, offset, axis1, axis2)


def diagonal_cotangent(ct: Any, x: Any, offset: int, axis1: int, axis2: int) -> Any:
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


@pullback(np.diag)
def _(ct, x, k=0):
    if len(shape_of(x)) == 1:
        return np.diagonal(ct, k)
    return diagonal_cotangent(ct, x, k, 0, 1)


linear(np.diagflat, lambda ct, x, k=0: reshape_like(np.diagonal(ct, k), x))


# -- pad ----------------------------------------------------------------------------------------
@pullback(np.pad)
def _(ct, x, pad_width, mode="constant", **kwargs):
    shape = shape_of(x)
    widths = _widths(pad_width, len(shape))
    inner = tuple([slice(a, a + n) for (a, _), n in zip(widths, shape)])
    if mode in ("constant", "empty"):
        return ct[inner]
    if mode not in ("edge", "wrap", "reflect", "symmetric") or kwargs.get("reflect_type") == "odd":
        raise NotImplementedError(f"np.pad has no derivative rule for mode={mode!r}")
    # Padding copies; where each axis copied from is found by padding its indices.
    for axis, (width, size) in enumerate(zip(widths, shape)):
        if width != (0, 0):
            source = np.pad(np.arange(size), width, mode=mode, **kwargs)
            target = (*shape[: axis + 1], *shape_of(ct)[axis + 1 :])
            index = (slice(None),) * axis + (source,)
            ct = _scatter(_zeros(ct, target), ct, index)
    return ct


def _zeros(like: Any, shape: tuple) -> Any:
    part = tuple([slice(None, size) for size in shape])
    return zeros_like(like[part])


def _widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, np.ndarray):
        pad_width = pad_width.tolist()
    widths = pad_widths(pad_width, ndim)
    if widths is None:
        raise NotImplementedError("np.pad has no derivative rule for this form of pad_width")
    return [(int(a), int(b)) for a, b in widths]


# -- several results ----------------------------------------------------------------------------
@pullback(np.broadcast_arrays, EVERY)
def _(cts, *arrays):
    cts = cts if isinstance(cts, tuple) else (cts,)
    return tuple([sum_to(ct, x) if hasattr(ct, "shape") else ct for ct, x in zip(cts, arrays)])


@pullback(np.meshgrid, EVERY)
def _(cts, *arrays, indexing="xy", sparse=False, copy=True):
    cts = cts if isinstance(cts, tuple) else (cts,)
    ndim = len(arrays)
    order = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        order[:2] = [1, 0]
    found = []
    for ct, x, keep in zip(cts, arrays, order):
        if hasattr(ct, "shape"):
            gone = tuple([axis for axis in range(ndim) if axis != keep])
            ct = np.sum(ct, axis=gone) if gone else ct
            ct = reshape_like(ct, x)
        found.append(ct)
    return tuple(found)


no_rule(np.resize, because="it repeats or drops elements as the sizes happen to fit")

