"""Derivatives of joining and splitting, which are each other's transposes.

>>> linear(np.concatenate): ct -> one slice of ct for each part
>>> pullback(np.split): the cotangents of the parts, joined
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from tracer.errors import MissingRule
from tracer.graph.spec import Dim, array_spec
from tracer.ops import registry
from tracer.ops.builder import Symbol, apply
from tracer.rules.declare import EVERY, ZERO, linear, pullback
from tracer.rules.helpers import reshape_like, shape_of, zeros_like


def is_array(value: Any) -> bool:
    """Whether an argument is an operand rather than a literal."""
    return isinstance(value, (Symbol, np.ndarray))


def refusal(x: Any, message: str) -> MissingRule:
    """The error for arguments with which a function has no derivative rule."""
    place = x.builder.origin if isinstance(x, Symbol) else None
    return MissingRule(message, place, "give it one with tracer.custom_vjp.")


def tree_shape(part: Any) -> tuple:
    """The shape of an array, or of what ``np.asarray`` makes of nested lists of them."""
    if isinstance(part, (list, tuple)):
        return (len(part), *(tree_shape(part[0]) if part else ()))
    return shape_of(part)


def spread(ct: Any, template: Any) -> Any:
    """The cotangent of each array in nested lists, in the same lists; ZERO for literals."""
    if isinstance(template, (list, tuple)):
        return [
            spread(ct[k], item) if isinstance(item, (list, tuple)) or is_array(item) else ZERO
            for k, item in enumerate(template)
        ]
    return ct if is_array(template) else ZERO


class _Shaped:
    """Only a shape, for cutting by the sizes that a part has after it was grown."""

    def __init__(self, shape: tuple):
        self.shape = shape


def slices_along(ct: Any, parts: list[Any], axis: int) -> list[Any]:
    """``ct`` cut along ``axis`` into pieces as long as each of ``parts``."""
    ndim = len(shape_of(ct))
    axis = axis % ndim
    lead = (slice(None),) * axis
    start: Any = 0
    pieces = []
    for part in parts:
        size = tree_shape(part)[axis]
        length = apply(registry.SIZE_OF, part, axis) if isinstance(size, Dim) else size
        stop = length if type(start) is int and start == 0 else start + length
        begin = None if type(start) is int and start == 0 else start
        index = (*lead, slice(begin, stop)) if lead else slice(begin, stop)
        pieces.append(ct[index] if type(stop) is int else _piece(ct, index, axis, size))
        start = stop
    return pieces


def _piece(ct: Any, index: Any, axis: int, size: Any) -> Any:
    """``ct[index]`` between bounds that are known at run time: as long as the part it is for."""
    shape = shape_of(ct)
    spec = array_spec((*shape[:axis], size, *shape[axis + 1 :]), ct.dtype)
    return ct.builder.emit(registry.GETITEM, (ct, index), specs=(spec,))


def fitted(pieces: list[Any], parts: list[Any]) -> list[Any]:
    """The pieces in the shapes of their parts."""
    found = []
    for piece, part in zip(pieces, parts):
        shape = tree_shape(part)
        if len(shape) != len(shape_of(piece)):
            piece = reshape_like(piece, part if is_array(part) else _Shaped(shape))
        found.append(spread(piece, part))
    return found


def of_rows(transpose: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a joining function when one array stands for the list of its rows."""

    @functools.wraps(transpose)
    def of_any(ct, parts, *args, **kwargs):
        if not is_array(parts):
            return transpose(ct, parts, *args, **kwargs)
        rows = [parts[k] for k in range(shape_of(parts)[0])]
        return np.stack(transpose(ct, rows, *args, **kwargs))

    return of_any


# -- joining ------------------------------------------------------------------------------------
def _concatenate(ct, parts, axis=0, dtype=None, casting=None):
    if axis is None:
        return fitted(slices_along(ct, [_flat(part) for part in parts], 0), parts)
    return fitted(slices_along(ct, parts, axis), parts)


def _flat(part: Any) -> Any:
    return _Shaped((math.prod(tree_shape(part)),))


def _stack(ct, parts, axis=0, dtype=None, casting=None):
    axis = axis % len(shape_of(ct))
    lead = (slice(None),) * axis
    return fitted([ct[(*lead, k)] if lead else ct[k] for k in range(len(parts))], parts)


def _joined(least: int, axis: int):
    """The transpose of a variant that first gives its parts ``least`` axes."""

    def transpose(ct, parts, dtype=None, casting=None):
        grown = [_grown(part, least) for part in parts]
        at = axis if least != 1 or len(tree_shape(grown[0])) > 1 else 0
        return fitted(slices_along(ct, grown, at), parts)

    return transpose


def _grown(part: Any, least: int) -> Any:
    """The shape that ``np.atleast_1d``, ``_2d`` or ``_3d`` gives."""
    shape = tree_shape(part)
    if len(shape) >= least:
        return part
    if least == 3:
        return _Shaped(((1, *shape, 1), (*shape, 1))[len(shape) == 2] if shape else (1, 1, 1))
    return _Shaped((1,) * (least - len(shape)) + tuple(shape))


def _column_stack(ct, parts):
    shapes = [tree_shape(part) for part in parts]
    # A vector is a column, a number a matrix of one.
    grown = [p if len(n) > 1 else _Shaped((*(n or (1,)), 1)) for p, n in zip(parts, shapes)]
    return fitted(slices_along(ct, grown, 1), parts)


def _array(ct, template, dtype=None, copy=True, order="K", ndmin=0, subok=False):
    """The cotangents of arrays in nested lists."""
    shape = tree_shape(template)
    if len(shape) != len(shape_of(ct)):  # ndmin put axes in front
        ct = reshape_like(ct, template if is_array(template) else _Shaped(shape))
    return spread(ct, template)


linear(np.array, _array)
linear(np.asarray, _array)
linear(np.asanyarray, _array)
linear(np.concatenate, of_rows(_concatenate))
linear(np.stack, of_rows(_stack))
linear(np.vstack, of_rows(_joined(2, 0)))
linear(np.hstack, of_rows(_joined(1, 1)))
linear(np.dstack, of_rows(_joined(3, 2)))
linear(np.column_stack, of_rows(_column_stack))


@pullback(np.append, (0, 1))
def _(ct, arr, values, axis=None):
    parts = [arr, values]
    cut = [_flat(part) for part in parts] if axis is None else parts
    return tuple(fitted(slices_along(ct, cut, 0 if axis is None else axis), parts))


def _block(ct, blocks):
    """Blocks are cut out as ``np.block`` put them in: the deepest lists along the last axis."""
    depth = _depth(blocks)
    ndim = max(len(shape_of(ct)), depth)
    found: list[Any] = []
    _cut(ct, blocks, depth, ndim, found)
    return tuple(found)


def _depth(blocks: Any) -> int:
    return 1 + _depth(blocks[0]) if isinstance(blocks, list) else 0


def _cut(ct: Any, blocks: Any, depth: int, ndim: int, found: list[Any]) -> None:
    if not isinstance(blocks, list):
        if is_array(blocks):
            found.append(reshape_like(ct, blocks))
        return
    sizes = [_Shaped(_block_shape(block, depth - 1, ndim)) for block in blocks]
    for piece, block in zip(slices_along(ct, sizes, ndim - depth), blocks):
        _cut(piece, block, depth - 1, ndim, found)


def _block_shape(block: Any, depth: int, ndim: int) -> tuple:
    if not isinstance(block, list):
        shape = tuple(shape_of(block))
        return (1,) * (ndim - len(shape)) + shape
    shapes = [_block_shape(item, depth - 1, ndim) for item in block]
    axis = ndim - depth
    joint = sum([shape[axis] for shape in shapes])
    return shapes[0][:axis] + (joint,) + shapes[0][axis + 1 :]


linear(np.block, _block, operand=EVERY)


# -- splitting ----------------------------------------------------------------------------------
def joined(cts: Any, pieces: list[tuple], x: Any, axis: int) -> Any:
    """The cotangents of the parts, zeros for unused ones, joined along ``axis``."""
    cts = cts if isinstance(cts, (tuple, list)) else (cts,)
    filled = [zeros_like(x[piece]) if ct is ZERO else ct for ct, piece in zip(cts, pieces)]
    ends = [piece[axis].indices(shape_of(x)[axis])[:2] for piece in pieces]
    bounds = [0, *[stop for _, stop in ends]]
    if bounds == [*[start for start, _ in ends], shape_of(x)[axis]] == sorted(bounds):
        return filled[0] if len(filled) == 1 else np.concatenate(filled, axis=axis)
    total = zeros_like(x)  # parts overlap, or leave something out
    for ct, piece in zip(cts, pieces):
        total = total if ct is ZERO else apply(registry.SCATTER_ADD, total, ct, piece)
    return total


def _split(cts, x, indices_or_sections, axis=0):
    ndim = len(shape_of(x))
    axis = axis % ndim
    return joined(cts, pieces_of(shape_of(x)[axis], indices_or_sections, axis), x, axis)


def pieces_of(size: int, sections: Any, axis: int) -> list[tuple]:
    """The index of each part of a split of an axis of length ``size``."""
    if isinstance(sections, (int, np.integer)):
        each, extra = divmod(size, int(sections))
        lengths = [each + 1] * extra + [each] * (int(sections) - extra)
        bounds = [0, *np.cumsum(lengths).tolist()]
    else:
        bounds = [0, *[int(i) for i in sections], size]
    lead = (slice(None),) * axis
    return [(*lead, slice(a, b)) for a, b in pairwise(bounds)]


def _hsplit(cts, x, indices_or_sections):
    return _split(cts, x, indices_or_sections, 0 if len(shape_of(x)) == 1 else 1)


linear(np.split, _split)
linear(np.array_split, _split)
linear(np.hsplit, _hsplit)
linear(np.vsplit, lambda cts, x, indices_or_sections: _split(cts, x, indices_or_sections, 0))
linear(np.dsplit, lambda cts, x, indices_or_sections: _split(cts, x, indices_or_sections, 2))


def _unstack(cts, x, axis=0):
    cts = cts if isinstance(cts, (tuple, list)) else (cts,)
    lead = (slice(None),) * (axis % len(shape_of(x)))
    filled = [zeros_like(x[(*lead, k)]) if ct is ZERO else ct for k, ct in enumerate(cts)]
    return np.stack(filled, axis=axis)


if hasattr(np, "unstack"):  # from NumPy 2.1 on
    linear(np.unstack, _unstack)
