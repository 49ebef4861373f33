"""Broadcasting of shapes that may hold run-time sizes.

>>> broadcast_shapes([(4, 1), (3,)])
((4, 3), ())
>>> n = Dim("x[x > 0] axis 0", seen=5)
>>> broadcast_shapes([(n,), (5,)])          # right only as long as n is 5
((5,), (Relation(left=(0, 0), right=(1, 0), same=True),))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tracer.graph.spec import Dim, Shape, Size


class SizeRelation(NamedTuple):
    """What broadcasting took for granted about two run-time sizes.

    ``left`` and ``right`` are ``(operand, axis)``; ``same`` says whether the sizes were equal
    (if not, one of them was 1).
    """

    left: tuple[int, int]
    right: tuple[int, int]
    same: bool


def broadcast_shapes(shapes: Sequence[Shape]) -> tuple[Shape, tuple[SizeRelation, ...]]:
    """The broadcast shape, and the relations between run-time sizes on which it rests.

    Raises
    ------
    ValueError
        If the shapes do not fit, in NumPy's words.
    """
    first = shapes[0] if shapes else ()
    if all(shape is first or shape == first for shape in shapes):
        return first, ()
    ndim = max([len(shape) for shape in shapes])
    sizes: list[Size] = [1] * ndim
    owners: list[tuple[int, int] | None] = [None] * ndim
    relations: list[SizeRelation] = []
    for operand, shape in enumerate(shapes):
        lead = ndim - len(shape)
        for axis, size in enumerate(shape):
            at, known = axis + lead, sizes[axis + lead]
            owner = owners[at]
            if size is known or (type(size) is int and size == 1) or size == known:
                continue
            if owner is None:  # only literal ones so far
                sizes[at], owners[at] = size, (operand, axis)
                continue
            sizes[at], same = _join(known, size, shapes)
            if same is not None:
                relations.append(SizeRelation(owner, (operand, axis), same))
            if sizes[at] is not known:
                owners[at] = (operand, axis)
    return tuple(sizes), tuple(relations)


def _seen(size: Size) -> int:
    return size.seen if isinstance(size, Dim) else size


def _join(known: Size, size: Size, shapes: Sequence[Shape]) -> tuple[Size, bool | None]:
    """The joint size, and whether they were seen equal (None if both are literal)."""
    if type(known) is int and type(size) is int:
        listed = " ".join(f"({','.join(str(_seen(s)) for s in shape)})" for shape in shapes)
        message = f"operands could not be broadcast together with shapes {listed}"
        raise ValueError(message)
    if _seen(known) == 1 and _seen(size) != 1:
        return size, False
    if _seen(size) == 1 and _seen(known) != 1:
        return known, False
    # A literal says more than a run-time size that is guarded to equal it.
    return (size if type(size) is int else known), True
