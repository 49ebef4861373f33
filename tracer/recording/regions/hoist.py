"""What every iteration would compute alike is computed once, before the loop.

>>> hoist(recorder, body, count)       # np.exp(w) @ v, v the carry: np.exp(w) becomes an operand
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import run_node
from tracer.graph.node import Node, Params
from tracer.ops import registry
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.regions.body import Body, NoRegion, replaced
from tracer.recording.tensor.active import ACTIVE

WORK = ("elementwise", "reduction", "contraction", "gufunc")
LIGHT = ("shape", "indexing")  # views: moved only where work needs them
STAY = frozenset("setitem scatter_add copy array stop_gradient sum_to astype".split())


def hoist(recorder: Recorder, body: Body, count: int) -> None:
    """Take work that needs nothing but captured values out of a body that surely runs.

    ``count`` inputs of the body are not captured: the index, the carry and the elements.
    """
    graph = body.graph
    steady = _steady(graph, set(graph.inputs[count:]))
    wanted = _wanted(graph, steady)
    if not wanted:
        return
    outer: dict[Node, Any] = {}
    for node, tensor in zip(graph.inputs[count:], body.captured, strict=True):
        outer[node] = recorder.node_of(tensor), tensor._value, tensor._known
    needed = _needed(graph, steady, wanted)
    for node in graph.order:
        if node in needed:
            outer[node] = _outside(recorder, node, [outer[operand] for operand in node.inputs])
    inputs = {
        node: Node(registry.INPUT, (), Params(), node.specs, None, node.name) for node in wanted
    }
    for node in wanted:
        made, value, known = outer[node]
        wrap = recorder.array if isinstance(value, np.ndarray) else recorder.scalar
        body.captured = [*body.captured, wrap(made, value, known=known)]
    rest = [node for node in graph.order if node not in set(graph.inputs)]
    taken = [*graph.inputs, *inputs.values()]
    body.graph = replaced(graph.replace(inputs=taken, order=[*taken, *rest]), inputs)


def _steady(graph: CalcGraph, fixed: set[Node]) -> set[Node]:
    """Nodes that are the same in every iteration and may as well be computed elsewhere."""
    found = set(fixed)
    for node in graph.order:
        op = node.op
        if (
            node.inputs
            and not node.regions
            and not op.effects
            and len(node.specs) == 1
            and op.schema.kind in (*WORK, *LIGHT)
            and op.name not in STAY
            and node.specs[0].is_static
            and all(operand in found for operand in node.inputs)
        ):
            found.add(node)
    return found - fixed


def _wanted(graph: CalcGraph, steady: set[Node]) -> list[Node]:
    """Steady work on arrays that something unsteady reads."""
    read = {operand for node in graph.order if node not in steady for operand in node.inputs}
    ends = set(graph.outputs)
    return [
        node
        for node in graph.order
        if node in steady
        and node in read
        and node not in ends
        and node.op.schema.kind in WORK
        and any(operand.specs[0].shape for operand in node.inputs)
    ]


def _needed(graph: CalcGraph, steady: set[Node], wanted: list[Node]) -> set[Node]:
    found = set(wanted)
    for node in reversed(graph.order):
        if node in found:
            found.update(operand for operand in node.inputs if operand in steady)
    return found


def _outside(recorder: Recorder, node: Node, operands: list[Any]) -> tuple[Node, Any, bool]:
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
