"""ndarray's methods and attributes on traced Tensors, as tables.

Most of them bypass NumPy's protocols in C, so each is given here: as the NumPy function of the
same meaning, as an op of its own, or as a refusal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.node import map_structure
from tracer.ops import registry
from tracer.recording.recorder import functions
from tracer.recording.recorder.decompositions import in_memory_order
from tracer.recording.recorder.memory_layout import in_turn
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.tensor import TracedTensor, recorder_for

# Methods that take what the function of NumPy takes, in the same order.
FUNCTIONS = {
    name: getattr(np, name)
    for name in (
        "sum prod mean var std max min argmax argmin cumsum cumprod all any ravel squeeze swapaxes "
        "take repeat diagonal trace argsort searchsorted nonzero choose round argpartition clip dot"
    ).split()
}
REFUSED = {
    "tobytes": "bytes",
    "tofile": "a file",
    "dump": "a pickle",
    "dumps": "a pickle",
    "ctypes": "ctypes",
    "data": "a memoryview",
    "__array_interface__": "the array interface",
    "__array_struct__": "the array interface",
    "getfield": "raw bytes",
    "byteswap": "raw bytes",
    "setfield": "raw bytes",
    "__dlpack_device__": "DLPack",
}


FLATTEN = registry.FLATTEN


def _as_method(function: Any):
    def method(self: TracedTensor, *args: Any, **kwargs: Any) -> Any:
        return recorder_for(self, args, kwargs).function(function, (self, *args), kwargs, "method")

    method.__name__ = function.__name__
    return method


for _name, _function in FUNCTIONS.items():
    setattr(TracedTensor, _name, _as_method(_function))


def _refusal(name: str, target: str):
    def refuse(self: TracedTensor, *args: Any, **kwargs: Any) -> Any:
        raise leak(
            f"A traced array was turned into {target} by .{name}.", "do it outside the trace"
        )

    return refuse


for _name, _target in REFUSED.items():
    _refuse = _refusal(_name, _target)
    is_attribute = _name in ("ctypes", "data", "__array_interface__", "__array_struct__")
    setattr(TracedTensor, _name, property(_refuse) if is_attribute else _refuse)


def _attribute(name: str):
    def decorate(function: Any):
        setattr(TracedTensor, name, property(function))
        return function

    return decorate


def _method(function: Any):
    setattr(TracedTensor, function.__name__, function)
    return function


@_attribute("T")
def _transposed(self: TracedTensor) -> Any:
    if self._buffer is None:  # a scalar
        return self
    return recorder_for(self, (), {}).function(np.transpose, (self,), {}, "attribute")


@_attribute("mT")
def _matrix_transposed(self: TracedTensor) -> Any:
    return recorder_for(self, (), {}).function(np.matrix_transpose, (self,), {}, "attribute")


def _set_part(name: str, part: Any):
    def read(self: TracedTensor) -> Any:
        return recorder_for(self, (), {}).function(part, (self,), {}, "attribute")

    def write(self: TracedTensor, value: Any) -> None:
        getattr(self, name)[...] = value

    setattr(TracedTensor, name, property(read, write))


_set_part("real", np.real)
_set_part("imag", np.imag)


ALL = slice(None)  # of ``x.flat = v``


class Flat:
    """``x.flat``: an iterator over the items, which can be read and written by position.

    What it gives are copies, as in NumPy; values that are too few are repeated.
    """

    def __init__(self, array: TracedTensor):
        self.base = array
        self.index = 0
        # Items that lie one after the other are written through a view.
        self._row = array.reshape(-1) if array.flags.c_contiguous else None

    def _where(self, index: Any) -> Any:
        if self._row is not None:
            return index
        positions: Any = np.arange(len(self))
        if map_structure(lambda part: getattr(part, "_value", part), index) is not index:
            positions = self.base._recorder.tensor(positions)
        return np.unravel_index(positions[index], np.shape(self.base._value))

    def __getitem__(self, index: Any) -> Any:
        source = self.base if self._row is None else self._row
        found = source[self._where(index)]
        return found.copy() if isinstance(index, (slice, type(Ellipsis))) else found

    def __setitem__(self, index: Any, values: Any) -> None:
        target = self.base if self._row is None else self._row
        plain = map_structure(lambda part: getattr(part, "_value", part), index)
        if self._is_own(values):
            return self._copy_in_turn(None if index is ALL else plain, values)
        shape = np.shape(np.arange(len(self))[plain])
        if not np.size(values):
            if not shape:
                raise ValueError("Error setting single item of array.")
            return
        target[self._where(index)] = functions.repeated(values, shape)

    def _is_own(self, values: Any) -> bool:
        """Whether the values change while they are written one by one."""
        if not isinstance(values, TracedTensor) or values._buffer is not self.base._buffer:
            return False
        return values.dtype == self.base.dtype and bool(
            np.shares_memory(values._value, self.base._value)
        )

    def _copy_in_turn(self, index: Any, values: TracedTensor) -> None:
        token = ACTIVE.set(None)
        try:
            picked = in_turn(self.base._value, values._value, index)
        finally:
            ACTIVE.reset(token)
        if picked is None:
            raise leak("An array was written over itself by .flat.", "copy the values first")
        self.base[...] = np.concatenate([np.ravel(self.base), np.ravel(values)])[picked]

    def __len__(self) -> int:
        return int(np.size(self.base._value))

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if self.index >= len(self):
            raise StopIteration
        self.index += 1
        return self[self.index - 1]

    @property
    def coords(self) -> tuple[int, ...]:
        shape = np.shape(self.base._value)
        return tuple([int(i) for i in np.unravel_index(self.index, shape)])

    def copy(self) -> Any:
        return self.base.flatten()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise leak("The .flat of a traced array was turned into a plain one.", "use x.ravel()")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        parts = [part.copy() if isinstance(part, Flat) else part for part in args]
        return getattr(ufunc, method)(*parts, **kwargs)

    def __eq__(self, other: object) -> Any:
        return self.copy() == other

    def __ne__(self, other: object) -> Any:
        return self.copy() != other

    __hash__ = None


def _flat(self: TracedTensor) -> Any:
    return Flat(self)


def _set_flat(self: TracedTensor, values: Any) -> None:
    Flat(self)[ALL] = values


TracedTensor.flat = property(_flat, _set_flat)


@_method
def reshape(self: TracedTensor, *shape: Any, **kwargs: Any) -> Any:
    shape = shape[0] if len(shape) == 1 else shape
    return recorder_for(self, (shape,), kwargs).function(
        np.reshape, (self, shape), kwargs, "method"
    )


@_method
def transpose(self: TracedTensor, *axes: Any) -> Any:
    axes = axes[0] if len(axes) == 1 else (axes or None)
    return recorder_for(self, (), {}).function(np.transpose, (self, axes), {}, "method")


@_method
def astype(
    self: TracedTensor,
    dtype: Any,
    order: str = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Any:
    if not np.can_cast(self.dtype, dtype, casting=casting):
        np.asarray(self._value).astype(dtype, casting=casting)  # type: ignore[call-overload]
    if copy or np.dtype(dtype) != self.dtype:
        recorder = recorder_for(self, (), {})
        self = recorder.call(registry.ASTYPE, (self, np.dtype(dtype)), {}, "method")
    if order in ("C", "F") and np.ndim(self._value) > 1:
        return np.ascontiguousarray(self) if order == "C" else np.asfortranarray(self)
    return self


@_method
def copy(self: TracedTensor, order: str = "C") -> Any:
    if not np.shape(self._value) and self._buffer is None:
        return self
    value = np.asarray(self._value)
    given = {"order": order} if order != "C" or not value.flags.c_contiguous else {}
    spelling = "" if order == "K" else "method"  # np.copy keeps the layout, the method does not
    return recorder_for(self, (), {}).function(np.copy, (self,), given, spelling)


@_method
def flatten(self: TracedTensor, order: str = "C") -> Any:
    recorder = recorder_for(self, (), {})
    if order in ("A", "K"):
        self, order = in_memory_order(self, order)
    return recorder.call(FLATTEN, (self, order) if order != "C" else (self,), {}, "method")


@_method
def conj(self: TracedTensor) -> Any:
    if self.dtype.kind != "c":
        return self
    return np.conjugate(self)


TracedTensor.conjugate = conj


@_method
def item(self: TracedTensor, *args: Any) -> Any:
    recorder = recorder_for(self, args, {})
    source = self
    if args:
        index = args if len(args) > 1 else args[0]
        whole = isinstance(index, tuple) or np.ndim(self._value) == 1
        source = self[index] if whole else self.flatten()[index]
    elif np.size(self._value) != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    elif np.ndim(self._value):
        source = self[(0,) * np.ndim(self._value)]
    return recorder.call(registry.PYTHON_SCALAR, (source,), {}, "method")


@_method
def tolist(self: TracedTensor) -> Any:
    if not np.ndim(self._value):
        return self.item()
    return [row.tolist() for row in self]


@_method
def view(self: TracedTensor, *args: Any, **kwargs: Any) -> Any:
    if args in ((), (np.ndarray,)) and not kwargs:
        return self[...]
    raise leak("A traced array was viewed as another type or dtype.", "use .astype(dtype) instead")


@_method
def __divmod__(self: TracedTensor, other: Any) -> Any:
    return np.divmod(self, other)


@_method
def __rdivmod__(self: TracedTensor, other: Any) -> Any:
    return np.divmod(other, self)


@_method
def compress(self: TracedTensor, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return np.compress(condition, self, axis=axis, out=out)


# -- writing in place ---------------------------------------------------------------------------
@_method
def fill(self: TracedTensor, value: Any) -> None:
    self[...] = value


@_method
def sort(self: TracedTensor, axis: int = -1, **kwargs: Any) -> None:
    self[...] = np.sort(self, axis=axis, **kwargs)


@_method
def partition(self: TracedTensor, kth: Any, axis: int = -1, **kwargs: Any) -> None:
    self[...] = np.partition(self, kth, axis=axis, **kwargs)


@_method
def put(self: TracedTensor, indices: Any, values: Any, mode: str = "raise") -> None:
    np.put(self, indices, values, mode=mode)


@_method
def itemset(self: TracedTensor, *args: Any) -> None:
    self[args[:-1]] = args[-1]


def _become(self: TracedTensor, other: TracedTensor, what: str) -> None:
    """Let the object stand for another array; the caller's own keeps its shape."""
    buffer = self._buffer
    if buffer is None or (buffer.target is not None and not self._steps) or buffer.capture:
        raise leak(f"An array from outside was {what} in place.", "copy it first: x = x.copy()")
    for name in ("_value", "_node", "_buffer", "_steps", "_version", "_known", "_captured"):
        setattr(self, name, getattr(other, name))


@_method
def resize(self: TracedTensor, *new_shape: Any, refcheck: bool = True) -> None:
    shape = new_shape[0] if len(new_shape) == 1 else new_shape
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape or ())
    count, size = math.prod(shape), np.size(self._value)
    if not self._value.flags.forc:
        raise ValueError("resize only works on single-segment arrays")
    if shape == np.shape(self._value):
        return
    if self._steps and count != size:
        raise ValueError("cannot resize this array: it does not own its data")
    flat = np.ravel(self)
    more = np.zeros(max(count - size, 0), self.dtype)
    flat = np.concatenate([flat, more]) if count > size else flat[:count].copy()
    _become(self, flat if len(shape) == 1 else np.reshape(flat, shape).copy(), "resized")


def _set_shape(self: TracedTensor, shape: Any) -> None:
    found = self.reshape(shape)
    if found._buffer is not self._buffer:
        raise AttributeError(
            "Incompatible shape for in-place modification. Use `.reshape()` to make a copy with "
            "the desired shape."
        )
    _become(self, found, "given another shape")


TracedTensor.shape = TracedTensor.shape.setter(_set_shape)  # type: ignore[attr-defined]
# The real array behind the object keeps its number of axes, the object may change it.
TracedTensor.ndim = property(lambda self: np.ndim(self._value))


@_method
def to_device(self: TracedTensor, device: str, /, *, stream: Any = None) -> Any:
    np.empty(0).to_device(device, stream=stream)  # NumPy's own refusal of others than the CPU
    return self


@_method
def setflags(self: TracedTensor, *args: Any, **kwargs: Any) -> None:
    self._value.setflags(*args, **kwargs)
