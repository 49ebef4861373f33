"""Arguments in the form in which NumPy's functions are recorded.

>>> listed(deque([t, u]))
[t, u]"""

from __future__ import annotations

import array
from collections import UserList, deque
from typing import Any

import numpy as np

from tracer.recording.recorder import methods
from tracer.recording.tensor.leaks import contains_tensor
from tracer.recording.tensor.scalar import TracedScalar
from tracer.recording.tensor.tensor import TracedTensor

TAKEN_AS_THEY_ARE = frozenset(
    {np.ndarray, float, int, str, list, tuple, TracedTensor, TracedScalar, np.dtype}
)


def listed(argument: Any) -> Any:
    """A list for other sequences that hold Tensors, which NumPy would look into itself."""
    if isinstance(argument, methods.Flat):
        return argument.copy()
    if isinstance(argument, (deque, UserList, array.array)) or (
        isinstance(argument, (list, tuple)) and type(argument) not in (list, tuple)
    ):
        items = [listed(item) for item in argument]
        return items if contains_tensor(items) else argument
    if type(argument) is np.ndarray and argument.dtype.kind == "O":
        items = argument.tolist()
        return items if contains_tensor(items) else argument
    return argument
