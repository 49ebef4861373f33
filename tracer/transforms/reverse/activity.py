"""Activity analysis: which values a derivative flows through.

>>> active_nodes(graph.order, graph.inputs)
{<x: f64[3] = input()>, <scalar f64 = sum(%0)>}
"""

from __future__ import annotations

from collections.abc import Iterable

from tracer.graph.node import Node
from tracer.graph.op import Op
from tracer.rules.declare import rule_for
from tracer.transforms.reverse.pullback import missing


def active_nodes(order: Iterable[Node], leaves: Iterable[Node]) -> set[Node]:
    """The inexact nodes that depend on ``leaves``: a gradient can flow through them."""
    active = {leaf for leaf in leaves if leaf.specs[0].is_inexact}
    flat: dict[Op, bool] = {}  # whether a derivative is zero everywhere
    for node in order:
        if active.isdisjoint(node.inputs):
            continue
        specs = node.specs
        if specs[0].dtype.kind in "fc" or (
            len(specs) > 1 and any([spec.dtype.kind in "fc" for spec in specs])
        ):
            zero = flat.get(node.op)
            if zero is None:
                rule = rule_for(node.op)
                zero = flat[node.op] = rule is not None and rule.kind == "zero"
            if not zero:
                active.add(node)
        elif not node.op.is_pure or any([spec.dtype.kind not in "biu" for spec in specs]):
            raise missing(node)  # of random integers, text and objects zero would be wrong
    return active
