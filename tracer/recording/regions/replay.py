"""A graph recorded once more inside another trace: how ``grad`` inside a traced function works."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph, Guard
from tracer.graph.node import Node, Ref
from tracer.ops import registry
from tracer.recording.random.traced_stream import is_random, replay_random
from tracer.recording.regions import emit
from tracer.recording.source.locator import CallSite, Locator
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.tensor import TracedTensor


def replay(recorder: ActiveRecorder, graph: CalcGraph, inputs: Sequence[Any]) -> list[Any]:
    """Record the nodes of ``graph`` on Tensors of ``recorder``; the values of its outputs."""
    values: dict[Node, Any] = {}
    for node, value in zip(graph.inputs, inputs, strict=True):
        values[node] = value
    guards: dict[Any, list[Any]] = {}
    for guard in graph.guards:
        guards.setdefault(guard.node, []).append(guard)
    own, locator = recorder.locator, _NodeLocator(recorder.name)
    recorder.locator = locator
    try:
        for node in graph.order:
            if node in values:
                continue
            locator.node = node
            raising = [g.outcome for g in guards.get(node, ()) if g.kind == "raises"]
            with np.errstate(**dict(node.context)) if node.context else nullcontext():
                try:
                    values[node] = _replay_node(recorder, node, [values[i] for i in node.inputs])
                except tuple(raising):  # as it did before; the recorder has noted it
                    values[node] = None
            for guard in guards.get(node, ()):
                _replay_guard(recorder, guard, values[node])
    finally:
        recorder.locator = own
    for effect in graph.effects:
        if effect.kind == "write":
            values[effect.target][...] = values[effect.value]
    return [values[node] for node in graph.outputs]


# Ops that give their operand as it is: the node is what matters.
IDENTITIES = (registry.STOP_GRADIENT, registry.RECOMPUTE)


def _replay_identity(recorder: ActiveRecorder, node: Node, operand: TracedTensor) -> TracedTensor:
    source = recorder.node_of(operand)
    made = recorder.add(node.op, (source,), node.params, source.specs)
    value = operand._value
    if not isinstance(value, np.ndarray):
        return recorder.scalar(made, value, operand._known)
    return recorder.array(made, np.copy(value), known=operand._known)


class _NodeLocator(Locator):
    """Says of each node where the user wrote it, instead of asking the running frame."""

    node: Node

    def locate(self, frame: Any) -> CallSite | None:
        origin = self.node.origin
        return None if origin is None else CallSite(origin, self.node.name)


def _replay_guard(recorder: ActiveRecorder, guard: Guard, tensor: Any) -> None:
    """The same branch is taken here, and guarded."""
    if isinstance(tensor, TracedTensor) and guard.kind == "equals":
        if type(guard.outcome) is bool:
            recorder.branch(tensor)
        else:
            recorder.read_integer(tensor, guard.outcome)


def _replay_node(recorder: ActiveRecorder, node: Node, operands: list[Any]) -> Any:
    if is_random(node):
        return replay_random(recorder, node, operands)
    if node.op is registry.CONSTANT:
        value = node.params.args[0]
        return recorder.constant(value.value) if type(value) is Ref else value
    if node.op is registry.ITEM:
        return operands[0][node.params.args[1]]
    if node.regions:
        return emit.replay_region(recorder, node, operands)
    if node.op in IDENTITIES and isinstance(operands[0], TracedTensor):
        return _replay_identity(recorder, node, operands[0])
    args, kwargs = node.params.fill(operands)
    if not any(isinstance(o, TracedTensor) for o in operands):
        result = recorder.compute(node.op, node.params, operands, node.spelling)
        return tuple(result) if isinstance(result, list) else result
    return recorder.call(node.op, args, kwargs, node.spelling)
