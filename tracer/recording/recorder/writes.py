"""Writes: ``x[i] = v``, ``+=``, ``out=`` and ``ufunc.at`` make a new version of a buffer.

>>> recorder.write(view, index, 0.0)  # every other view of the same memory sees it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.node import HOLES, Node, Params, hole, map_structure
from tracer.ops import registry
from tracer.recording.recorder.calls import template
from tracer.recording.recorder.fast_path import put
from tracer.recording.recorder.results import guard_raises, write_down
from tracer.recording.recorder.view_writes import put_back
from tracer.recording.source.frames import BY_TENSOR
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor


def write(recorder: ActiveRecorder, target: TracedTensor, index: Any, value: Any) -> None:
    """``target[index] = value``: a new version of the memory that ``target`` looks at."""
    rows = map_structure(concrete_value, value) if isinstance(value, (list, tuple)) else None
    if rows is not None:
        value = recorder.as_array(value)
    refuse_capture(recorder, target)
    if put(recorder, target, index, value):
        return
    old = recorder.node_of(target)
    tensors: list[TracedTensor] = []
    params, values = template(recorder, (value, index), {}, tensors)
    (concrete, concrete_index), _ = params.fill(values)
    if (
        isinstance(value, TracedTensor)
        and value._buffer is target._buffer
        and (
            _is_region(concrete, target._value, concrete_index)
            and _stays_region(value, target, params, tensors)
        )
    ):
        return  # `x[1:3] *= y` ends by storing the view that it has already changed
    shifted = map_structure(_shift, params.args)
    try:
        target._value[concrete_index] = concrete if rows is None else rows
    except Exception as error:
        written = Params((HOLES[0], *shifted))
        guard_raises(recorder, registry.SETITEM, written, [target, *tensors], "", error)
        raise
    inputs = (old, *[recorder.node_of(t) for t in tensors])
    place = recorder.locator.running(BY_TENSOR)
    params = Params((HOLES[0], *shifted))
    node = write_down(recorder, registry.SETITEM, inputs, params, old.specs, "", place, old.name)
    recorder.replace(target, node, all([t._known for t in tensors]))


def replace(
    recorder: ActiveRecorder, target: TracedTensor, node: Node, known: bool = False
) -> None:
    """The memory that ``target`` looks at now holds ``node``."""
    buffer = target._buffer
    assert buffer is not None
    target._known = target._known and known
    target._captured = target._known
    buffer.node = put_back(recorder, target, node)
    buffer.version += 1
    target._node = node
    target._version = buffer.version


def assign(recorder: ActiveRecorder, target: TracedTensor, value: Any) -> None:
    """All of ``target`` takes ``value``, broadcast and cast as an in-place op would."""
    refuse_capture(recorder, target)
    spec = target._node.specs[0]
    target._value[...] = value._value
    node = recorder.node_of(value)
    fits = node.specs[0].shape == spec.shape and node.specs[0].kind == spec.kind
    if not fits or not _laid_out_alike(value._value, target._value):
        params = Params((HOLES[0], HOLES[1], Ellipsis))
        node = recorder.add(
            registry.SETITEM, (recorder.node_of(target), node), params, (spec,), target._node.name
        )
    elif node.specs[0].dtype != spec.dtype:
        params = Params((HOLES[0], spec.dtype))
        node = recorder.add(registry.ASTYPE, (node,), params, (spec,), target._node.name)
    recorder.replace(target, node, value._known)


def refuse_capture(recorder: ActiveRecorder, target: TracedTensor) -> None:
    buffer = target._buffer
    if target._recorder is not recorder:
        raise leak(
            "An inner trace wrote to an array of the outer one.",
            "copy it first: x = x.copy()",
            errors.CaptureMutationError,
        )
    if buffer is None:
        raise TypeError("a scalar does not support item assignment")
    if not target._value.flags.writeable:
        raise ValueError("assignment destination is read-only")
    if buffer.capture:
        raise leak(
            f"The function wrote to {buffer.capture}, an array made outside of it.",
            "copy it first, or pass it as an argument",
            errors.CaptureMutationError,
        )


def _laid_out_alike(value: Any, target: np.ndarray) -> bool:
    """Whether a new array can stand for the written one: sums and products go by the layout."""
    if target.ndim < 2:
        return True
    order = "C" if target.flags.c_contiguous else "F" if target.flags.f_contiguous else ""
    return order == "" or bool(value.flags[f"{order}_CONTIGUOUS"])


def concrete_value(leaf: Any) -> Any:
    return leaf._value if isinstance(leaf, TracedTensor) else leaf


def _is_region(value: Any, target: np.ndarray, index: Any) -> bool:
    """Whether ``value`` is the very memory that ``target[index]`` is."""
    region = target[index]
    return (
        isinstance(region, np.ndarray)
        and isinstance(value, np.ndarray)
        and (
            region.__array_interface__["data"] == value.__array_interface__["data"]
            and region.shape == value.shape
            and region.strides == value.strides
            and region.dtype == value.dtype
        )
    )


def _stays_region(
    value: TracedTensor, target: TracedTensor, params: Params, tensors: Sequence[TracedTensor]
) -> bool:
    """Whether ``value`` is ``target[index]`` in every call: no traced place decides on it."""
    steps, common = value._steps, 0
    for one, other in zip(steps, target._steps, strict=False):
        if one is not other:
            break
        common += 1
    if all([t._known for t in tensors if t is not value]) and not any(
        [step.picks and not step.is_known for step in (*steps[common:], *target._steps[common:])]
    ):
        return True
    return (
        len(steps) == len(target._steps) + 1 == common + 1
        and steps[-1].op is registry.GETITEM
        and steps[-1].params.args[1] == params.args[1]
        and steps[-1].inputs[1:] == tuple([t._node for t in tensors if t is not value])
    )


def _shift(leaf: Any) -> Any:
    return hole(leaf.slot + 1) if isinstance(leaf, type(HOLES[0])) else leaf
