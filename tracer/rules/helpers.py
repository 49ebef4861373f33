"""Small functions that rules share; each emits the fewest NumPy calls that do.

>>> sum_to(ct, x)            # ct itself if it has x's shape, else np.sum over the broadcast axes
>>> broadcast_like(ct, x)    # np.broadcast_to(ct, x.shape), or nothing
>>> reshape_like(ct, x)      # np.reshape(ct, x.shape), or nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.graph.spec import Shape
from tracer.ops import registry
from tracer.ops.builder import apply


def shape_of(x: Any) -> Shape:
    """The shape of a Symbol or a number (``np.shape`` of a Symbol would become a node)."""
    found = getattr(x, "shape", None)
    return np.shape(x) if found is None else found


def is_static(*shapes: Shape) -> bool:
    """Whether every size of the shapes is a plain int."""
    return all(type(size) is int for shape in shapes for size in shape)


def broadcast_axes(shape: Shape, target: Shape) -> tuple[int, ...]:
    """The axes of ``shape`` along which ``target`` was broadcast to make it."""
    lead = len(shape) - len(target)
    stretched = [i + lead for i, n in enumerate(target) if n == 1 and shape[i + lead] != 1]
    return (*range(lead), *stretched)


def sum_to(ct: Any, x: Any) -> Any:
    """Undo broadcasting: sum ``ct`` over the axes along which ``x`` was stretched."""
    shape, target = shape_of(ct), shape_of(x)
    if shape == target:
        return ct
    if not is_static(shape, target):
        return apply(registry.SUM_TO, ct, x)
    axes = broadcast_axes(shape, target)
    lead = len(shape) - len(target)
    if len(axes) > lead:
        ct = np.sum(ct, axis=axes, keepdims=True) if axes else ct
        return np.reshape(ct, target) if lead else ct
    return np.sum(ct, axis=_short(axes)) if len(axes) < len(shape) else np.sum(ct)


def _short(axes: tuple[int, ...]) -> int | tuple[int, ...]:
    return axes[0] if len(axes) == 1 else axes


def broadcast_like(ct: Any, x: Any) -> Any:
    """``ct`` with the full shape of ``x``."""
    shape, target = shape_of(ct), shape_of(x)
    if shape == target:
        return ct
    if not is_static(shape, target):
        return apply(registry.BROADCAST_LIKE, ct, x)
    return np.broadcast_to(ct, target)


def reshape_like(ct: Any, x: Any) -> Any:
    """``ct`` in the shape of ``x``, which has as many elements."""
    shape, target = shape_of(ct), shape_of(x)
    if shape == target:
        return ct
    if not is_static(target):
        return apply(registry.RESHAPE_LIKE, ct, x)
    return np.reshape(ct, target)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros with the shape of ``x`` and its dtype, or another."""
    dtype = np.dtype(dtype or x.dtype)
    if not is_static(x.shape):
        return apply(registry.ZEROS_OF, x, dtype=dtype)
    kwargs = {} if dtype == np.float64 else {"dtype": dtype}
    return x.builder.emit(registry.op_of(np.zeros), (x.shape,), kwargs)


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction as a sorted tuple of non-negative ints."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(int(a) % max(ndim, 1) for a in axes))


def restore_axes(ct: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Put back, with length 1, the axes that a reduction of ``x`` dropped.

    The result broadcasts to ``x``; a number is left alone, as it broadcasts already.
    """
    ndim = len(shape_of(x))
    axes = normal_axes(axis, ndim)
    if keepdims or shape_of(ct) == () or not axes:
        return ct
    if axes == tuple(range(len(axes))):  # leading axes broadcast by themselves
        return ct
    return np.expand_dims(ct, _short(axes))


def still(x: Any) -> Any:
    """``x`` without its tangent, for finding places by its value alone."""
    return apply(registry.STOP_GRADIENT, x)


def place_along(axis: int, place: Any) -> tuple:
    """The index of one place, or of a slice, along an axis that is not negative."""
    return (slice(None),) * axis + (place,)


def invert(permutation: Sequence[int] | None, ndim: int = 0) -> tuple[int, ...] | None:
    """The permutation that undoes one; None, reversal, undoes itself."""
    if permutation is None:
        return None
    order = [int(p) % len(permutation) for p in permutation]
    return tuple(sorted(range(len(order)), key=order.__getitem__))
