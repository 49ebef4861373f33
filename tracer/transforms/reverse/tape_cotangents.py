"""What a tape keeps of cotangents that are no whole arrays: pieces, sums of them, masked ones.

>>> whole = Owned(np.zeros(3))
>>> whole.add(Piece(slice(1, None), 2.0))
>>> whole.array
array([0., 2., 2.])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.spec import ArraySpec, spec_of
from tracer.recording.tensor.tensor import is_basic


class SparseValue:
    """A cotangent that is zero but for ``value`` at ``index``."""

    __slots__ = ("index", "value")

    def __init__(self, index: Any, value: Any):
        self.index = index
        self.value = value


class OwnedValue:
    """A whole cotangent in memory that nothing else looks at: it may be written to."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray):
        self.array = array

    def add(self, piece: SparseValue) -> None:
        """Add a piece in its place."""
        if _selects_once(piece.index):
            self.array[piece.index] += piece.value
        else:
            np.add.at(self.array, piece.index, piece.value)


class MaskedValue:
    """A cotangent that is ``value`` where each ``(condition, spec, keep)`` agrees, else zero."""

    __slots__ = ("loud", "masks", "spec", "value")

    def __init__(
        self,
        value: Any,
        spec: ArraySpec,
        masks: tuple[tuple[Any, ArraySpec, bool], ...],
        loud: bool,
    ):
        self.value = value
        self.spec = spec
        self.masks = masks
        self.loud = loud

    def plain(self) -> tuple[Any, ArraySpec]:
        """The value with its zeros."""
        value = self.value
        for condition, _, keep in self.masks:
            value = np.where(condition, value, 0.0) if keep else np.where(condition, 0.0, value)
        return value, spec_of(value)

    def joined(self, other: MaskedValue) -> tuple[Any, ArraySpec] | None:
        """The sum with a cotangent that is zero where this one is not; None for others."""
        if len(self.masks) != 1 or len(other.masks) != 1:
            return None
        (condition, _, keep), (same, _, kept) = *self.masks, *other.masks
        if condition is not same or keep == kept:
            return None
        first, second = (self, other) if keep else (other, self)
        value = np.where(condition, first.value, second.value)
        return value, spec_of(value)


def full_copy(value: Any, spec: ArraySpec) -> np.ndarray:
    """A cotangent, maybe a small one, in full shape and in memory of its own."""
    array = np.empty(spec.seen_shape, spec.dtype)
    array[...] = value
    return array


def _selects_once(index: Any) -> bool:
    """Whether no element is selected twice."""
    return is_basic(index) or (isinstance(index, np.ndarray) and index.dtype.kind == "b")
