"""A loop with its tangents as one node that computes both."""

from __future__ import annotations

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.rebuild import Rebuild, moved
from tracer.ops import registry

Joint = tuple[Node, dict[int, int]]  # the node, and where the outputs of the old one are in it


def with_joint_nodes(graph: CalcGraph, joint: dict[Node, Joint]) -> CalcGraph:
    """The graph with values taken from the nodes that also make tangents."""
    if not joint:
        return graph
    listed = set(graph.order)
    joint = {old: pair for old, pair in joint.items() if pair[0] in listed}
    firsts = {made: old for old, (made, _) in joint.items() if len(old.specs) == 1}
    work = Rebuild(graph)
    for node in graph.order:
        if node in joint:
            continue
        if node.op is registry.ITEM and node.inputs[0] in joint:
            made, places = joint[node.inputs[0]]
            params = Params((HOLES[0], places[node.params.args[1]]))
            work.put(node, node.replace(inputs=(work.moved.get(made, made),), params=params))
            continue
        new = work.keep(node)
        if node in firsts:
            old = firsts[node]
            params = Params((HOLES[0], 0))
            work.put(old, Node(registry.ITEM, (new,), params, old.specs, old.origin, old.name))
    return moved(graph, work.order, work.moved)
