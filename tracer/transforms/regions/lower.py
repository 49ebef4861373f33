"""Graphs without calls whose bodies can be written in their place."""

from __future__ import annotations

from dataclasses import replace

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.rebuild import Rebuild, moved
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.transforms.bodies import inline

# Marks a call whose derivative computes the body again, instead of keeping what is in it.
RECOMPUTED = "recomputed"


def without_recompute(graph: CalcGraph) -> CalcGraph:
    """The graph without the marks that kept what is computed again apart, after all passes."""
    work = Rebuild(graph)
    for node in graph.order:
        if node.op is registry.RECOMPUTE:
            work.skip(node, node.inputs[0])
        else:
            work.keep(node)
    return work.finish()


def lower(graph: CalcGraph) -> CalcGraph:
    """The graph without calls, custom marks and gradient stops, for writing code.

    To be run when nothing is to be differentiated any more.
    """
    marked = (registry.CALL, registry.CUSTOM, registry.STOP_GRADIENT)
    if not any(node.op in marked or node.op.is_control for node in graph.order):
        return graph
    builder = Builder()
    here: dict[Node, Node] = {}
    several: dict[Node, list[Node]] = {}
    for node in graph.order:
        inputs = tuple([here[operand] if operand in here else operand for operand in node.inputs])
        found: list[Node] | None = None
        if node.op is registry.ITEM and node.inputs[0] in several:
            here[node] = several[node.inputs[0]][node.params.args[1]]
            continue
        if node.op is registry.CALL:
            body = lower(node.regions[0])
            operands = [Symbol(builder, operand) for operand in inputs]
            found = [symbol.node for symbol in inline(builder, body, operands)]
        elif node.op is registry.CUSTOM:
            first = node.params.kwargs["operands"]
            found = list(inputs[first : first + len(node.specs)])
        elif node.op is registry.STOP_GRADIENT:
            found = [inputs[0]]
        if found is None:
            new = node if inputs == node.inputs else node.replace(inputs=inputs)
            if node.op.is_control:
                new = new.replace(regions=tuple([lower(region) for region in node.regions]))
            here[node] = builder.append(new)
        elif len(node.specs) > 1:
            several[node] = found
        else:
            here[node] = found[0]
    records = [
        replace(
            record,
            node=here[record.node],
            backward=tuple([here[node] for node in record.backward if node in here]),
        )
        for record in graph.records
        if record.node in here and here[record.node].op is record.node.op
    ]
    return moved(graph, builder.nodes, here, records)
