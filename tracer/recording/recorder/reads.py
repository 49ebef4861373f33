"""Reads: what Python asks of a traced value is answered while tracing, and guarded.

>>> if x > 0: ...  # branch: the program holds while the outcome is the same
>>> y[int(n)]  # read_integer: while n is
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import Guard
from tracer.ops import registry
from tracer.recording.recorder.sizes import fix_sizes
from tracer.recording.source.frames import BY_RECORDER
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor

BOOLS = frozenset({bool, np.bool_})


UNREAD = -1  # the version of a view that is to be read from its base again


def branch(recorder: ActiveRecorder, tensor: TracedTensor) -> bool:
    """``if tensor``: the outcome becomes a guard."""
    outcome = bool(tensor._value)
    if type(tensor._value) in BOOLS and tensor._recorder is recorder and recorder.kept is not None:
        node = tensor._node  # seen by none but a program for this one call
        if not tensor._known and node not in recorder.guarded:
            recorder.guarded.add(node)
            recorder.guards.append(Guard(node, outcome, "equals", node.origin))
        return outcome
    _guard(recorder, tensor, outcome)
    return outcome


def _guard(recorder: ActiveRecorder, tensor: TracedTensor, outcome: Any) -> None:
    if tensor._known:
        return
    node = recorder.node_of(tensor)
    spec = node.specs[0]
    if spec.dtype.kind != "b" or spec.shape:
        if type(outcome) is bool:
            inner = recorder.call(registry.op_of(np.not_equal), (tensor, 0), {}, "operator")
            node = recorder.node_of(inner)
            if node.specs[0].shape:
                node = recorder.node_of(np.all(inner))
    if node in recorder.guarded:
        return
    recorder.guarded.add(node)
    place = recorder.locator.running(BY_RECORDER)
    recorder.guards.append(Guard(node, outcome, "equals", place.origin if place else None))


def read_integer(recorder: ActiveRecorder, tensor: TracedTensor, outcome: int) -> int:
    """``int(tensor)``, ``range(tensor)``: the outcome becomes a guard."""
    if tensor._known:
        return outcome
    dtype = tensor._node.specs[0].dtype
    if dtype.kind in "fc":
        whole = recorder.call(registry.op_of(np.trunc), (tensor,), {}, "")
        node = recorder.node_of(whole)
    else:
        node = recorder.node_of(tensor)
    if node not in recorder.guarded:
        recorder.guarded.add(node)
        place = recorder.place()
        recorder.guards.append(Guard(node, outcome, "equals", place.origin if place else None))
    return outcome


def read_number(recorder: ActiveRecorder, tensor: TracedTensor, kind: Any) -> Any:
    if tensor._known:
        return kind(tensor._value)
    if tensor._node.specs[0].dtype.kind in "biu":
        return kind(recorder.read_integer(tensor, int(tensor._value)))
    if tensor._captured:
        number = kind(tensor._value)
        _guard(recorder, tensor, number)
        return number
    raise leak(
        f"{kind.__name__}() of a traced value would drop its gradient.",
        "calculate with the number itself, or take this step outside the traced function",
        errors.ConversionError,
    )


def read_shape(recorder: ActiveRecorder, tensor: TracedTensor) -> None:
    """A run-time size was read: from here on the program holds for that size only."""
    node = tensor._node
    if node in recorder.guarded:
        return
    recorder.guarded.add(node)
    place = recorder.place()
    fix_sizes(recorder, node, place.origin if place is not None else None)
