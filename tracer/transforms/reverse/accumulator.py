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
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.recording.tensor.tensor import is_basic
from tracer.rules.declare import Sparse
from tracer.rules.helpers import broadcast_like, is_static, zeros_like
from tracer.transforms.reverse.index_sets import Key, disjoint, element_key, is_unique, runs

PAIRWISE_LIMIT = 16  # pieces with irregular indices are compared pairwise up to this many


class Accumulator:
    """``dense`` but for zeros at the ``zeroed`` places, plus the sparse pieces.

    It belongs to one version of the array; a write hands it on to the previous version.
    """

    __slots__ = ("builder", "dense", "irregular", "like", "pieces", "zeroed", "zeroed_irregular")

    def __init__(self, builder: Builder, like: Node, dense: Symbol | None = None):
        self.builder = builder
        self.like = like
        self.dense = dense
        self.zeroed: dict[Key, Any] = {}
        self.zeroed_irregular: list[Any] = []
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
            self._write_zeros()
        self.dense = value if self.dense is None else self.dense + value

    def merge(self, other: Sparse | Accumulator) -> None:
        if type(other) is Sparse:
            self.add_sparse(other)
            return
        assert type(other) is Accumulator
        if self.dense is None:
            self.dense, self.zeroed = other.dense, other.zeroed
            self.zeroed_irregular = other.zeroed_irregular
        elif other.dense is not None:
            other._write_zeros()
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
        if self._overlaps(index, key):
            self.dense = self.to_dense()
            self.zeroed, self.zeroed_irregular = {}, []
            self.pieces, self.irregular = {}, []
        if self.dense is not None and self.dense.shape not in ((), shape):
            self._broadcast_dense()
        parts: list[Symbol] = []
        if self.dense is not None and not (key is not None and key in self.zeroed):
            parts.append(self.dense if self.dense.shape == () else self.dense[index])
        if key is not None:
            parts += [piece.value for piece in self.pieces.pop(key, ())]
        if self.dense is not None:
            if key is None or _other_length(self.zeroed, key):
                self.zeroed_irregular.append(index)
            else:
                self.zeroed[key] = index
        total: Any = None
        for part in parts:
            total = part if total is None else total + part
        return total

    def _overlaps(self, index: Any, key: Key | None) -> bool:
        """Whether a piece or a hole overlaps ``index`` without being the same element."""
        shape = self.like.shape
        others = [piece.index for piece in self.irregular]
        if self.dense is not None:
            others += self.zeroed_irregular
        if key is None or _other_length(self.pieces, key):
            others += [pieces[0].index for pieces in self.pieces.values()]
        if self.dense is not None and (key is None or _other_length(self.zeroed, key)):
            others += self.zeroed.values()
        return any(not disjoint(index, other, shape) for other in others)

    # -- as one value ---------------------------------------------------------------------------
    def _write_zeros(self) -> None:
        """Write the zeros into the dense value (None if nothing is left of it)."""
        shape = self.like.shape
        if self.zeroed and len(self.zeroed) == shape[0] and len(next(iter(self.zeroed))) == 1:
            self.dense = None
        self._broadcast_dense()
        for index in [*runs(self.zeroed, self.zeroed.values()), *self.zeroed_irregular]:
            if self.dense is not None:
                self.dense = self.builder.emit(registry.SETITEM, (self.dense, 0.0, index))
        self.zeroed, self.zeroed_irregular = {}, []

    def _broadcast_dense(self) -> None:
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
        self._write_zeros()
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
            free = len(done) <= PAIRWISE_LIMIT and all(
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
