"""The traced Tensor: an ndarray subclass whose every operation becomes a node.

Its buffer is poison (see `tracer.recording.tensor.poison`), its value sits in ``_value``: NumPy
itself decides shapes, dtypes, promotion and what is a scalar.
"""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import Node
from tracer.ops import registry
from tracer.ops.dunders import define_operators
from tracer.recording.source.frames import is_asked_by
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.numba import RefusedByNumba
from tracer.recording.tensor.poison import refuse_buffer, shell, without_buffer
from tracer.recording.tensor.text import text_of
from tracer.recording.tensor.views import Buffer, ViewStep

NO_FAST_PATH: Any = object()  # what a short way gives where the general way is to be gone


@without_buffer
class TracedTensor(np.ndarray):
    """An array while its function is traced.

    Attributes
    ----------
    _value : np.ndarray, np.generic or Python scalar
    _recorder : ActiveRecorder
    _node : Node
        As of version ``_version`` of ``_buffer``.
    _buffer, _steps : Buffer or None, tuple of ViewStep
        The memory it looks at; scalars have none.
    _known : bool
        Whether it depends on no run-time input.
    _captured : bool
        Whether it depends on captured values alone: reading it drops no gradient.
    """

    __slots__ = (
        "_buffer",
        "_captured",
        "_known",
        "_node",
        "_recorder",
        "_steps",
        "_value",
        "_version",
    )
    __array_priority__ = 1e6
    __numba_array_subtype_dispatch__ = RefusedByNumba()

    _value: Any
    _recorder: ActiveRecorder
    _node: Node
    _buffer: Buffer | None
    _steps: tuple[ViewStep, ...]
    _version: int
    _known: bool
    _captured: bool

    def __init_subclass__(cls) -> None:
        without_buffer(cls)

    if sys.version_info >= (3, 12):
        __buffer__ = refuse_buffer

    def __array_finalize__(self, obj: Any) -> None:
        if isinstance(obj, TracedTensor):
            raise leak(
                "A traced array was viewed or copied without NumPy's protocols.",
                "use an ndarray method or NumPy function that tracer knows",
            )

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return recorder_for(self, args, kwargs).ufunc(ufunc, method, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return recorder_for(self, args, kwargs).function(function, args, kwargs)

    # -- what Python asks ------------------------------------------------------------------
    @property
    def __class__(self):
        return type(self._value)

    @property
    def dtype(self) -> np.dtype:
        value = self._value
        if isinstance(value, (np.ndarray, np.generic)):
            return value.dtype
        return self._node.specs[0].dtype

    @dtype.setter
    def dtype(self, dtype: Any) -> None:
        raise leak("The dtype of a traced array was assigned.", "use x = x.astype(dtype)")

    @property
    def shape(self) -> tuple[int, ...]:
        spec = self._node.specs[0]
        if not spec.is_static:
            self._recorder.read_shape(self)
        return np.shape(self._value)

    @shape.setter
    def shape(self, shape: Any) -> None:
        raise leak("The shape of a traced array was assigned.", "use x = x.reshape(shape)")

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return np.asarray(self._value).strides

    @property
    def flags(self) -> Any:
        self._recorder.captures.identities.guard_ownership(self)
        return np.asarray(self._value).flags

    @property
    def base(self) -> Any:
        return self._recorder.captures.identities.refuse_base(self)

    def __len__(self) -> int:
        if not np.ndim(self._value):
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self):
        if not np.ndim(self._value):
            raise TypeError("iteration over a 0-d array")
        return map(self.__getitem__, range(len(self)))  # one by one: a write in between counts

    def __bool__(self) -> bool:
        return alive(self).branch(self)

    def __index__(self) -> int:
        outcome = operator.index(self._value)
        return alive(self).read_integer(self, outcome)

    def __int__(self) -> int:
        return alive(self).read_integer(self, int(self._value))

    def __float__(self) -> float:
        if is_asked_by("logging"):  # text, as in format()
            return float(self._value)
        return alive(self).read_number(self, float)

    def __complex__(self) -> complex:
        return alive(self).read_number(self, complex)

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    def __hash__(self) -> int:
        if self._buffer is None and self.dtype.kind == "b":
            return hash(self.__bool__())
        if self._buffer is None and self.dtype.kind in "iu":
            return hash(self.__index__())  # a whole number as a key: a guard, as for an index
        if self._buffer is None and self._captured and _is_exact(self._value):
            kind = complex if self.dtype.kind == "c" else float
            return hash(alive(self).read_number(self, kind))  # of a setting: its value is guarded
        raise TypeError("a traced value can't be hashed: use its index or name as the key instead")

    def __repr__(self) -> str:
        if self._recorder.closed:  # it has left its trace
            return f"Traced({self._value!r})"
        return _text(self, repr(self._value), "repr")

    def __str__(self) -> str:
        return _text(self, str(self._value), "str")

    def __format__(self, spec: str) -> str:
        return _text(self, format(self._value, spec), "format", spec)

    def __bytes__(self) -> bytes:
        raise leak("A traced array was turned into bytes.", "do it outside the trace")

    def __getattr__(self, name: str) -> Any:
        if name in TracedTensor.__slots__:  # made by C code, without a value
            raise leak(
                "A traced array was viewed or copied without NumPy's protocols.",
                "use an ndarray method or NumPy function that tracer knows",
            )
        raise AttributeError(f"'{type(self._value).__name__}' object has no attribute '{name}'")

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __reduce__(self) -> Any:
        raise leak("A traced array was pickled.", "pickle it outside the traced function")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise leak("A traced array was turned into a plain one.", "keep it a traced array")

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any:
        raise leak("A traced array was exported through DLPack.", "export it outside the trace")

    # -- indexing and writing --------------------------------------------------------------
    def __getitem__(self, index: Any) -> Any:
        recorder = self._recorder
        if ACTIVE.get() is not recorder:
            recorder = recorder_for(self, (index,), {})
        found = recorder.item(self, index)
        if found is not NO_FAST_PATH:
            return found
        if not is_basic(index):
            index = plain_index(index)
        return recorder.call(registry.GETITEM, (self, index), {}, "")

    def __setitem__(self, index: Any, value: Any) -> None:
        recorder_for(self, (index, value), {}).write(self, plain_index(index), value)

    def __eq__(self, other: Any) -> Any:
        return _compare(self, "equal", other, "zeros_like")

    def __ne__(self, other: Any) -> Any:
        return _compare(self, "not_equal", other, "ones_like")


def is_basic(index: Any) -> bool:
    """Whether an index consists of integers, slices, ``...`` and ``None``, all known."""
    kind = type(index)
    if kind is int:
        return True
    if kind is slice:
        low, high, step = index.start, index.stop, index.step
        return (
            (low is None or type(low) is int)
            and (high is None or type(high) is int)
            and (step is None or type(step) is int)
        )
    if kind is tuple:
        return all([type(item) is not tuple and is_basic(item) for item in index])
    return index is None or index is Ellipsis


def plain_index(index: Any) -> Any:
    """An index with Python's integers for NumPy's: they mean the same and print shorter."""
    kind = type(index)
    if kind is int or isinstance(index, np.ndarray):
        return index
    if isinstance(index, np.integer) and not isinstance(index, TracedTensor):
        return int(index)
    if kind is tuple:
        return tuple([plain_index(item) for item in index])
    if kind is slice:
        return slice(_bound(index.start), _bound(index.stop), _bound(index.step))
    return index


def _bound(index: Any) -> Any:
    """A bound of a slice: it decides a size, so that a traced one is read, as by ``range``."""
    if not isinstance(index, TracedTensor) or index.dtype.kind not in "iu" or index.ndim:
        return plain_index(index)
    return alive(index).read_integer(index, int(index._value))


def _is_exact(value: Any) -> bool:
    """Whether a Python number tells all of a scalar, so that a guard can compare them."""
    return bool((complex if np.iscomplexobj(value) else float)(value) == value)


def _text(tensor: TracedTensor, text: str, how: str, spec: str = "") -> str:
    """The text of a value; that of an int which is an input is a read of it: a name, a key."""
    if tensor._recorder.weak_ints and type(tensor._value) is int:
        tensor._recorder.read_integer(tensor, tensor._value)
        return text
    return text_of(text, tensor, how, spec)


def alive(tensor: TracedTensor) -> ActiveRecorder:
    """The Tensor's own recorder, whose trace must not be over.

    Raises
    ------
    LeakError
    """
    own = tensor._recorder
    return own if not own.closed else recorder_for(tensor, (), {})


def recorder_for(tensor: TracedTensor, args: Any, kwargs: Any) -> ActiveRecorder:
    """The recorder at work, which must be able to see this Tensor.

    Raises
    ------
    LeakError
        If the trace that made the Tensor is over.
    """
    active = ACTIVE.get()
    own = tensor._recorder
    if active is own:
        return own
    if active is not None and not own.closed:
        return active  # an inner trace reads an outer Tensor: it becomes an input there
    if own.closed or active is None:
        error = errors.LeakError(
            "A traced array was used after its trace had ended, or in another thread.",
            tensor._node.origin,
            "return it from the traced function instead of storing it elsewhere",
        )
        if not own.closed and own.leaked is None:  # the thread may swallow it
            own.leaked = error
        raise error
    return active


def _compare(self: TracedTensor, name: str, other: Any, never: str) -> Any:
    """``==`` and ``!=``; ``never`` fills the answer for a partner that no number equals."""
    recorder = recorder_for(self, (other,), {})
    found = recorder.operator(registry.op_named(name), (self, other))
    if found is not NotImplemented or not np.ndim(self._value):
        return found
    if type(other).__module__ == "builtins" or type(other).__eq__ is object.__eq__:
        return recorder.call(registry.op_named(never), (self,), {"dtype": bool}, "")
    return found


def _binary(name: str):
    op = registry.op_named(name)

    def forward(self: TracedTensor, other: Any) -> Any:
        recorder = self._recorder
        if ACTIVE.get() is not recorder:
            recorder = recorder_for(self, (), {})
        return recorder.operator(op, (self, other))

    def reflected(self: TracedTensor, other: Any) -> Any:
        recorder = self._recorder
        if ACTIVE.get() is not recorder:
            recorder = recorder_for(self, (), {})
        return recorder.operator(op, (other, self))

    def in_place(self: TracedTensor, other: Any) -> Any:
        return recorder_for(self, (), {}).in_place(op, self, other)

    return forward, reflected, in_place


def _unary(name: str):
    op = registry.op_named(name)
    return lambda self: recorder_for(self, (), {}).operator(op, (self,))


define_operators(TracedTensor, _binary, _unary, ("lt", "le", "gt", "ge"))


SCALAR_SHELL = shell(())


def new_tensor(
    kind: type[TracedTensor],
    recorder: ActiveRecorder,
    node: Node,
    value: Any,
    buffer: Buffer | None,
    steps: tuple[ViewStep, ...],
    known: bool,
    captured: bool,
) -> Any:
    """The only way to make one: the value of a node, in memory that is poison to others."""
    if buffer is None:
        tensor = SCALAR_SHELL.view(kind)
        tensor._version = 0
    else:
        tensor = shell(value.shape).view(kind)
        tensor._version = buffer.version
    tensor._value = value
    tensor._recorder = recorder
    tensor._node = node
    tensor._buffer = buffer
    tensor._steps = steps
    tensor._known = known
    tensor._captured = captured
    if recorder.kept is not None and node.specs[0].kind != "object":  # a stream is no value
        recorder.kept.append(tensor)
    return tensor
