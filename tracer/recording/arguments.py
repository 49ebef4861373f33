"""The arguments of a trace: what is an input, private copies, what is refused.

>>> input_tensors(recorder, FlatArguments([np.ones(2), "mean"], structure, ["x", "kind"]))
([Traced(array([1., 1.])), 'mean'], (0,))
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tracer import errors
from tracer.python.attributes import own
from tracer.python.unwrap import innermost
from tracer.recording.captures.paths import Path
from tracer.recording.random.streams import STREAMS
from tracer.recording.recorder.calls import refuse_type
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor, alive

WRITEABLE = 0x400  # NPY_ARRAY_WRITEABLE
LATER = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True, slots=True, eq=False)
class FlatArguments:
    """The arguments of a call, flat.

    Attributes
    ----------
    leaves, structure, names
        Of ``(args, kwargs)``: flat values, their tree, and a name for each leaf.
    static
        Numbers of the leaves that are no inputs although they could be.
    weak
        Numbers of Python ints that are inputs: they have had several values.
    """

    leaves: Sequence[Any]
    structure: Any
    names: Sequence[str]
    static: frozenset[int] = frozenset()
    weak: frozenset[int] = frozenset()


def input_tensors(
    recorder: Recorder, arguments: FlatArguments
) -> tuple[list[Any], tuple[int, ...]]:
    """What the function gets for each leaf, and which leaves are inputs."""
    captures, outermost = recorder.captures, recorder.enclosing is None
    placed = []
    dynamic = []
    for number, leaf in enumerate(arguments.leaves):
        if number in arguments.static or not (number in arguments.weak or is_dynamic(leaf)):
            if outermost:
                captures.add_path(leaf, Path("leaf", number))
            placed.append(leaf)
            continue
        dynamic.append(number)
        value = leaf
        if isinstance(leaf, TracedTensor):
            alive(leaf)
            value = leaf._value
        tensor = recorder.argument(private_copy(value), arguments.names[number])
        path = Path("leaf", number) if outermost else None
        placed.append(captures.identities.bind(tensor, leaf, path))
    return placed, tuple(dynamic)


def readonly_outputs(
    recorder: Recorder,
    outputs: Sequence[TracedTensor],
    leaves: Sequence[Any],
    dynamic: Sequence[int],
) -> tuple[int, ...]:
    """Numbers of the outputs that were made read-only, or are views of such.

    Raises
    ------
    LeakError
        If an argument was locked or unlocked, which the caller would see.
    """
    for number, node in zip(dynamic, recorder.inputs, strict=False):
        own = next((b.value for b in recorder.arguments if b.target is node), None)
        given = leaves[number]
        if (
            own is not None
            and isinstance(given, np.ndarray)
            and (not isinstance(given, TracedTensor) and _is_writeable(own) != _is_writeable(given))
        ):
            raise leak(
                f"The function locked or unlocked the memory of its argument {node.name}.",
                "copy it first",
            )
    outside = recorder.arguments
    return tuple(
        [
            number
            for number, tensor in enumerate(outputs)
            if isinstance(tensor._value, np.ndarray)
            and not _is_writeable(tensor._value)
            and tensor._buffer not in outside
        ]
    )


def _is_writeable(array: np.ndarray) -> bool:
    """Whether it may be written to, without NumPy's warning about broadcast arrays."""
    return bool(array.flags.num & WRITEABLE)


def is_dynamic(leaf: Any) -> bool:
    """Whether an argument's leaf is a run-time input; the rest is static."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        if isinstance(leaf, TracedTensor):
            return True
        refuse_type(leaf)
        return True
    kind = type(leaf)
    if kind is float or kind is complex or isinstance(leaf, STREAMS):
        return True
    if kind.__module__.startswith(("scipy.sparse", "pandas")):
        raise errors.UnsupportedType(
            f"A {kind.__module__.split('.')[0]} {kind.__name__} can't be traced.",
            None,
            "pass a plain ndarray: x.toarray() or x.to_numpy()",
        )
    return False


def layout_of(value: Any) -> Any:
    """How an array lies in memory, which decides what is a view of it; None for the usual."""
    if type(value) is not np.ndarray or value.flags.carray:
        return None
    return value.strides, value.flags.writeable


def private_copy(value: Any) -> Any:
    """The trace's own memory for an argument, laid out alike."""
    if not isinstance(value, np.ndarray):
        return value
    if value.flags.c_contiguous or value.flags.f_contiguous:
        found = value.copy(order="K")
        found = found if value.flags.owndata else found.view()
    else:  # what is a view and what is a copy depends on the gaps
        low, high = byte_bounds(value)
        start = value.__array_interface__["data"][0] - low
        room = np.empty(high - low, np.uint8)
        found = np.ndarray(value.shape, value.dtype, room, start, value.strides)
        found[...] = value
    found.flags.writeable = value.flags.writeable
    return found


def _inside(function: Any) -> Any:
    """The function in partials and methods."""
    while isinstance(function, partial):
        function = function.func
    return innermost(function)


def refuse_generators(function: Any) -> None:
    """Generators and async functions run after the trace is over."""
    code = own(_inside(function), "__code__")
    if code is not None and code.co_flags & LATER:
        raise errors.UnsupportedType(
            f"{function.__name__} is a generator or async function, which can't be traced.",
            None,
            "trace a plain function that returns its result",
        )


def refuse_coroutine(result: Any) -> None:
    """A generator as the result would run after the trace."""
    if inspect.isgenerator(result) or inspect.iscoroutine(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()  # it will never be awaited
        raise errors.UnsupportedType(
            "The traced function returned a generator, which would run after the trace.",
            None,
            "return a list instead",
        )
