"""The memory of a traced Tensor: one object that raises whatever is done with it.

A traced Tensor is a real ndarray, so C code can read its buffer without asking. That buffer is a
zero-stride view of one Poison object: whoever reads it gets an error, never a number.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from typing import Any, NoReturn

import numpy as np

from tracer import errors
from tracer.graph.origin import Origin
from tracer.recording.tensor.active import leak

MESSAGE = "A traced array's memory was read by code that does not go through NumPy's protocols."
FIX = "call NumPy functions on the array itself, or wrap the call with tracer.custom_vjp"


def _refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    raise leak(MESSAGE, FIX)


def memory_read(origin: Origin | None) -> errors.LeakError:
    """The same error, where an exception of the interpreter's tells of it."""
    return errors.LeakError(MESSAGE, origin, FIX)


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
    *_BINARY,
    *["r" + name for name in _BINARY],
    "lt",
    "le",
    "eq",
    "ne",
    "gt",
    "ge",
    "neg",
    "pos",
    "abs",
    "invert",
    "complex",
    "int",
    "float",
    "index",
    "round",
    "trunc",
    "floor",
    "ceil",
    "bool",
    "len",
    "iter",
    "getitem",
    "setitem",
    "contains",
    "call",
    "bytes",
):
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


# -- the buffer protocol ------------------------------------------------------------------------
# Arrays of one element are contiguous whatever their strides are, and who asks for bytes does not
# ask what they mean: ``zlib.crc32(x[:1])`` would read the Poison's address.
BUFFER_PROCEDURES = 160  # where CPython's types hold the pointer, on 64-bit systems


def without_buffer(kind: type) -> type:
    """Take the buffer protocol away from a class; ``__buffer__`` does it since Python 3.12."""
    cpython = sys.implementation.name == "cpython" and struct.calcsize("P") == 8
    if cpython and sys.version_info < (3, 12):
        place = ctypes.c_void_p.from_address(id(kind) + BUFFER_PROCEDURES).value
        inherited = ctypes.c_void_p.from_address(id(np.ndarray) + BUFFER_PROCEDURES).value
        if place and inherited and _pointer(place) == _pointer(inherited):  # it is what we think
            ctypes.c_void_p.from_address(place).value = None
            ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
    return kind


def _pointer(address: int) -> int | None:
    return ctypes.c_void_p.from_address(address).value


def refuse_buffer(self: Any, flags: int) -> NoReturn:
    """``__buffer__`` of a traced array."""
    _refuse(self)
