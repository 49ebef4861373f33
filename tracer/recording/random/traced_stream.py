"""Random streams in a trace: each draw becomes a node on the same stream, in the user's order.

>>> @trace
... def noisy(x, rng):
...     return x + rng.normal(size=x.shape)
>>> print(noisy.graph(np.ones(3), np.random.default_rng(0), mode="forward"))
graph 'noisy(x, rng)'
%0 x: f64[3] = input()
%1 rng: object = input()
%2: f64[3] = random.Generator.normal(%1, size=(3,)) as method
%3: f64[3] = add(%0, %2) as operator
return value %3

Tracing draws from private copies of the streams; the program that runs afterwards draws from the
real ones. A program that does not come to its end (another branch, an exception) puts the states
back. If the user's function raises, the streams stand where plain NumPy would have left them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import Node, Params, Ref
from tracer.ops import registry
from tracer.ops.random import (
    BY_SIZES,
    DISTRIBUTIONS,
    MADE_BY,
    MAKER_OPS,
    STREAM,
    draw_op,
    parameters_of,
)
from tracer.ops.stand_ins import stand_in
from tracer.recording.random.streams import GLOBAL, STREAMS
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.leaks import contains_tensor
from tracer.recording.tensor.scalar import TracedScalar
from tracer.recording.tensor.tensor import TracedTensor, new_tensor, recorder_for

UNKNOWN_FIX = "pass the generator as an argument, or make it inside with np.random.default_rng"


class TracedStream(TracedScalar):
    """A Generator or RandomState while its function is traced: its methods record draws."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    def __getitem__(self, index: Any) -> Any:
        raise leak("The state of a random stream was read in a traced function.", UNKNOWN_FIX)

    def __deepcopy__(self, memo: Any) -> Any:
        raise leak("A random stream was copied in a traced function.", UNKNOWN_FIX)

    def __copy__(self) -> Any:
        return self.__deepcopy__(None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        kind = type(self._value)
        found = getattr(kind, name, None)
        if found is None:
            raise AttributeError(f"'{kind.__name__}' object has no attribute '{name}'")
        if not isinstance(self._value, STREAMS) or not callable(found):
            raise leak(f"{kind.__name__}.{name} was read in a traced function.", UNKNOWN_FIX)
        return drawing(self, name)


def traced_stream(recorder: ActiveRecorder, node: Node, value: Any) -> TracedStream:
    """The stand-in for a stream; ``value`` is the copy that tracing draws from."""
    return new_tensor(TracedStream, recorder, node, value, None, (), False, False)


def stream_argument(recorder: ActiveRecorder, stream: Any, name: str) -> TracedStream:
    """A stream as an input of the trace."""
    node = Node(registry.INPUT, (), Params(), (STREAM,), None, name)
    recorder.inputs.append(node)
    own = recorder.streams.private(stream) if isinstance(stream, STREAMS) else stream
    return traced_stream(recorder, node, own)


def global_stream(recorder: ActiveRecorder) -> TracedStream:
    """The stream of ``np.random.normal`` and its like: a constant of the program."""
    found = recorder.streams.traced.get(id(GLOBAL))
    if found is None:
        node = Node(registry.CONSTANT, (), Params((Ref(GLOBAL, "np_random"),)), (STREAM,))
        recorder.nodes.append(node)
        copy = _enclosing_copy(recorder)
        found = traced_stream(
            recorder, node, recorder.streams.private(GLOBAL) if copy is None else copy
        )
        recorder.streams.traced[id(GLOBAL)] = found
    return found


def _enclosing_copy(recorder: ActiveRecorder) -> Any:
    """In an inner trace the outer one's copy is the stream as it stands now."""
    if recorder.enclosing is None:
        return None
    return recorder.streams.private(global_stream(recorder.enclosing)._value)


# -- draws -----------------------------------------------------------------------------------
def drawing(stream: TracedStream, name: str) -> Callable[..., Any]:
    """The method ``name`` of a traced stream."""

    def draw(*args: Any, **kwargs: Any) -> Any:
        recorder = recorder_for(stream, args, kwargs)
        own: Any = stream if stream._recorder is recorder else recorder.from_outer(stream)
        return _draw(recorder, own, name, args, kwargs)

    draw.__name__ = name
    return draw


def _draw(
    recorder: ActiveRecorder, stream: TracedStream, name: str, args: tuple, kwargs: dict
) -> Any:
    owner = type(stream._value)
    name = {"ranf": "random_sample", "sample": "random_sample"}.get(name, name)
    special = SPECIAL.get(name)
    if special is not None:
        return special(recorder, stream, *args, **kwargs)
    if name not in DISTRIBUTIONS and name not in BY_SIZES:
        raise leak(
            f"{owner.__name__}.{name} was used in a traced function.",
            "call it outside, and draw inside from a generator that is passed as an argument",
        )
    if "out" in kwargs and kwargs["out"] is not None:
        return _draw_into(recorder, stream, name, args, **kwargs)
    args, kwargs = _arranged(recorder, name, args, kwargs)
    return recorder.call(draw_op(owner, name), (stream, *args), kwargs, "method")


def _draw_into(
    recorder: ActiveRecorder,
    stream: TracedStream,
    name: str,
    args: tuple,
    *,
    out: Any,
    **kwargs: Any,
) -> Any:
    """``rng.random(out=x)``: drawn, then written."""
    if not isinstance(out, TracedTensor):
        raise leak(
            f"{name}(out=...) wrote into an array made outside the trace.",
            "make it inside the traced function, e.g. out = np.empty(n)",
            errors.CaptureMutationError,
        )
    if len(args) < 1:
        kwargs.setdefault("size", out.shape)
    if out.dtype != np.float64:
        kwargs.setdefault("dtype", out.dtype)
    out[...] = _draw(recorder, stream, name, args, kwargs)
    return out


def _arranged(recorder: ActiveRecorder, name: str, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Parameters that hold arrays by position; the size as plain integers."""
    if name in BY_SIZES:
        return tuple([_size(a) for a in args]), kwargs
    names, defaults = parameters_of(name)
    count = len(names)
    bound = dict(zip(names, args[:count], strict=False))
    bound |= {key: kwargs.pop(key) for key in list(kwargs) if key in names}
    rest = list(args[count:])
    if rest:
        rest[0] = _size(rest[0])
    if "size" in kwargs:
        kwargs["size"] = _size(kwargs["size"])
    bound = {key: _array(recorder, value) for key, value in bound.items()}
    traced = [k for k, n in enumerate(names) if _is_array(bound.get(n))]
    needed = max([len(args[:count]), *[k + 1 for k in traced]]) if not rest else count
    positional = []
    for parameter in names[:needed]:
        if parameter not in bound and parameter not in defaults:
            break  # NumPy will say what is missing
        positional.append(bound.pop(parameter, defaults.get(parameter)))
    return (*positional, *rest), {**bound, **kwargs}


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic))


def _array(recorder: ActiveRecorder, value: Any) -> Any:
    """A list that holds Tensors, as an array."""
    if type(value) in (list, tuple) and contains_tensor(value):
        return recorder.as_array(value)
    return value


def _size(size: Any) -> Any:
    """A size as plain integers: reading a traced one is a guard."""
    if isinstance(size, (tuple, list)):
        return tuple([n if type(n) is int else n.__index__() for n in size])
    if isinstance(size, np.ndarray) and np.ndim(size):
        return tuple([n.__index__() for n in size])
    return size if size is None or type(size) is int else size.__index__()


def _choice(
    recorder: ActiveRecorder,
    stream: TracedStream,
    a: Any,
    size: Any = None,
    replace: Any = True,
    p: Any = None,
    axis: int = 0,
    shuffle: bool = True,
) -> Any:
    """A choice among elements is a choice of positions and a look-up."""
    op = draw_op(type(stream._value), "choice")
    options: dict[str, Any] = {} if size is None else {"size": _size(size)}
    options |= {} if replace is True else {"replace": bool(replace)}
    options |= {} if p is None else {"p": recorder.tensor(_array(recorder, p))}
    options |= {} if shuffle is True else {"shuffle": shuffle}
    if isinstance(a, (int, np.integer)) or not np.ndim(a):
        return recorder.call(op, (stream, a), options, "method")
    a = recorder.tensor(_array(recorder, a))
    if isinstance(stream._value, np.random.RandomState) and np.ndim(a) != 1:
        raise ValueError("a must be 1-dimensional")
    places = recorder.call(op, (stream, np.shape(a)[axis]), options, "method")
    if axis == 0 or np.ndim(a) == 1:
        return a[places]
    return np.take(a, places, axis=axis)


def _order(recorder: ActiveRecorder, stream: TracedStream, count: int) -> Any:
    op = draw_op(type(stream._value), "permutation")
    return recorder.call(op, (stream, count), {}, "method")


def _permutation(recorder: ActiveRecorder, stream: TracedStream, x: Any, axis: int = 0) -> Any:
    """Another order of the elements is an order of the positions and a look-up."""
    if not isinstance(x, (list, tuple, np.ndarray)) or not np.ndim(x):
        op = draw_op(type(stream._value), "permutation")
        return recorder.call(op, (stream, x), {}, "method")
    x = recorder.tensor(_array(recorder, x))
    places = _order(recorder, stream, np.shape(x)[axis])
    return x[places] if axis == 0 else np.take(x, places, axis=axis)


def _shuffle(recorder: ActiveRecorder, stream: TracedStream, x: Any, axis: int = 0) -> None:
    if not isinstance(x, TracedTensor) or x._buffer is None:
        raise leak(
            f"shuffle() was called on a {type(x).__name__} that is not traced.",
            "order positions instead: order = rng.permutation(len(items))",
            errors.CaptureMutationError,
        )
    x[...] = _permutation(recorder, stream, x, axis)


def _permuted(
    recorder: ActiveRecorder, stream: TracedStream, x: Any, axis: Any = None, out: Any = None
) -> Any:
    """Each slice in an order of its own: positions are permuted in the same way, then looked up."""
    x = recorder.tensor(_array(recorder, x))
    shape = np.shape(x)
    numbers = np.arange(int(np.prod(shape)))
    options = {} if axis is None else {"axis": axis}
    op = draw_op(type(stream._value), "permuted")
    places = recorder.call(op, (stream, np.reshape(numbers, shape)), options, "method")
    result = np.ravel(x)[places]
    if out is None:
        return result
    if not isinstance(out, TracedTensor):
        raise leak(
            "permuted(out=...) wrote into an array made outside the trace.",
            "make it inside the traced function",
            errors.CaptureMutationError,
        )
    out[...] = result
    return out


def _change(name: str) -> Callable[..., Any]:
    """``np.random.seed(0)``, ``set_state(s)``: a draw that gives nothing; ``get_state()``."""

    def change(recorder: ActiveRecorder, stream: TracedStream, *args: Any, **kwargs: Any) -> Any:
        op = draw_op(type(stream._value), name)
        tensors: list[TracedTensor] = []
        params, values = recorder.template((stream, *args), kwargs, tensors)
        value = recorder.compute(op, params, values, "method")
        inputs = tuple([recorder.node_of(t) for t in tensors])
        node = recorder.add(op, inputs, params, (STREAM,), "", "method")
        return None if value is None else traced_stream(recorder, node, value)

    return change


SPECIAL: dict[str, Callable[..., Any]] = {
    "choice": _choice,
    "permutation": _permutation,
    "shuffle": _shuffle,
    "permuted": _permuted,
    "seed": _change("seed"),
    "set_state": _change("set_state"),
    "get_state": _change("get_state"),
}


# -- streams made inside ---------------------------------------------------------------------
def made(maker: Any) -> Callable[..., Any]:
    """``np.random.default_rng`` and its like: in a trace, the stream is made on every call."""

    @wraps(maker, updated=())
    def make(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None:
            return maker(*args, **kwargs)
        if args and isinstance(args[0], TracedStream) and isinstance(args[0]._value, STREAMS):
            return args[0]  # default_rng of a generator is that generator
        tensors: list[TracedTensor] = []
        params, values = recorder.template(args, kwargs, tensors)
        op = MAKER_OPS[maker]
        value = recorder.compute(op, params, values, "")
        place = recorder.place()
        name = place.target if place is not None and isinstance(place.target, str) else ""
        inputs = tuple([recorder.node_of(t) for t in tensors])
        return traced_stream(recorder, recorder.add(op, inputs, params, (STREAM,), name), value)

    make.__wrapped__ = maker
    return stand_in(make, maker)


MADE: dict[int, Callable[..., Any]] = {id(maker): made(maker) for maker in MAKER_OPS}


def is_random(node: Node) -> bool:
    """Whether a node is a stream, makes one, or seeds one."""
    return node.specs[0].kind == "object" and node.op is not registry.INPUT


def replay_random(recorder: ActiveRecorder, node: Node, operands: list[Any]) -> Any:
    """The node's stream once more, in an outer trace."""
    if node.op is registry.CONSTANT:
        return global_stream(recorder)
    args, kwargs = node.params.fill(operands)
    if node.op in MADE_BY:
        return made(MADE_BY[node.op])(*args, **kwargs)
    return drawing(args[0], node.op.name.rpartition(".")[2])(*args[1:], **kwargs)
