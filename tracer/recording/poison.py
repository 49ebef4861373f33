"""The memory of a traced Tensor: one object that raises whatever is done with it.

A traced Tensor is a real ndarray, so C code can read its buffer without asking. That buffer is a
zero-stride view of one Poison object: whoever reads it gets an error, never a number.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from tracer.recording.active import leak


def _refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    raise leak(
        "A traced array's memory was read by code that does not go through NumPy's protocols.",
        "call NumPy functions on the array itself, or wrap the call with tracer.custom_vjp",
    )


class Poison:
    """Raises on every use; its text says what it is."""

    __slots__ = ()
    __hash__ = None

    def __repr__(self) -> str:
        return "<traced>"

    def __reduce__(self):
        _refuse(self)

    def __deepcopy__(self, memo):
        _refuse(self)


_BINARY = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or".split()
for _name in (
    *_BINARY, *["r" + name for name in _BINARY], "lt", "le", "eq", "ne", "gt", "ge", "neg", "pos",
    "abs", "invert", "complex", "int", "float", "index", "round", "trunc", "floor", "ceil", "bool",
    "len", "iter", "getitem", "setitem", "contains", "call", "bytes",
):  # fmt: skip
    setattr(Poison, f"__{_name}__", _refuse)

_CELL = np.empty((), dtype=object)
_CELL[()] = Poison()
_SHELLS: dict[tuple[int, ...], np.ndarray] = {}


def shell(shape: tuple[int, ...]) -> np.ndarray:
    """A read-only array of Poison in the given shape; it takes no memory."""
    found = _SHELLS.get(shape)
    if found is None:
        if len(_SHELLS) > 10_000:
            _SHELLS.clear()
        found = _SHELLS[shape] = np.broadcast_to(_CELL, shape)
    return found
