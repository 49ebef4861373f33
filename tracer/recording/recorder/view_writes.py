"""Writes to views: the memory that a view looks at gets a new version, the view put back into it.

>>> row = x[1]
>>> row += 1  # recorded as row_1 = x[1] + 1; x_1 = x with x_1[1] = row_1
"""

from __future__ import annotations

import numpy as np

from tracer.graph.node import HOLES, POSITIONAL, Node, Params, hole, map_structure
from tracer.graph.op import Op
from tracer.graph.spec import array_spec
from tracer.ops import registry
from tracer.recording.recorder.specs import inferred_specs, spec_of
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import Buffer, ViewStep, flat_positions


def put_back(recorder: ActiveRecorder, target: TracedTensor, node: Node) -> Node:
    """The whole of a buffer after one view of it became ``node``."""
    buffer = target._buffer
    assert buffer is not None
    steps = target._steps
    if not steps:
        return node
    if all(step.op is registry.GETITEM for step in steps):
        return _put_back_items(recorder, buffer, steps, node)
    for at in range(len(steps) - 1, -1, -1):
        if steps[at].picks:
            return _put_back_picked(recorder, target, at, node)
    return _put_back_flat(recorder, buffer, steps, node)


def _put_back_picked(recorder: ActiveRecorder, target: TracedTensor, at: int, node: Node) -> Node:
    """A write to a view of ``x[i]``, where ``i`` is a traced number: first to ``x[i]``."""
    buffer, steps = target._buffer, target._steps
    assert buffer is not None
    sources = [buffer.node]
    for step in steps[: at + 1]:
        inputs = (*step.inputs[: step.slot], sources[-1], *step.inputs[step.slot + 1 :])
        specs = inferred_specs(step.op, step.params, inputs, step.spelling)
        sources.append(step.apply(recorder, sources[-1], specs))
    before, picked = [
        Buffer(source, np.empty(source.spec.seen_shape, source.dtype)) for source in sources[-2:]
    ]
    if at + 1 < len(steps):
        part = recorder.array(node, target._value, picked, steps[at + 1 :])
        node = put_back(recorder, part, node)
    node = _put_back_items(recorder, before, steps[at : at + 1], node)
    return put_back(recorder, recorder.array(node, before.value, buffer, steps[:at]), node)


def _put_back_items(
    recorder: ActiveRecorder, buffer: Buffer, steps: tuple[ViewStep, ...], node: Node
) -> Node:
    sources = [buffer.node]
    for step in steps[:-1]:
        specs = inferred_specs(step.op, step.params, (sources[-1], *step.inputs[1:]), "")
        sources.append(step.apply(recorder, sources[-1], specs))
    for step, source in zip(reversed(steps), reversed(sources), strict=True):
        index = step.params.args[1]
        params = Params((HOLES[0], HOLES[1], index))
        node = recorder.add(
            registry.SETITEM,
            (source, node, *step.inputs[1:]),
            _renumber(params, step),
            source.specs,
            source.name,
        )
    return node


def _renumber(params: Params, step: ViewStep) -> Params:
    """Index operands of the view step follow the written value."""
    if len(step.inputs) == 1:
        return params
    index = map_structure(
        lambda h: hole(h.slot + 1) if isinstance(h, type(HOLES[0])) else h, params.args[2]
    )
    return Params((HOLES[0], HOLES[1], index))


def _put_back_flat(
    recorder: ActiveRecorder, buffer: Buffer, steps: tuple[ViewStep, ...], node: Node
) -> Node:
    """Any chain of views: write through the flat positions of its elements."""
    base = buffer.node
    shape = buffer.value.shape
    if any(step.op.name in ("real", "imag") for step in steps) and buffer.value.dtype.kind == "c":
        return _put_back_part(recorder, buffer, steps, node)
    if any(step.op is registry.ITEM for step in steps):
        steps = _without_items(steps)
    positions = flat_positions(shape, steps)
    reshape = registry.op_of(np.reshape)
    flat_spec = array_spec((buffer.value.size,), buffer.value.dtype)
    flat = recorder.add(reshape, (base,), Params((HOLES[0], (-1,))), (flat_spec,))
    index = recorder.constant(positions)._node
    flat = recorder.add(
        registry.SETITEM,
        (flat, node, index),
        Params((HOLES[0], HOLES[1], HOLES[2])),
        (flat_spec,),
    )
    whole = recorder.add(reshape, (flat,), Params((HOLES[0], shape)), base.specs, base.name)
    if buffer.value.flags.c_contiguous:
        return whole
    everywhere = Params((HOLES[0], HOLES[1], Ellipsis))  # in the base's own layout
    return recorder.add(registry.SETITEM, (base, whole), everywhere, base.specs, base.name)


def _put_back_part(
    recorder: ActiveRecorder, buffer: Buffer, steps: tuple[ViewStep, ...], node: Node
) -> Node:
    """A write to ``z.real`` or ``z.imag`` (of a view or with views of it)."""
    at = next(i for i, step in enumerate(steps) if step.op.name in ("real", "imag"))
    part = steps[at].op.name
    source = recorder.array(buffer.node, buffer.value, buffer)
    for step in steps[:at]:
        source = recorder.array(
            step.apply(recorder, source._node, (spec_of(step.values(source._value)),)),
            step.values(source._value),
            buffer,
            (*source._steps, step),
        )
    whole = source._node
    real, imag = np.real, np.imag
    real_spec = inferred_specs(registry.op_of(real), POSITIONAL[1], (whole,), "")
    parts = {
        "real": recorder.add(registry.op_of(real), (whole,), POSITIONAL[1], real_spec),
        "imag": recorder.add(registry.op_of(imag), (whole,), POSITIONAL[1], real_spec),
    }
    inner = Buffer(parts[part], getattr(source._value, part))
    parts[part] = put_back(
        recorder, recorder.array(node, inner.value, inner, steps[at + 1 :]), node
    )
    inner.version += 1  # it stood for the steps alone
    times, scale = registry.op_of(np.multiply), Params((HOLES[0], 1j))
    specs = inferred_specs(times, scale, (parts["imag"],), "operator")
    scaled = recorder.add(times, (parts["imag"],), scale, specs, "", "operator")
    joined = recorder.add(
        registry.op_of(np.add),
        (parts["real"], scaled),
        POSITIONAL[2],
        whole.specs,
        "",
        "operator",
    )
    return put_back(recorder, source, joined)


def _without_items(steps: tuple[ViewStep, ...]) -> tuple[ViewStep, ...]:
    """A split followed by an item, as one step that gives the item."""
    merged: list[ViewStep] = []
    for step in steps:
        if step.op is not registry.ITEM:
            merged.append(step)
            continue
        source = merged.pop()
        position = step.params.args[1]
        evaluate = source.op.evaluate
        op = Op(
            f"{source.op.name}[{position}]",
            source.op.schema,
            lambda *a, _f=evaluate, _k=position, **k: _f(*a, **k)[_k],
        )
        merged.append(
            ViewStep(op, source.params, source.inputs, source.slot, "", source.source_shape)
        )
    return tuple(merged)
