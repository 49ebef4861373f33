"""``ufunc.at`` as reads and writes: repeated indices take turns, as they do in NumPy.

``np.multiply.at(y, [0, 2, 0], v)`` is recorded as two writes, of which none hits an item twice:

>>> y[[0, 2]] = np.multiply(y[[0, 2]], v[[0, 1]])
>>> y[[0]] = np.multiply(y[[0]], v[[2]])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import map_structure
from tracer.ops import registry
from tracer.recording.recorder.writes import assign, concrete_value, refuse_capture
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.leaks import contains_tensor
from tracer.recording.tensor.tensor import TracedTensor


def scatter(
    recorder: ActiveRecorder, ufunc: np.ufunc, target: Any, index: Any, *values: Any
) -> None:
    """``ufunc.at(target, index, *values)``.

    Raises
    ------
    CaptureMutationError
        If ``target`` was made outside the trace.
    """
    if not isinstance(target, TracedTensor):
        raise leak(
            f"{ufunc.__name__}.at wrote a traced value into an array from outside the trace.",
            "make it inside the traced function",
            errors.CaptureMutationError,
        )
    refuse_capture(recorder, target)
    values = tuple([recorder.as_array(v) if isinstance(v, (list, tuple)) else v for v in values])
    try:
        _try_out(ufunc, target, index, values)
    except IndexError:
        target[index]  # raises too, and notes that the program holds only while it does
        raise
    if ufunc in (np.add, np.subtract):
        value = values[0] if ufunc is np.add else np.negative(recorder.tensor(values[0]))
        result = recorder.call(registry.SCATTER_ADD, (target, value, index), {}, "")
        assign(recorder, target, result)
        return
    values = tuple([_own_dtype(recorder, value) for value in values])
    for where, parts in _turns(recorder, target, index, values):
        target[where] = ufunc(target[where], *parts)


def _own_dtype(recorder: ActiveRecorder, value: Any) -> Any:
    """Here Python's numbers are arrays like all others: they widen a narrow target's sums."""
    if not isinstance(value, TracedTensor):
        return np.asarray(value) if isinstance(value, (int, float, complex)) else value
    if isinstance(value._value, np.generic) or not isinstance(value._value, (int, float, complex)):
        return value
    return recorder.call(registry.ASTYPE, (value, np.asarray(value._value).dtype), {}, "")


def _try_out(ufunc: np.ufunc, target: TracedTensor, index: Any, values: tuple) -> None:
    """On a copy of the values, so that NumPy's own errors come first."""
    token = ACTIVE.set(None)
    try:
        ufunc.at(target._value.copy(), *map_structure(concrete_value, (index, *values)))
    finally:
        ACTIVE.reset(token)


def _turns(
    recorder: ActiveRecorder, target: TracedTensor, index: Any, values: tuple
) -> list[tuple[Any, tuple]]:
    """``(index, values)`` of writes that follow each other."""
    shape = np.shape(target._value)
    places = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    seen = places[map_structure(concrete_value, index)]
    if len(np.unique(seen)) == np.size(seen) and not _may_repeat(index):
        return [(index, values)]
    where = np.ravel(recorder.tensor(places)[index] if contains_tensor(index) else seen)
    turn = _earlier_ones(where)
    spread = [recorder.tensor(np.ravel(np.broadcast_to(v, np.shape(seen)))) for v in values]
    turns = []
    for number in range(int(np.max(turn)) + 1 if np.size(seen) else 0):
        now = np.nonzero(turn == number)[0]
        turns.append((np.unravel_index(where[now], shape), tuple([v[now] for v in spread])))
    return turns


def _may_repeat(index: Any) -> bool:
    """Whether another call could have repeated indices: index arrays that depend on data."""
    found: list[Any] = []
    map_structure(found.append, index)
    return any(
        [
            isinstance(part, TracedTensor)
            and not part._known
            and part.dtype.kind != "b"
            and np.ndim(part._value)
            for part in found
        ]
    )


def _earlier_ones(where: Any) -> Any:
    """For each index, how often it has occurred before."""
    order = np.argsort(where, kind="stable")
    ranked = where[order]
    first = np.searchsorted(ranked, ranked, side="left")
    return (np.arange(len(where)) - first)[np.argsort(order, kind="stable")]
