"""Derivatives of ``np.pad``: axis by axis, as NumPy does it, with functions that have rules.

>>> composed(np.pad): mode="edge": x[np.pad(np.arange(len(x)), 1, mode="edge")]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.errors import MissingRule
from tracer.ops import registry
from tracer.ops.builder import apply
from tracer.ops.shape import pad_widths
from tracer.rules.declare import composed
from tracer.rules.helpers import shape_of
from tracer.rules.joining import is_array, refusal, tree_shape

Widths = list[tuple[int, int]]
COPYING = ("edge", "wrap", "reflect", "symmetric")
STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


@composed(np.pad)
def _(x, pad_width, mode="constant", **kwargs):
    widths = widths_of(pad_width, len(shape_of(x)))
    if mode in ("constant", "empty"):
        return _constant(x, widths, kwargs.get("constant_values", 0))
    make = _MAKERS.get("odd" if kwargs.get("reflect_type") == "odd" else mode)
    if make is None:
        raise refusal(x, f"np.pad has no derivative rule for mode={mode!r}.")
    for axis, width in enumerate(widths):
        if width != (0, 0):
            x = make(x, axis, width, mode, kwargs)
    return x


def widths_of(pad_width: Any, ndim: int) -> Widths:
    """``(before, after)`` for each axis.

    Raises
    ------
    MissingRule
        If they are not known before the program runs.
    """
    widths = pad_widths(pad_width, ndim)
    if widths is None:
        raise MissingRule("np.pad has no derivative rule for this form of pad_width.")
    return [(int(before), int(after)) for before, after in widths]


def side_of(value: Any, axis: int, side: int) -> Any:
    """The entry of ``constant_values`` and its like for one side of one axis, as NumPy reads it."""
    shape = tree_shape(value)
    if not shape:
        return value
    if len(shape) == 1:
        return value[side if shape[0] > 1 else 0]
    row = value[axis if shape[0] > 1 else 0]
    return row[side if shape[1] > 1 else 0]


# -- constants ----------------------------------------------------------------------------------
def _constant(x: Any, widths: Widths, values: Any) -> Any:
    """Room for all, the values around, axis by axis, and ``x`` in the middle."""
    shape = shape_of(x)
    target = tuple([before + size + after for size, (before, after) in zip(shape, widths)])
    room = x.builder.emit(registry.op_of(np.zeros), (target,), {"dtype": x.dtype})
    inner = tuple([slice(before, before + size) for size, (before, _) in zip(shape, widths)])
    if _holds_array(values):
        for axis, (before, after) in enumerate(widths):
            lead, rest = (slice(None),) * axis, inner[axis + 1 :]
            for side, border in enumerate((slice(0, before), slice(target[axis] - after, None))):
                value = side_of(values, axis, side)
                if (before, after)[side] and is_array(value):
                    room = apply(registry.SETITEM, room, value, (*lead, border, *rest))
    return apply(registry.SETITEM, room, x, inner)


def _holds_array(tree: Any) -> bool:
    if isinstance(tree, (list, tuple)):
        return any(_holds_array(item) for item in tree)
    return is_array(tree)


# -- copies, and what is linear in the row ------------------------------------------------------
def _copied(x: Any, axis: int, width: tuple[int, int], mode: str, kwargs: Any) -> Any:
    source = np.pad(np.arange(shape_of(x)[axis]), width, mode=mode, **kwargs)
    return x[(*(slice(None),) * axis, source)]


def _combined(x: Any, axis: int, width: tuple[int, int], mode: str, kwargs: Any) -> Any:
    """Each new element is a combination of old ones: the matrix is found by padding unit rows."""
    unit = np.eye(shape_of(x)[axis])
    matrix = np.pad(unit, (width, (0, 0)), mode=mode, **kwargs)
    return _times(matrix, x, axis)


def _times(matrix: np.ndarray, x: Any, axis: int) -> Any:
    rows = np.tensordot(matrix.astype(np.result_type(x.dtype, np.float16)), x, axes=(1, axis))
    return np.moveaxis(rows, 0, axis) if axis else rows


def _ramp(x: Any, axis: int, width: tuple[int, int], mode: str, kwargs: Any) -> Any:
    """A line from the end values to the edges: linear in both."""
    matrix = np.pad(np.eye(shape_of(x)[axis]), (width, (0, 0)), mode="linear_ramp")
    ramped = _times(matrix, x, axis)
    share = 1 - np.sum(matrix, axis=1)
    count = shape_of(ramped)[axis]
    column = (-1,) + (1,) * (len(shape_of(x)) - axis - 1)
    for side, places in enumerate((np.arange(count) < width[0], np.arange(count) >= width[0])):
        value = side_of(kwargs.get("end_values", 0), axis, side)
        if is_array(value):
            ramped = ramped + value * np.reshape(share * places, column)
    return ramped


def _statistic(x: Any, axis: int, width: tuple[int, int], mode: str, kwargs: Any) -> Any:
    size = shape_of(x)[axis]
    lead = (slice(None),) * axis
    parts = [x]
    for side, extra in enumerate(width):
        length = side_of(kwargs.get("stat_length"), axis, side)
        length = size if length is None else min(int(length), size)
        chunk = slice(0, length) if side == 0 else slice(size - length, size)
        value = STATISTICS[mode](x[(*lead, chunk)], axis=axis, keepdims=True)
        shape = shape_of(x)
        border = np.broadcast_to(value, (*shape[:axis], extra, *shape[axis + 1 :]))
        if extra:
            parts = [border, *parts] if side == 0 else [*parts, border]
    return np.concatenate(parts, axis=axis)


_MAKERS = {
    **dict.fromkeys(COPYING, _copied),
    "odd": _combined,
    "linear_ramp": _ramp,
    **dict.fromkeys(STATISTICS, _statistic),
}
