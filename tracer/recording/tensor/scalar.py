"""The traced scalar: what NumPy's and Python's numbers can do beside arrays.

>>> isinstance(np.sum(x), np.floating), divmod(np.sum(x), 2)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor


class TracedScalar(TracedTensor):
    """A traced NumPy or Python scalar: ``isinstance(s, np.floating)`` and ``float`` hold."""

    __slots__ = ()

    def is_integer(self) -> Any:
        return np.floor(self) == self

    def hex(self) -> str:
        raise leak("hex() of a traced value would drop its gradient.", "leave it out")

    def as_integer_ratio(self) -> Any:
        raise leak("as_integer_ratio() of a traced value would drop its gradient.", "leave it out")

    def __round__(self, digits: int | None = None) -> Any:
        rounded = np.round(self, digits or 0)
        return int(rounded) if digits is None else rounded

    def __trunc__(self) -> int:
        return int(self)

    def __floor__(self) -> int:
        return int(np.floor(self))

    def __ceil__(self) -> int:
        return int(np.ceil(self))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(f"'{type(self._value).__name__}' object does not support item assignment")
