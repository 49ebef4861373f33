"""Which elements an index reaches: all of them at most once, or one twice; a view, or a copy.

>>> has_unique_indices(node_of("setitem(x, y, (np.arange(5), labels))"))
True
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tracer.graph.node import Hole, Node


def index_parts(node: Node) -> tuple:
    """The parts of the index of a read or a write."""
    index = node.params.args[-1] if len(node.params.args) > 1 else node.params.kwargs["index"]
    return index if type(index) is tuple else (index,)


def picks_copies(node: Node) -> bool:
    """Whether an index selects by arrays, so that NumPy copies instead of making a view."""
    for part in index_parts(node):
        if type(part) is list:
            return True
        if type(part) is Hole:
            spec = node.inputs[part.slot].spec
            if spec.kind == "array" and spec.shape:
                return True
    return False


def has_unique_indices(node: Node) -> bool:
    """Whether no element is written twice, so that ``x[i] += v`` equals ``np.add.at``.

    So for ints and slices, masks, and for arrays of which one counts up without turning negative.
    """
    arrays = []
    for part in index_parts(node):
        if type(part) is list:
            return False
        if type(part) is not Hole:
            continue
        operand = node.inputs[part.slot]
        if operand.dtype.kind != "b" and operand.spec.kind == "array" and operand.shape:
            arrays.append(operand)
        if operand.dtype.kind == "b":
            return len(index_parts(node)) == 1
    if not arrays:
        return True
    return any(
        is_monotonic(array) and all(other.shape == array.shape for other in arrays)
        for array in arrays
    )


def is_monotonic(array: Node) -> bool:
    """Whether an array steps along one side of zero, so that no two of its indices meet."""
    if array.op.name != "arange" or array.params.kwargs:
        return False
    numbers: tuple[Any, ...] = array.params.args
    if len(numbers) == 1:
        return True
    low, high, step = numbers if len(numbers) == 3 else (*numbers, 1)
    known = [type(number) is int for number in (low, high, step)]
    if not known[0] or not known[2]:
        return False
    if step > 0 and low >= 0:
        return True
    return known[1] and (high <= 0 if low < 0 else step < 0 and high >= -1)


def needed(order: Sequence[Node], ends: Iterable[Node]) -> set[Node]:
    """Those of ``order`` that ``ends`` depend on."""
    wanted = set(ends)
    for node in reversed(order):
        if node in wanted:
            wanted.update(node.inputs)
    return wanted
