"""drop_unused: only what an output, a guard or an effect needs is computed.

>>> drop_unused(graph)                    # inputs stay, used or not
"""

from __future__ import annotations

from tracer.graph.calcgraph import CalcGraph, PullbackRecord
from tracer.graph.node import Node, is_pure, may_act
from tracer.graph.rebuild import Rebuild


def drop_unused(graph: CalcGraph) -> CalcGraph:
    """The graph without nodes that nothing needs.

    What may raise stays, because plain NumPy raises there too; so do random draws.
    """
    needed = needed_nodes(graph)
    work = Rebuild(graph, drop_unused)
    for node in graph.order:
        if node in needed:
            work.keep(node)
    new = work.finish()
    return new if new is graph or not graph.records else new.replace(records=_cut(new))


def needed_nodes(graph: CalcGraph) -> set[Node]:
    """Inputs, roots, nodes with an effect of their own, and all that these are made from."""
    needed: set[Node] = set(graph.roots())
    for node in reversed(graph.order):
        if node in needed or may_act(node) or (node.regions and not _droppable(node)):
            needed.add(node)
            needed.update(node.inputs)
    needed.update(graph.inputs)
    return needed


def _droppable(node: Node) -> bool:
    return is_pure(node) and not any(
        may_act(n) or (n.regions and not _droppable(n)) for r in node.regions for n in r.order
    )


def _cut(graph: CalcGraph) -> list[PullbackRecord]:
    """The records without the nodes that are gone."""
    here = set(graph.order)
    kept: list[PullbackRecord] = []
    for record in graph.records:
        if record.node not in here:
            continue
        if not here.issuperset(record.backward):
            record = PullbackRecord(
                record.node,
                record.slot,
                record.formula,
                record.cotangent,
                record.result,
                tuple([n for n in record.backward if n in here]),
                record.math,
            )
        kept.append(record)
    return kept
