"""A Draft: the statements of a function, as they are decided on before any text is written.

>>> draft = schedule(draft_of(graph))
>>> draft.into                     # what the steps of a form decide stands in tables by node
{<product: f64[4,2] = matmul(%0, %1)>: <hidden: f64[4,2] = tanh(%0)>}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracer.codegen.operand_reads import reads
from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.node import Node
from tracer.graph.reach import needed


class Draft:
    """A function to be written, and what the steps decided about it.

    Attributes
    ----------
    parameters, order, outputs : sequence of Node
        What it takes, computes (in this order) and returns.
    guards : list of (int, Guard)
        With their positions in the graph they come from.
    effects : sequence of Effect
    derived : set of Node
        Nodes that a transform made.
    uses : dict
        The readers of each node: nodes, guards, and None for the end of the function.
    place : dict
        The position of the statement in which each node is computed.
    alias : dict
        Nodes that need no text, and the node they stand for.
    into : dict
        Nested nodes, and the node or guard in whose text they stand.
    items : dict
        Nodes with several outputs that are unpacked, and their item nodes by number.
    in_place : set
        Writes that happen in the array of their first operand.
    copied : set
        Views that are copied, since their base is written while they are still needed.
    arrays : dict
        The arrays that a value may look into, where anything is written.
    chain_name : dict
        For arrays that are written in place: what the user or a later version calls them.
    owned : frozenset
        Values from outside whose arrays may be written in place: the carry of a loop.
    fixed : frozenset
        Values from outside whose variables must not be assigned to.
    rebound : dict
        ``(loop, number)`` → the value whose variable that carry goes on in: nobody reads it later.
    exclusive : set
        Those of them whose array nobody else sees.
    """

    def __init__(
        self,
        parameters: Sequence[Node],
        order: Iterable[Node],
        outputs: Sequence[Node],
        guards: Iterable[tuple[int, Guard]] = (),
        effects: Sequence[Effect] = (),
        derived: set[Node] | None = None,
    ):
        given = set(parameters)
        self.parameters = tuple(parameters)
        self.order = [node for node in order if node not in given]
        self.outputs = tuple(outputs)
        self.guards: dict[Node, list[tuple[int, Guard]]] = {}
        for position, guard in guards:
            self.guards.setdefault(guard.node, []).append((position, guard))
        self.effects = tuple(effects)
        self.derived = derived or set()
        self.alias: dict[Node, Node] = {}
        self.into: dict[Node, Node | Guard] = {}
        self.items: dict[Node, dict[int, Node]] = {}
        self.in_place: set[Node] = set()
        self.copied: set[Node] = set()
        self.chain_name: dict[Node, str] = {}
        self.uses: dict[Node, list[Node | Guard | None]] = {}
        self.place: dict[Node, int] = {}
        self.arrays: dict[Node, tuple[Node, ...]] = {}
        self.owned: frozenset[Node] = frozenset()
        self.fixed: frozenset[Node] = frozenset()
        self.rebound: dict[tuple[Node, int], Node] = {}
        self.exclusive: set[tuple[Node, int]] = set()

    def real(self, node: Node) -> Node:
        """The node whose text stands for this one."""
        while (other := self.alias.get(node)) is not None:
            node = other
        return node

    def reads(self, node: Node) -> list[Node]:
        """The operands that the node's text names."""
        return [self.real(operand) for operand in reads(node)]

    def ends(self) -> list[Node]:
        """Nodes that must have a variable when the function ends."""
        nodes = [*self.outputs]
        for effect in self.effects:
            if effect.kind == "write":
                nodes += [effect.target, effect.value]
        return [self.real(node) for node in nodes]


def derived_nodes(graph: CalcGraph) -> set[Node]:
    """The nodes that a transform added: those that no value, guard or effect needs."""
    values = graph.roles.get("value", 0)
    if values == len(graph.outputs):
        return set()
    own = set(graph.outputs[:values])
    own.update(guard.node for guard in graph.guards)
    own.update(effect.value for effect in graph.effects)
    own = needed(graph.order, own)
    return {node for node in graph.order if node not in own}


def draft_of(graph: CalcGraph) -> Draft:
    """A function for a whole graph."""
    return Draft(
        graph.inputs,
        graph.order,
        graph.outputs,
        enumerate(graph.guards),
        graph.effects,
        derived_nodes(graph),
    )
