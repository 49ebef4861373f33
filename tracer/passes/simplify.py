"""simplify: the rewrite tables, applied bottom up in one sweep.

>>> simplify(graph)                       # exact rewrites alone: the bits stay
>>> simplify_fast(graph)                  # also reassociating ones, in what derivatives add
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.reach import needed
from tracer.graph.rebuild import Rebuild, RegionPass
from tracer.ops.memory import always_viewed, escaping
from tracer.passes.algebra import ALGEBRA
from tracer.passes.rewrite import Rewrite, Rewriter
from tracer.passes.shapes import SHAPES
from tracer.passes.signs import SIGNS
from tracer.passes.sparse import SPARSE

TABLE = (*ALGEBRA, *SIGNS, *SHAPES, *SPARSE)
VALUE_ROLES = ("value", "residual")


def simplify(graph: CalcGraph) -> CalcGraph:
    """The graph after every exact rewrite that applies."""
    return apply_table(graph, set(graph.order), simplify)


def simplify_fast(graph: CalcGraph) -> CalcGraph:
    """The graph after every rewrite; values, guards and effects keep their bits."""
    return apply_table(graph, forward_part(graph), simplify_fast)


def apply_table(
    graph: CalcGraph, exact: set[Node], again: RegionPass, table: Sequence[Rewrite] = TABLE
) -> CalcGraph:
    """The graph after one sweep of a table; ``again`` is for the regions of what is not exact."""
    work = Rebuild(graph, again)
    rewriter = Rewriter(table)
    uses = rewriter.uses
    for node in graph.order:
        for operand in node.inputs:
            uses[operand] = uses.get(operand, 0) + 1
    apart = escaping(graph)
    for node in graph.order:
        if node.regions:  # a body is as exact as what it makes
            work.on_region = simplify if node in exact else again
        new = work.current(node)
        if new is not node:
            uses[new] = uses.get(node, 0)
        made: list[Node] = []
        result = rewriter.simplify(new, node in exact, 0, made) if rewriter.lookup(new) else new
        if result is not new and node in apart and not _may_replace(new, result, made):
            result = new
        if result is new:
            work.put(node, new)
            continue
        work.order += made
        uses[result] = uses.get(result, 0) + uses.get(node, 0)
        if made and result is made[-1] and not result.name:
            result.name = node.name  # ours since a moment, nobody else has seen it
            work.moved[node] = result
        else:
            work.merge(node, result)
    return work.finish()


def _may_replace(node: Node, result: Node, made: list[Node]) -> bool:
    """Whether the caller gets memory of the same owner as before, or fresh memory."""
    owner = _owner(result)
    return owner is _owner(node) or owner in made


def _owner(node: Node) -> Node:
    while node.specs[0].kind == "array" and (operand := always_viewed(node)) is not None:
        node = operand
    return node


def forward_part(graph: CalcGraph) -> set[Node]:
    """The nodes whose bits are promised: what values, guards and effects are made from."""
    found: set[Node] = {guard.node for guard in graph.guards}
    found.update([effect.value for effect in graph.effects])
    start = 0
    for role, count in graph.roles.items():
        if role in VALUE_ROLES and len(graph.roles) > 1:
            found.update(graph.outputs[start : start + count])
        start += count
    return needed(graph.order, found)
