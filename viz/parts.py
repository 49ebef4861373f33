"""What a graph is made of, as the picture sees it: leaves, forward ops, records, saved values.

>>> parts = anatomy(joint)
>>> parts.ops                  # forward ops in execution order, item nodes resolved
>>> parts.saved[tanh]          # the forward values that the pullback of tanh reads
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tracer.graph.calcgraph import CalcGraph, PullbackRecord
from tracer.graph.node import Node
from tracer.graph.reach import needed
from tracer.ops.registry import SHAPE_ONLY_SLOTS


@dataclass(eq=False, slots=True)
class Anatomy:
    """The parts of one graph.

    Attributes
    ----------
    leaves, ops : list of Node
        Of the forward part. ``extra`` are the ops that are not forward and that no record
        explains: tangents, or gradients whose records are gone.
    outputs : list of Node
        The value outputs, items resolved.
    records : list of PullbackRecord
    saved : dict
        For each op with a pullback, the forward values it reads, in order.
    seeds : dict
        For each value output, its seed input, or None where the seed is the constant 1.
    """

    graph: CalcGraph
    leaves: list[Node] = field(default_factory=list)
    ops: list[Node] = field(default_factory=list)
    extra: list[Node] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)
    records: list[PullbackRecord] = field(default_factory=list)
    saved: dict[Node, list[Node]] = field(default_factory=dict)
    seeds: dict[Node, Node | None] = field(default_factory=dict)
    items: dict[Node, list[Node]] = field(default_factory=dict)

    @property
    def targets(self) -> set[Node]:
        """The leaves and ops that a record gives a cotangent to."""
        return {source(record.node.inputs[record.slot]) for record in self.records}


def source(node: Node) -> Node:
    """The op that makes a value: through ``item`` nodes, which the picture hides."""
    while node.op.name == "item":
        node = node.inputs[0]
    return node


def anatomy(graph: CalcGraph) -> Anatomy:
    """Take a joint, plain forward or forward-mode graph apart."""
    parts = Anatomy(graph)
    values = graph.outputs[: graph.roles.get("value", len(graph.outputs))]
    is_plain = len(values) == len(graph.outputs)
    known = set(graph.order)
    records = [r for r in graph.records if r.node in known and r.node.op.name != "item"]
    ends = graph.order if is_plain and not records else _forward_ends(graph)
    forward = needed(graph.order, ends)
    parts.records = records
    for node in graph.order:
        if node in forward and node.op.name == "item":
            parts.items.setdefault(source(node), []).append(node)
        elif node in forward:
            (parts.leaves if node.op.is_leaf else parts.ops).append(node)
    parts.outputs = list(dict.fromkeys(source(node) for node in values))
    seeds = _add_seeds(parts, values, forward)
    for node in graph.inputs:  # arguments that the values do not depend on
        if node not in forward and node not in seeds:
            parts.leaves.append(node)
    if not records and not is_plain:
        parts.extra = [n for n in graph.order if n not in forward and n not in graph.inputs]
    _add_saved(parts, forward)
    return parts


def _forward_ends(graph: CalcGraph) -> list[Node]:
    values = graph.outputs[: graph.roles.get("value", len(graph.outputs))]
    ends = [*values, *(record.node for record in graph.records)]
    ends += [guard.node for guard in graph.guards]
    return ends + [effect.value for effect in graph.effects]


def _add_seeds(parts: Anatomy, values: tuple[Node, ...], forward: set[Node]) -> set[Node]:
    """Pair the value outputs that have a pullback with the seed inputs, in order."""
    inputs = [n for n in parts.graph.inputs if n not in forward and n.name.startswith("g_")]
    by_name = {node.name: node for node in inputs}
    pulled = {record.node for record in parts.records}
    for value in values:
        origin = source(value)
        if origin in pulled or origin in parts.targets:
            parts.seeds[origin] = by_name.get(f"g_{value.name}") or (inputs[0] if inputs else None)
    return set(inputs)


def _add_saved(parts: Anatomy, forward: set[Node]) -> None:
    """What each pullback reads; a node that a pass made belongs to the op of its origin."""
    makers: dict[Node, dict[Node, None]] = {}  # what q, k and v share is read for each of them
    origins: dict[int, Node] = {}
    for record in parts.records:
        parts.saved.setdefault(record.node, [])
        origins.setdefault(id(record.node.origin), record.node)
        for node in record.backward:
            makers.setdefault(node, {})[record.node] = None
    for node in parts.graph.order:
        if node in forward or node.op.is_leaf:
            continue
        readers = list(makers.get(node, ()))
        if not readers and node.origin and id(node.origin) in origins:
            readers = [origins[id(node.origin)]]
        shapes = SHAPE_ONLY_SLOTS.get(node.op.name, ())
        for slot, operand in enumerate(node.inputs) if readers else ():
            if slot in shapes or operand not in forward or operand.op.name == "constant":
                continue
            for reader in readers:
                if operand not in parts.saved[reader]:
                    parts.saved[reader].append(operand)
