"""Rebuild: what every pass needs to hand over a changed graph and lose nothing on the way.

>>> work = Rebuild(graph)
>>> for node in graph.order:
...     work.keep(node)                   # the node, on the operands' new nodes
>>> work.finish()                         # outputs, guards, effects, records, roles follow
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracer.graph.calcgraph import CalcGraph, Effect, Guard, PullbackRecord
from tracer.graph.node import Node
from tracer.graph.origin import unite

RegionPass = Callable[[CalcGraph], CalcGraph]


class Rebuild:
    """Collects the new order and where each old node went.

    Attributes
    ----------
    order : list of Node
        The new nodes, in execution order.
    moved : dict
        Old node → new node, only where they differ.
    """

    def __init__(self, graph: CalcGraph, on_region: RegionPass | None = None):
        self.graph = graph
        self.order: list[Node] = []
        self.moved: dict[Node, Node] = {}
        self.merged: dict[Node, list[Node]] = {}  # kept new node → old nodes it also stands for
        self.on_region = on_region
        self.regions: dict[CalcGraph, CalcGraph] = {}

    def current(self, node: Node) -> Node:
        """The node on the operands' new nodes; itself if nothing has changed."""
        moved = self.moved
        inputs = node.inputs
        changes: dict = {}
        if moved:
            for operand in inputs:
                if operand in moved:
                    changes["inputs"] = tuple([moved.get(i, i) for i in inputs])
                    break
        if node.regions and self.on_region is not None:
            regions = tuple([self.region(region) for region in node.regions])
            if regions != node.regions:
                changes["regions"] = regions
        return node.replace(**changes) if changes else node

    def region(self, region: CalcGraph) -> CalcGraph:
        """What the pass makes of a region; once for regions that are shared."""
        found = self.regions.get(region)
        if found is None and self.on_region is not None:
            found = self.regions[region] = self.on_region(region)
        return found if found is not None else region

    def keep(self, node: Node) -> Node:
        return self.put(node, self.current(node))

    def put(self, node: Node, new: Node) -> Node:
        """``new`` takes the node's place."""
        self.order.append(new)
        if new is not node:
            self.moved[node] = new
        return new

    def skip(self, node: Node, operand: Node) -> None:
        """``node`` goes; who reads it reads its operand."""
        self.moved[node] = self.moved.get(operand, operand)

    def merge(self, node: Node, into: Node) -> None:
        """``node`` goes; the new node ``into`` stands for it."""
        self.moved[node] = into
        self.merged.setdefault(into, []).append(node)

    def finish(self) -> CalcGraph:
        """The new graph; the old one itself if nothing has changed."""
        graph = self.graph
        if not self.moved and len(self.order) == len(graph.order):
            return graph
        new = moved(graph, self.order, self.moved, unite_records(graph.records, self.moved))
        return _named(new, self.merged) if self.merged else new


def _moved_guard(guard: Guard, moved: dict[Node, Node]) -> Guard:
    new = moved.get(guard.node)
    return guard if new is None else Guard(new, guard.outcome, guard.kind, guard.origin)


def _moved_effect(effect: Effect, moved: dict[Node, Node]) -> Effect:
    target, value = moved.get(effect.target), moved.get(effect.value)
    if target is None and value is None:
        return effect
    return Effect(effect.kind, target or effect.target, value or effect.value)


def unite_records(
    records: tuple[PullbackRecord, ...], moved: dict[Node, Node]
) -> list[PullbackRecord]:
    """The records of the new nodes, in order; records of merged nodes become one.

    A record goes when its forward node has become something that no longer reads the operand.
    """
    found: dict[tuple[Node, int], PullbackRecord] = {}
    for record in records:
        node = moved.get(record.node, record.node)
        slot = record.slot
        if node is not record.node:
            operand = record.node.inputs[slot]
            operand = moved.get(operand, operand)
            if slot >= len(node.inputs) or node.inputs[slot] is not operand:
                if operand not in node.inputs:
                    continue
                slot = node.inputs.index(operand)
        backward = tuple(dict.fromkeys([moved.get(n, n) for n in record.backward]))
        before = found.get((node, slot))
        if before is not None:
            backward = tuple(dict.fromkeys([*before.backward, *backward]))
            record = before
        elif node is record.node and slot == record.slot and backward == record.backward:
            found[node, slot] = record
            continue
        found[node, slot] = PullbackRecord(
            node, slot, record.formula, record.cotangent, record.result, backward, record.math
        )
    return list(found.values())


def _named(graph: CalcGraph, merged: dict[Node, list[Node]]) -> CalcGraph:
    """Give the nodes that stand for others their names and origins.

    A name from the user's code wins over none, the earliest over later ones; inputs stay.
    """
    work = Rebuild(graph)
    for node in graph.order:
        new = work.current(node)
        gone = merged.get(node)
        if gone and node.op.name != "input":
            name, origin = new.name, new.origin
            for other in gone:
                name = name or other.name
                origin = unite(origin, other.origin)
            if name != new.name or origin is not new.origin:
                new = new.replace(name=name, origin=origin)
        work.put(node, new)
    return work.finish()


def moved(
    graph: CalcGraph,
    order: Sequence[Node],
    here: dict[Node, Node],
    records: Sequence[PullbackRecord] = (),
) -> CalcGraph:
    """The graph on other nodes; its records are left behind, if no others are given."""
    return graph.replace(
        order=order,
        outputs=[here.get(n, n) for n in graph.outputs],
        guards=[_moved_guard(g, here) for g in graph.guards],
        effects=[_moved_effect(e, here) for e in graph.effects],
        records=records,
    )
