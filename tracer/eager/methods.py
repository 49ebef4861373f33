"""ndarray's methods and attributes on eager Tensors, as one table.

Most of them bypass NumPy's protocols in C, so each is given here: as the NumPy function of the
same meaning, as an op of its own, as plain numbers or as a refusal.

>>> METHODS["reshape"](Tensor(np.zeros(6)), 2, 3).shape
(2, 3)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tracer import errors
from tracer.eager import calls, writes
from tracer.eager.state import EagerArray
from tracer.ops import registry
from tracer.recording.recorder.methods import FLATTEN, FUNCTIONS

METHODS: dict[str, Any] = {}


def _method(function: Any) -> Any:
    METHODS[function.__name__] = function
    return function


def _as_method(name: str, function: Any) -> Any:
    def method(self: EagerArray, *args: Any, **kwargs: Any) -> Any:
        return writes.function(function, (self, *args), kwargs, "method")

    method.__name__ = name
    return method


for _name, _function in FUNCTIONS.items():
    METHODS[_name] = _as_method(_name, _function)
METHODS["conj"] = METHODS["conjugate"] = _as_method("conj", np.conjugate)


# -- shapes ---------------------------------------------------------------------------------------
@_method
def reshape(self: EagerArray, *shape: Any, **kwargs: Any) -> Any:
    given = shape[0] if len(shape) == 1 else shape
    return writes.function(np.reshape, (self, given), kwargs, "method")


@_method
def transpose(self: EagerArray, *axes: Any) -> Any:
    given = axes[0] if len(axes) == 1 else (axes or None)
    return writes.function(np.transpose, (self, given), {}, "method")


def _transposed(self: EagerArray) -> Any:
    if self.ndim < 2:
        return self
    return writes.function(np.transpose, (self,), {}, "attribute")


def _matrix_transposed(self: EagerArray) -> Any:
    return writes.function(np.matrix_transpose, (self,), {}, "attribute")


METHODS["T"] = property(_transposed)
METHODS["mT"] = property(_matrix_transposed)


def _part(function: Any, whole: Any) -> property:
    """``z.real`` and ``z.imag``, which can be assigned to."""

    def read(self: EagerArray) -> Any:
        return writes.function(function, (self,), {}, "attribute")

    def write(self: EagerArray, value: Any) -> None:
        self[...] = whole(self, value)

    return property(read, write)


def _with_real(z: Any, value: Any) -> Any:
    return value + 1j * z.imag if z.dtype.kind == "c" else value


def _with_imag(z: Any, value: Any) -> Any:
    if z.dtype.kind != "c":
        raise TypeError("array does not have imaginary part to set")
    return z.real + 1j * np.asanyarray(value)


METHODS["real"] = _part(np.real, _with_real)
METHODS["imag"] = _part(np.imag, _with_imag)


@_method
def flatten(self: EagerArray, order: str = "C") -> Any:
    order = writes.layout(self, order)
    return calls.call(FLATTEN, (self, order) if order != "C" else (self,), {}, "method")


@_method
def copy(self: EagerArray, order: str = "C") -> Any:
    return writes.function(np.copy, (self,), {"order": order} if order != "C" else {}, "method")


@_method
def astype(
    self: EagerArray,
    dtype: Any,
    order: Any = "K",
    casting: Any = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Any:
    wanted = np.dtype(dtype)
    if not np.can_cast(self.dtype, wanted, casting=casting) or wanted.kind not in "biufc":
        return self.view(np.ndarray).astype(wanted, order, casting)  # texts, or NumPy's error
    if not copy and wanted == self.dtype:
        return self
    return calls.call(registry.ASTYPE, (self, wanted), {}, "method")


@_method
def compress(self: EagerArray, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return np.compress(condition, self, axis=axis, out=out)


@_method
def view(self: EagerArray, *args: Any, **kwargs: Any) -> Any:
    given = [*args, *kwargs.values()]
    if given and given[0] is np.ndarray and len(given) == 1:
        return np.ndarray.view(self, np.ndarray)
    if not given or (len(given) == 1 and given[0] in (type(self), self.dtype)):
        return self[...]
    raise calls.leak_error(
        "A Tensor was viewed as another type or dtype, which the graph can't express.",
        "use .astype(dtype) for other numbers, np.asarray(t).view(dtype) for plain ones",
    )


# -- plain numbers, as ndarray gives them ---------------------------------------------------------
@_method
def item(self: EagerArray, *args: Any) -> Any:
    return np.ndarray.item(self, *args)


@_method
def tolist(self: EagerArray) -> Any:
    return np.ndarray.view(self, np.ndarray).tolist()


# -- writing in place -----------------------------------------------------------------------------
@_method
def fill(self: EagerArray, value: Any) -> None:
    self[...] = value


@_method
def sort(self: EagerArray, axis: int = -1, **kwargs: Any) -> None:
    writes.assign(self, np.sort(self, axis=axis, **kwargs))


@_method
def partition(self: EagerArray, kth: Any, axis: int = -1, **kwargs: Any) -> None:
    writes.assign(self, np.partition(self, kth, axis=axis, **kwargs))


@_method
def put(self: EagerArray, indices: Any, values: Any, mode: Any = "raise") -> None:
    np.put(self, indices, values, mode=mode)


class Flat:
    """``x.flat``: the elements in C order, to read and to write."""

    def __init__(self, tensor: Any):
        self.tensor = tensor

    def __len__(self) -> int:
        return self.tensor.size

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tensor.reshape(-1))

    def __getitem__(self, index: Any) -> Any:
        return self.tensor.flatten()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        positions = np.arange(self.tensor.size)[index]
        where = np.unravel_index(positions, self.tensor.shape)
        value = calls.as_array(value)
        if np.ndim(value):  # repeated or cut off, as ndarray.flat does
            wanted = np.arange(positions.size) % max(np.size(value), 1)
            value = np.reshape(np.reshape(value, (-1,))[wanted], positions.shape)
        self.tensor[where] = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.tensor, dtype=dtype).ravel()


def _set_flat(self: EagerArray, value: Any) -> None:
    Flat(self)[:] = value


METHODS["flat"] = property(Flat, _set_flat)


# -- refusals -------------------------------------------------------------------------------------
def _refused(name: str, fix: str) -> Any:
    def refuse(self: EagerArray, *args: Any, **kwargs: Any) -> Any:
        raise calls.leak_error(f"The memory of a Tensor was changed by .{name}.", fix)

    return refuse


for _name, _fix in {
    "resize": "use x = np.resize(x, shape)",
    "setfield": "use x[...] = value",
    "byteswap": "use np.asarray(x).byteswap()",
    "getfield": "use np.asarray(x).getfield(dtype)",
}.items():
    METHODS[_name] = _refused(_name, _fix)
for _name, _fix in {
    "shape": "use x = x.reshape(shape)",
    "dtype": "use x = x.astype(dtype)",
    "strides": "use np.lib.stride_tricks",
}.items():
    _read = getattr(np.ndarray, _name).__get__
    METHODS[_name] = property(_read, _refused(f"{_name} = …", _fix))


@_method
def setflags(self: EagerArray, write: Any = None, **kwargs: Any) -> None:
    """A Tensor's memory is read-only already to everything but its own operations."""
    raise errors.LeakError(
        "The flags of a Tensor's memory can't be changed.",
        None,
        "write through the Tensor itself, or to np.array(t)",
    )
