"""The graph of values and tangents.

>>> forward(graph, wrt=(0,))"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.reach import needed
from tracer.graph.spec import array_spec, scalar_spec
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.rules.helpers import broadcast_like
from tracer.transforms.forward.joint_nodes import with_joint_nodes
from tracer.transforms.forward.pushforward import Tangents, plain_zero_of, push
from tracer.transforms.reverse.activity import active_nodes
from tracer.transforms.reverse.cotangents import cast


def forward(graph: CalcGraph, wrt: Sequence[Node | int]) -> CalcGraph:
    """Values and tangents.

    Parameters
    ----------
    graph : CalcGraph
    wrt : sequence of Node or int
        Inputs (or their positions) that move; each gets an input ``t_<name>`` for its tangent.

    Returns
    -------
    CalcGraph
        Inputs are those of ``graph``, then the tangents; outputs the values, then one tangent per
        inexact value, with its shape and dtype.

    Raises
    ------
    MissingRule
        If an op on the way has no derivative rule.
    """
    leaves = [graph.inputs[entry] if isinstance(entry, int) else entry for entry in wrt]
    builder = Builder()
    builder.nodes = list(graph.inputs)
    tangents: Tangents = {}
    for leaf in leaves:
        spec = leaf.specs[0]
        plain = array_spec(spec.shape, spec.dtype)
        kind = plain if spec.kind == "array" else scalar_spec(spec.dtype)
        tangents[leaf] = builder.input(kind, f"t_{leaf.name}" if leaf.name else "")
    inputs = tuple(builder.nodes)
    push(builder, graph.order, active_nodes(graph.order, leaves), tangents)
    ends = [
        _result(builder, output, tangents.get(output, ZERO)).node
        for output in graph.outputs
        if output.specs[0].is_inexact
    ]
    kept = needed(builder.nodes, ends) | set(graph.order) | set(inputs)
    made = graph.replace(
        inputs=inputs,
        order=[node for node in builder.nodes if node in kept],
        outputs=(*graph.outputs, *ends),
        records=(),
        roles={"value": len(graph.outputs), "tangent": len(ends)},
    )
    return with_joint_nodes(made, builder.plans)


def _result(builder: Builder, output: Node, tangent: Any) -> Symbol:
    """The tangent of an output, with its shape and dtype."""
    like, spec = Symbol(builder, output), output.specs[0]
    if tangent is ZERO:
        return plain_zero_of(builder, output)
    if tangent.spec.kind == "weak" and tangent.dtype != spec.dtype:
        tangent = tangent.astype(spec.dtype)
    full = broadcast_like(cast(tangent, spec), like)
    if spec.kind != "array" and full.spec.kind == "array":
        return full[()]
    return np.copy(full) if full.node.op.is_broadcast else full
