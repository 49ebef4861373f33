"""The reference interpreter: runs a CalcGraph node by node, as simply as can be.

It is the oracle of tests, runs eager mode, and takes over when a function has more branches than
programs may be kept for.

>>> evaluate(graph, [np.ones(3)])
[np.float64(3.0)]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node


class GuardMiss(Exception):
    """A guard did not hold: another program is the right one. Never reaches the user."""

    def __init__(self, position: int, outcome: Any = None):
        self.position = position
        self.outcome = outcome
        super().__init__(position, outcome)


def run_node(node: Node, operands: Sequence[Any]) -> Any:
    """The value of one node (a tuple for several outputs)."""
    if node.regions:
        return node.op.evaluate(node, operands)
    args, kwargs = node.params.fill(operands)
    if not node.context:
        op = node.op
        if node.spelling == "operator" and op.operator is not None:
            return op.operator(*args, **kwargs)
        return op.evaluate(*args, **kwargs)
    with np.errstate(**dict(node.context)):
        return node.call_function()(*args, **kwargs)


def evaluate(graph: CalcGraph, arguments: Sequence[Any]) -> list[Any]:
    """Values of the graph's outputs.

    Raises
    ------
    GuardMiss
        If a guard does not hold; nothing has been written then.
    """
    values: dict[Node, Any] = dict(zip(graph.inputs, arguments, strict=True))
    guards: dict[Node, list[int]] = {}
    for position, guard in enumerate(graph.guards):
        guards.setdefault(guard.node, []).append(position)
    for node in graph.order:
        checked = guards.get(node, ())
        if node not in values:
            operands = [values[i] for i in node.inputs]
            values[node] = (
                _guarded(graph, node, operands, guards) if checked else run_node(node, operands)
            )
        for position in checked:
            guard = graph.guards[position]
            if guard.kind == "equals" and values[node] != guard.outcome:
                raise GuardMiss(position, values[node])
            if guard.kind == "dtype" and values[node].dtype != node.dtype:
                raise GuardMiss(position, values[node].dtype)
    writes = [effect for effect in graph.effects if effect.kind == "write"]
    fresh = [np.copy(values[effect.value]) for effect in writes]  # it may be another's target
    for effect, value in zip(writes, fresh, strict=True):
        values[effect.target][...] = value
    return [values[node] for node in graph.outputs]


def _guarded(graph: CalcGraph, node: Node, operands: list[Any], guards: dict) -> Any:
    must_raise = [p for p in guards.get(node, ()) if graph.guards[p].kind == "raises"]
    if not must_raise:
        return run_node(node, operands)
    guard = graph.guards[must_raise[0]]
    try:
        run_node(node, operands)
    except guard.outcome:
        return None
    raise GuardMiss(must_raise[0])
