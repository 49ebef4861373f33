"""A ``loop`` or ``cond`` node in a trace: its operands, its values at hand, its results as Tensors.

>>> emit(recorder, node, tensors, structure)
[Traced(array([...])), Traced(3)]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import trees
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import HOLES, Node, Params
from tracer.ops import registry
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.regions.body import (
    Body,
    NoRegion,
    input_like,
    leaf_names,
    replaced,
    with_inputs,
)
from tracer.recording.tensor import active
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.tensor import TracedTensor


def on_common_inputs(
    recorder: Recorder, bodies: list[Body], counts: list[int], before: int
) -> tuple[tuple[CalcGraph, ...], dict[Node, TracedTensor]]:
    """The bodies on the same captured operands, put behind their first ``before`` inputs."""
    captured: dict[Node, TracedTensor] = {}
    for body in bodies:
        for tensor in body.captured:
            captured.setdefault(recorder.node_of(tensor), tensor)
    regions = []
    for body, count in zip(bodies, counts, strict=True):
        own: dict[Node, Node] = {}
        twice: dict[Node, Node] = {}
        for tensor, node in zip(body.captured, body.graph.inputs[count:], strict=True):
            first = own.setdefault(recorder.node_of(tensor), node)
            if first is not node:
                twice[node] = first
        graph = replaced(body.graph, twice) if twice else body.graph
        added = [own.get(node) or input_like(node) for node in captured]
        given = body.graph.inputs[:count]
        regions.append(with_inputs(graph, [*given[:before], *added, *given[before:]]))
    return tuple(regions), captured


class Operand:
    """The value of an operand, maybe as another kind of number than its Tensor has."""

    def __init__(self, value: Any, tensor: TracedTensor):
        self._value = value
        self._known = tensor._known
        self._captured = tensor._captured


def emit(
    recorder: Recorder,
    node: Node,
    operands: Sequence[Any],
    structure: Any,
    places: Sequence[int] | None = None,
) -> list[Any]:
    """Run a ``loop`` or ``cond`` on the values at hand, append it, and wrap its results.

    The results are the leaves of ``structure``, or those of them that ``places`` counts.

    Raises
    ------
    NoRegion
        If it raises: the user's code, run as Python, says where.
    """
    place = recorder.place()
    node.origin = place.origin if place is not None else None
    node.context = recorder.context()
    token, computing = ACTIVE.set(None), active.COMPUTING.set(recorder)
    try:
        results = node.op.evaluate(node, [operand._value for operand in operands])
    except Exception as error:
        raise NoRegion from error
    finally:
        active.COMPUTING.reset(computing)
        ACTIVE.reset(token)
    recorder.nodes.append(node)
    known = all([operand._known for operand in operands])
    several = len(node.specs) > 1
    names = _result_names(place.target if place is not None else "", structure)
    names = names if places is None else [names[k] for k in places]
    wrapped = []
    for k, value in enumerate(results if several else [results]):
        made = node
        if several:
            params = Params((HOLES[0], k))
            made = Node(registry.ITEM, (node,), params, (node.specs[k],), node.origin)
            recorder.nodes.append(made)
        made.name = names[k]
        if isinstance(value, np.ndarray):
            tensor = recorder.array(made, value.copy(), known=known)
        else:
            tensor = recorder.scalar(made, value, known)
        tensor._captured = known or all([operand._captured for operand in operands])
        wrapped.append(tensor)
    return wrapped


def _result_names(target: Any, structure: Any) -> list[str]:
    """What the user calls the results: ``total, rows = scan(…)``."""
    shown = trees.unflatten(structure, list(range(structure.leaves)))
    if not isinstance(target, tuple):
        return leaf_names(shown, target) if target else [""] * structure.leaves
    if not isinstance(shown, (tuple, list)) or len(shown) != len(target):
        return [""] * structure.leaves
    names: list[str] = []
    for part, root in zip(shown, target, strict=True):
        found = leaf_names(part, root)
        names += found if root else [""] * len(found)
    return names


def replay_region(recorder: Recorder, node: Node, operands: Sequence[Any]) -> Any:
    """A ``loop`` or ``cond`` of another graph, recorded here on other operands."""
    tensors = [recorder.tensor(operand) for operand in operands]
    inputs = tuple([recorder.node_of(tensor) for tensor in tensors])
    again = node.replace(inputs=inputs)
    results = emit(recorder, again, tensors, trees.flatten([0] * len(node.specs))[1])
    return tuple(results) if len(node.specs) > 1 else results[0]
