"""Accumulator: the cotangent of an array that is read and written in pieces, kept in pieces.

A program that fills an array element by element has as many versions of it as writes. Their
cotangents share one dense value and a table of pieces, so that each write costs the same:

>>> total = Accumulator(builder, node, g_out)
>>> total.write(3)                    # what out[3] = value passes on to value
Symbol(<scalar f64 = getitem(%0, 3)>)
>>> total.write(3)                    # an earlier write to the same place gets nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tracer.graph.node import Node
from tracer.graph.reach import counts
from tracer.graph.spec import Shape
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.recording.tensor.tensor import is_basic
from tracer.rules.declare import Sparse
from tracer.rules.helpers import broadcast_like, is_static, zeros_like

Key = tuple[int, ...]
MANY = 16  # pieces with irregular indices are compared pairwise up to this many


class Accumulator:
    """``dense`` but for zeros at the ``punched`` places, plus the sparse pieces.

    It belongs to one version of the array; a write hands it on to the previous version.
    """

    __slots__ = ("builder", "dense", "irregular", "like", "pieces", "punched", "punched_irregular")

    def __init__(self, builder: Builder, like: Node, dense: Symbol | None = None):
        self.builder = builder
        self.like = like
        self.dense = dense
        self.punched: dict[Key, Any] = {}
        self.punched_irregular: list[Any] = []
        self.pieces: dict[Key, list[Sparse]] = {}
        self.irregular: list[Sparse] = []

    # -- adding -----------------------------------------------------------------------------
    def add_sparse(self, piece: Sparse) -> None:
        key = element_key(piece.index, self.like.shape)
        if key is None or _other_length(self.pieces, key):
            self.irregular.append(piece)
        else:
            self.pieces.setdefault(key, []).append(piece)

    def add_dense(self, value: Symbol) -> None:
        value = broadcast_like(value, Symbol(self.builder, self.like))
        if self.dense is not None:
            self._punch()
        self.dense = value if self.dense is None else self.dense + value

    def merge(self, other: Sparse | Accumulator) -> None:
        if type(other) is Sparse:
            self.add_sparse(other)
            return
        assert type(other) is Accumulator
        if self.dense is None:
            self.dense, self.punched = other.dense, other.punched
            self.punched_irregular = other.punched_irregular
        elif other.dense is not None:
            other._punch()
            if other.dense is not None:
                self.add_dense(other.dense)
        for piece in other.all_pieces():
            self.add_sparse(piece)

    def all_pieces(self) -> Iterator[Sparse]:
        for pieces in self.pieces.values():
            yield from pieces
        yield from self.irregular

    # -- writes -----------------------------------------------------------------------------
    def write(self, index: Any) -> Symbol | None:
        """The cotangent of what was written at ``index``; the rest is then the base's."""
        shape = self.like.shape
        key = element_key(index, shape)
        if self._tangled(index, key):
            self.dense = self.to_dense()
            self.punched, self.punched_irregular = {}, []
            self.pieces, self.irregular = {}, []
        if self.dense is not None and self.dense.shape not in ((), shape):
            self._fill()
        parts: list[Symbol] = []
        if self.dense is not None and not (key is not None and key in self.punched):
            parts.append(self.dense if self.dense.shape == () else self.dense[index])
        if key is not None:
            parts += [piece.value for piece in self.pieces.pop(key, ())]
        if self.dense is not None:
            if key is None or _other_length(self.punched, key):
                self.punched_irregular.append(index)
            else:
                self.punched[key] = index
        total: Any = None
        for part in parts:
            total = part if total is None else total + part
        return total

    def _tangled(self, index: Any, key: Key | None) -> bool:
        """Whether a piece or a hole overlaps ``index`` without being the same element."""
        shape = self.like.shape
        others = [piece.index for piece in self.irregular]
        if self.dense is not None:
            others += self.punched_irregular
        if key is None or _other_length(self.pieces, key):
            others += [pieces[0].index for pieces in self.pieces.values()]
        if self.dense is not None and (key is None or _other_length(self.punched, key)):
            others += self.punched.values()
        return any(not disjoint(index, other, shape) for other in others)

    # -- as one value ---------------------------------------------------------------------------
    def _punch(self) -> None:
        """Write the zeros into the dense value (None if nothing is left of it)."""
        shape = self.like.shape
        if self.punched and len(self.punched) == shape[0] and len(next(iter(self.punched))) == 1:
            self.dense = None
        self._fill()
        for index in [*runs(self.punched, self.punched.values()), *self.punched_irregular]:
            if self.dense is not None:
                self.dense = self.builder.emit(registry.SETITEM, (self.dense, 0.0, index))
        self.punched, self.punched_irregular = {}, []

    def _fill(self) -> None:
        """Give a small dense value the full shape, in memory of its own."""
        value, shape = self.dense, self.like.shape
        if value is None or value.shape == shape:
            return
        like = Symbol(self.builder, self.like)
        if value.shape == () and is_static(shape):
            self.dense = self.builder.emit(registry.op_of(np.full), (shape, value), {})
        else:
            self.dense = np.copy(broadcast_like(value, like))

    def to_dense(self) -> Symbol:
        """All of it as one Symbol: zeros or the dense value, and the pieces."""
        self._punch()
        total = self.dense
        like = Symbol(self.builder, self.like)
        done: list[Any] = []
        fresh = total is None
        if total is None:
            total = zeros_like(like)
        regular = list(self.pieces.values())
        simple = not self.irregular
        for pieces in regular:
            for number, piece in enumerate(pieces):
                op = registry.SETITEM if fresh and number == 0 else registry.SCATTER_ADD
                total = self.builder.emit(op, (total, piece.value, piece.index))
            if not simple:
                done.append(pieces[0].index)
        for piece in self.irregular:
            free = len(done) <= MANY and all(
                disjoint(piece.index, other, self.like.shape) for other in done
            )
            unique = fresh and free and is_unique(piece.index)
            op = registry.SETITEM if unique else registry.SCATTER_ADD
            total = self.builder.emit(op, (total, piece.value, piece.index))
            done.append(piece.index)
        return total


class ArrayAccumulator:
    """The same over arrays: one in memory of its own, which pieces and zeros are written to."""

    __slots__ = ("array", "like", "pieces")

    def __init__(self, like: Node, dense: Any = None):
        self.like = like
        self.array: Any = None
        self.pieces: list[Sparse] = []
        if dense is not None:
            self.add_dense(dense)

    def add_dense(self, value: Any) -> None:
        if self.array is None:
            spec = self.like.specs[0]
            self.array = np.empty(spec.seen_shape, spec.dtype)
            self.array[...] = value
        else:
            self.array += value

    def merge(self, other: Sparse | ArrayAccumulator) -> None:
        if type(other) is Sparse:
            self.pieces.append(other)
            return
        assert type(other) is ArrayAccumulator
        if self.array is None:
            self.array = other.array
        elif other.array is not None:
            self.array += other.array
        self.pieces += other.pieces

    def write(self, index: Any) -> Any:
        """The cotangent of what was written at ``index``; the rest is then the base's."""
        array = self.to_dense()
        part = array[index]
        part = part.copy() if isinstance(part, np.ndarray) else part
        array[index] = 0.0
        return part

    def to_dense(self) -> Any:
        if self.array is None:
            spec = self.like.specs[0]
            self.array = np.zeros(spec.seen_shape, spec.dtype)
        for piece in self.pieces:
            if is_basic(piece.index) or is_unique(piece.index):
                self.array[piece.index] += piece.value
            else:
                np.add.at(self.array, piece.index, piece.value)
        self.pieces = []
        return self.array


def _other_length(table: dict[Key, Any], key: Key) -> bool:
    return bool(table) and len(next(iter(table))) != len(key)


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
        or _is_place(item)
        for item in items
        if not any(item is array for array in arrays)
    )
    if not arrays or not basic:
        return basic
    if all(array.dtype == np.bool_ for array in arrays):
        return len(arrays) == 1
    counted = any(type(a) is Symbol and counts(a.node) for a in arrays)
    lengths = {a.shape[0] if a.ndim == 1 else None for a in arrays}
    alike = len(lengths) == 1 and None not in lengths  # a single row would be used for all
    return counted and alike and all(a.dtype.kind in "iu" for a in arrays)


def _is_place(item: Any) -> bool:
    """Whether an index is one integer, known at run time."""
    return type(item) is Symbol and item.shape == () and item.dtype.kind in "iu"


def disjoint(left: Any, right: Any, shape: Shape) -> bool:
    """Whether two indices surely select different elements (False if in doubt)."""
    a, b = _ranges(left, shape), _ranges(right, shape)
    if a is None or b is None:
        return False
    return any(_apart(p, q) for p, q in zip(a, b, strict=False))


def _apart(p: range, q: range) -> bool:
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
