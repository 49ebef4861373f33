"""What every iteration would compute alike is computed once, before the loop.

>>> hoist(recorder, body, count)       # np.exp(w) @ v, v the carry: np.exp(w) becomes an operand
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import run_node
from tracer.graph.node import Node, Params
from tracer.graph.reach import needed
from tracer.ops import registry
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.regions.body import Body, NoRegion, replaced
from tracer.recording.tensor.active import ACTIVE

COSTLY = ("elementwise", "reduction", "contraction", "gufunc")
VIEWS = ("shape", "indexing")  # views: moved only where work needs them
NOT_HOISTED = frozenset("setitem scatter_add copy array stop_gradient sum_to astype".split())


def hoist(recorder: Recorder, body: Body, count: int) -> None:
    """Take work that needs nothing but captured values out of a body that surely runs.

    ``count`` inputs of the body are not captured: the index, the carry and the elements.
    """
    graph = body.graph
    invariant = _invariant(graph, set(graph.inputs[count:]))
    hoisted = _hoistable(graph, invariant)
    if not hoisted:
        return
    before: dict[Node, Any] = {}
    for node, tensor in zip(graph.inputs[count:], body.captured, strict=True):
        before[node] = recorder.node_of(tensor), tensor._value, tensor._known
    movable = [node for node in graph.order if node in invariant]
    computed = needed(movable, hoisted)
    for node in movable:
        if node in computed:
            operands = [before[operand] for operand in node.inputs]
            before[node] = _record_before(recorder, node, operands)
    inputs = {
        node: Node(registry.INPUT, (), Params(), node.specs, None, node.name) for node in hoisted
    }
    for node in hoisted:
        made, value, known = before[node]
        wrap = recorder.array if isinstance(value, np.ndarray) else recorder.scalar
        body.captured = [*body.captured, wrap(made, value, known=known)]
    rest = [node for node in graph.order if node not in set(graph.inputs)]
    taken = [*graph.inputs, *inputs.values()]
    body.graph = replaced(graph.replace(inputs=taken, order=[*taken, *rest]), inputs)


def _invariant(graph: CalcGraph, fixed: set[Node]) -> set[Node]:
    """Nodes that are the same in every iteration and may as well be computed elsewhere."""
    found = set(fixed)
    for node in graph.order:
        op = node.op
        if (
            node.inputs
            and not node.regions
            and not op.effects
            and len(node.specs) == 1
            and op.schema.kind in (*COSTLY, *VIEWS)
            and op.name not in NOT_HOISTED
            and node.specs[0].is_static
            and all(operand in found for operand in node.inputs)
        ):
            found.add(node)
    return found - fixed


def _hoistable(graph: CalcGraph, invariant: set[Node]) -> list[Node]:
    """Invariant work on arrays that what varies reads."""
    read = {operand for node in graph.order if node not in invariant for operand in node.inputs}
    ends = set(graph.outputs)
    return [
        node
        for node in graph.order
        if node in invariant
        and node in read
        and node not in ends
        and node.op.schema.kind in COSTLY
        and any(operand.specs[0].shape for operand in node.inputs)
    ]


def _record_before(recorder: Recorder, node: Node, operands: list[Any]) -> tuple[Node, Any, bool]:
    """The node in the enclosing trace, with its value."""
    context = node.context if node.context is not None else recorder.context()
    made = node.replace(inputs=tuple([operand for operand, _, _ in operands]), context=context)
    token = ACTIVE.set(None)
    try:
        value = run_node(made, [value for _, value, _ in operands])
    except Exception as error:
        raise NoRegion from error
    finally:
        ACTIVE.reset(token)
    recorder.nodes.append(made)
    return made, value, all([known for _, _, known in operands])
