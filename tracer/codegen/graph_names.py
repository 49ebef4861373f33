"""Names for the nodes of a graph: the users' own, and what its records tell of the rest.

>>> names = names_for(joint)
>>> names.give(hidden), names.give(cotangent_of_x_at_w), names.give(value)
('hidden', 'g_pre', 'loss')
"""

from __future__ import annotations

from tracer.codegen.constant_names import written_names
from tracer.codegen.draft import derived_nodes
from tracer.codegen.namespace import Namespace, cotangent_noun
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node

NEAR = 100  # nodes that are looked at for the argument that a gradient belongs to


def names_for(graph: CalcGraph) -> Namespace:
    """An empty Namespace that keeps the users' names of a graph for their nodes."""
    wanted = dict.fromkeys([node.name for node in graph.order if node.name])
    suggested: dict[Node, str] = {}
    for record in graph.records:
        operand = record.node.inputs[record.slot]
        if record.backward and not operand.name:
            suggested.setdefault(record.backward[-1], cotangent_noun(operand))
    function = graph.title.partition("(")[0].rpartition(".")[2]
    values = graph.outputs[: graph.roles.get("value", 0)]
    if len(values) == 1 and not values[0].name and function.isidentifier():
        suggested[values[0]] = function
        suggested |= {node: f"g_{function}" for node in graph.inputs if node.name == "g_out"}
    written = written_names(graph, derived_nodes(graph))
    suggested |= {node: name for node, name in written.items() if name not in wanted}
    return Namespace(wanted, suggested, cotangents_of(graph))


def cotangents_of(graph: CalcGraph) -> dict[Node, Node]:
    """Which named value each node called ``g_…`` is the cotangent of."""
    found: dict[Node, Node] = {}
    shares: dict[Node, Node] = {}  # what one use of an argument adds to its gradient
    made: dict[Node, Node] = {}  # a value → what a pullback of one of its uses made
    for record in graph.records:
        value, operand = record.node, record.node.inputs[record.slot]
        # a sum hands its cotangent on as it is
        share = record.backward[-1] if record.backward else made.get(value)
        if share is not None:
            made.setdefault(operand, share)
            if operand.name and share.name == f"g_{operand.name}":
                found.setdefault(share, operand)
            if operand.op.name == "input":
                shares[share] = operand
        for node in record.backward if value.name else ():
            for source in node.inputs:
                if source.name == f"g_{value.name}":
                    found.setdefault(source, value)
    for output in graph.outputs[graph.roles.get("value", 0) :]:
        near = [output]
        for node in near:
            argument = shares.get(node)
            if argument is not None and output.name == f"g_{argument.name}":
                found[output] = argument
                break
            near += node.inputs if len(near) < NEAR else ()
    return found
