"""Tensors where code that can't be traced would look into them.

>>> contains_tensor([1.0, t])
True"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tracer.recording.tensor.active import leak
from tracer.recording.tensor.poison import Poison
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import TracedText

NESTED = (tuple, list, dict, slice)
NUMBERS = (np.ndarray, np.generic, bool, int, float, complex)


def refuse_untraced(leaves: Sequence[Any]) -> None:
    """Raise if a result that is no Tensor looks into a Tensor's memory.

    Raises
    ------
    LeakError
    """
    for leaf in leaves:
        if _looks_inside(leaf):
            raise leak(
                "The function returned what was made of a traced array without NumPy's protocols.",
                "call NumPy functions on the array itself",
            )


def _looks_inside(leaf: Any) -> bool:
    if isinstance(leaf, (Poison, memoryview, TracedText)):
        return True
    if not isinstance(leaf, np.ndarray) or isinstance(leaf, TracedTensor) or leaf.dtype != object:
        return False
    return any([isinstance(item, (Poison, TracedTensor)) for item in leaf.ravel().tolist()])


def contains_tensor(tree: Any) -> bool:
    """Whether nested lists, tuples, dicts or slices hold a traced Tensor."""
    kind = type(tree)
    if isinstance(tree, TracedTensor):
        return True
    items: Iterable[Any] = ()
    if kind is list or kind is tuple:
        items = tree
    elif kind is dict:
        items = tree.values()
    elif kind is slice:
        items = (tree.start, tree.stop, tree.step)
    for item in items:
        if contains_tensor(item):
            return True
    return False
