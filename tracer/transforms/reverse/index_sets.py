"""Which elements an index selects: one of them, each at most once, none of another index's.

>>> element_key((-1, 2), (4, 3)), disjoint(slice(0, 2), 3, (4,))
((3, 2), True)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.reach import is_monotonic
from tracer.graph.spec import Shape
from tracer.ops.builder import Symbol

Key = tuple[int, ...]


def element_key(index: Any, shape: Shape) -> Key | None:
    """The index as a tuple of non-negative ints, or None if it is anything else."""
    items = index if type(index) is tuple else (index,)
    key = []
    for axis, item in enumerate(items):
        if not isinstance(item, (int, np.integer)) or isinstance(item, bool) or axis >= len(shape):
            return None
        size = shape[axis]
        if item < 0:
            if type(size) is not int:
                return None
            item += size
        key.append(int(item))
    return tuple(key)


def runs(keys: dict[Key, Any], indices: Any) -> list[Any]:
    """The indices of single elements, with consecutive ones of a vector joined to slices."""
    if len(keys) < 3 or any(len(key) != 1 for key in keys):
        return list(indices)
    found: list[list[int]] = []
    for (position,) in sorted(keys):
        if found and found[-1][1] == position:
            found[-1][1] = position + 1
        else:
            found.append([position, position + 1])
    return [slice(*run) if run[1] - run[0] > 1 else run[0] for run in found]


def is_unique(index: Any) -> bool:
    """Whether no element is selected twice: basic indices, masks, and ``arange`` beside others."""
    items = index if type(index) is tuple else (index,)
    arrays = [item for item in items if hasattr(item, "dtype") and item.shape != ()]
    basic = all(
        item is None
        or item is Ellipsis
        or isinstance(item, (int, np.integer, slice))
        or _is_position(item)
        for item in items
        if not any(item is array for array in arrays)
    )
    if not arrays or not basic:
        return basic
    if all(array.dtype == np.bool_ for array in arrays):
        return len(arrays) == 1
    counted = any(type(a) is Symbol and is_monotonic(a.node) for a in arrays)
    lengths = {a.shape[0] if a.ndim == 1 else None for a in arrays}
    alike = len(lengths) == 1 and None not in lengths  # a single row would be used for all
    return counted and alike and all(a.dtype.kind in "iu" for a in arrays)


def _is_position(item: Any) -> bool:
    """Whether an index is one integer, known at run time."""
    return type(item) is Symbol and item.shape == () and item.dtype.kind in "iu"


def disjoint(left: Any, right: Any, shape: Shape) -> bool:
    """Whether two indices surely select different elements (False if in doubt)."""
    a, b = _ranges(left, shape), _ranges(right, shape)
    if a is None or b is None:
        return False
    return any(_ranges_disjoint(p, q) for p, q in zip(a, b, strict=False))


def _ranges_disjoint(p: range, q: range) -> bool:
    if not p or not q:
        return True
    low, high = (p[0], p[-1]) if p.step > 0 else (p[-1], p[0])
    first, last = (q[0], q[-1]) if q.step > 0 else (q[-1], q[0])
    if high < first or last < low:
        return True
    return abs(p.step) == abs(q.step) and (low - first) % abs(p.step) != 0


def _ranges(index: Any, shape: Shape) -> list[range] | None:
    """Per axis the selected positions, for static ints and slices; None for other indices."""
    items = list(index) if type(index) is tuple else [index]
    if any(item is None for item in items):
        return None
    if any(item is Ellipsis for item in items):
        place = next(k for k, item in enumerate(items) if item is Ellipsis)
        items[place : place + 1] = [slice(None)] * (len(shape) - len(items) + 1)
    found = []
    for item, size in zip(items, shape, strict=False):
        if type(size) is not int:
            return None
        if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            position = int(item) % size if size else 0
            found.append(range(position, position + 1))
        elif isinstance(item, slice) and all(
            part is None or isinstance(part, (int, np.integer))
            for part in (item.start, item.stop, item.step)
        ):
            found.append(range(*item.indices(size)))
        else:
            return None
    return found
