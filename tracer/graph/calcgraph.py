"""CalcGraph: a static, frozen networkx DAG of Nodes, with inputs, outputs, guards and effects.

The ordered node list is the truth; networkx adjacency is filled on first access.

>>> graph.order            # nodes in execution order, inputs first
>>> networkx.is_directed_acyclic_graph(graph)
True
>>> graph.edges[x, squared]["slots"]      # x * x is one edge
(0, 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import networkx as nx
from networkx.classes.reportviews import NodeView

from tracer.graph.node import Node
from tracer.graph.origin import Origin
from tracer.graph.spec import ArraySpec
from tracer.graph.text import print_graph
from tracer.python.late_bound import LATE_BOUND


@dataclass(slots=True, eq=False)
class Guard:
    """What must hold for this program to be the right one; never changed once it is made.

    ``kind`` ``"equals"``: the value of ``node`` (a 0-d bool, int or size) equals ``outcome``;
    ``"raises"``: evaluating ``node`` raises ``outcome`` (an exception class);
    ``"dtype"``: the value of ``node`` has the dtype that its spec says.
    """

    node: Node
    outcome: Any
    kind: str = "equals"
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """What the program does besides returning, in order; committed after the guards.

    ``kind`` ``"write"``: argument or capture ``target`` (an input node) takes the value of
    ``value``; ``"rng"``: ``value`` is a node that advances the stream ``target``.
    """

    kind: str
    target: Node
    value: Node


@dataclass(frozen=True, slots=True, eq=False)
class PullbackRecord:
    """One rung of the picture: how a node's cotangent becomes an operand's.

    Attributes
    ----------
    node, slot : Node, int
        The forward node and which operand of it.
    formula : tuple of (text, ArraySpec or None)
        The pullback as tokens, printed from the traced rule: ``("ḡ", spec), (" · ", None),
        ("Bᵀ", spec)``. Tokens without a spec are operators.
    cotangent, result : ArraySpec
        Of the cotangent that goes in and the one that comes out.
    backward : tuple of Node
        The joint graph's nodes that compute it; the last one is the contribution.
    math : str
        A hand-written formula that overrides the printed one, or ``""``.
    """

    node: Node
    slot: int
    formula: tuple[tuple[str, ArraySpec | None], ...]
    cotangent: ArraySpec
    result: ArraySpec
    backward: tuple[Node, ...] = ()
    math: str = ""


class OrderedNodes(NodeView):
    """networkx's view of the nodes, in execution order, reversible; it does not fill adjacency."""

    __slots__ = ("_graph",)

    def __init__(self, graph: CalcGraph):
        self._graph = graph

    @property
    def _nodes(self) -> dict:
        return self._graph._node

    def __len__(self) -> int:
        return len(self._graph.order) if self._graph.order else len(self._graph._node)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._graph.order or self._graph._node)

    def __reversed__(self) -> Iterator[Node]:
        return reversed(self._graph.order)


def _refuse(self, *args: Any, **kwargs: Any):
    raise nx.NetworkXError("a CalcGraph is frozen; nx.DiGraph(graph) gives a copy to change")


class CalcGraph(nx.DiGraph):
    """A static DAG of Nodes.

    Parameters
    ----------
    inputs, order, outputs : iterable of Node
        ``order`` lists every node in an order in which it can run; inputs come first.
    guards : iterable of Guard
    effects : iterable of Effect
    records : iterable of PullbackRecord
        Empty in a forward graph.
    title : str
        What it computes: ``"loss(params, x)"``.
    roles : dict
        Which outputs are which, for transforms that add outputs:
        ``{"value": 1, "gradient": 2}`` counts them in order.
    """

    order: tuple[Node, ...]

    def __init__(
        self,
        inputs: Iterable[Node] = (),
        order: Iterable[Node] = (),
        outputs: Iterable[Node] = (),
        guards: Iterable[Guard] = (),
        effects: Iterable[Effect] = (),
        records: Iterable[PullbackRecord] = (),
        title: str = "",
        roles: dict[str, int] | None = None,
    ):
        self.inputs = tuple(inputs)
        self.order = tuple(order)
        self.outputs = tuple(outputs)
        self.guards = tuple(guards)
        self.effects = tuple(effects)
        self.records = tuple(records)
        self.title = title
        self.roles = dict(roles or {"value": len(self.outputs)})
        self.graph: dict[str, Any] = {}
        self.__networkx_cache__: dict[str, Any] = {}

    # -- networkx ---------------------------------------------------------------------------
    def _fill(self) -> dict[str, dict]:
        store = self.__dict__.get("_store")
        if store is None:
            node: dict = {n: {"op": n.op.name, "name": n.name} for n in self.order}
            succ: dict = {n: {} for n in self.order}
            pred: dict = {n: {} for n in self.order}
            for n in self.order:
                for slot, operand in enumerate(n.inputs):
                    data = succ[operand].setdefault(n, {"slots": ()})
                    data["slots"] += (slot,)
                    pred[n][operand] = data
            store = {"_node": node, "_succ": succ, "_pred": pred}
            self.__dict__["_store"] = store
        return store

    def _table(name: str, key: str | None = None):
        def get(self):
            own = self.__dict__.get("own" + name)
            return own if own is not None else self._fill()[key or name]

        def put(self, value):  # networkx sets these on the views it makes of us
            self.__dict__["own" + name] = value

        return property(get, put)

    _node = _table("_node")
    _succ = _table("_succ")
    _adj = _table("_adj", "_succ")
    _pred = _table("_pred")
    del _table

    @property
    def nodes(self) -> OrderedNodes:
        return OrderedNodes(self)

    add_node = add_nodes_from = remove_node = remove_nodes_from = _refuse
    add_edge = add_edges_from = remove_edge = remove_edges_from = _refuse
    add_weighted_edges_from = clear = clear_edges = update = _refuse

    def to_directed_class(self):
        return nx.DiGraph

    def to_undirected_class(self):
        return nx.Graph

    def copy(self, as_view: bool = False):
        """A plain, changeable ``networkx.DiGraph`` (or a read-only view)."""
        if as_view:
            return nx.graphviews.generic_graph_view(self)
        return nx.DiGraph(self)

    # -- calcgraph --------------------------------------------------------------------------
    def replace(self, **changes: Any) -> CalcGraph:
        """A new graph like this one, but for the given attributes."""
        names = ("inputs", "order", "outputs", "guards", "effects", "records", "title", "roles")
        return CalcGraph(**({name: getattr(self, name) for name in names} | changes))

    def roots(self) -> list[Node]:
        """The nodes that must stay: outputs, guard predicates and effect values."""
        kept = [*self.outputs]
        kept += [guard.node for guard in self.guards]
        for effect in self.effects:
            kept += [effect.target, effect.value]
        return list(dict.fromkeys(kept))

    def key(self) -> tuple:
        """Structural identity: ops, typed params, operand numbers, specs; no names, no origins."""
        numbers = {node: number for number, node in enumerate(self.order)}
        rows = [
            (
                node.op.name,
                node.params.key(),
                tuple([numbers[i] for i in node.inputs]),
                node.specs,
                node.spelling == "operator",
                node.context,
                tuple([region.key() for region in node.regions]),
            )
            for node in self.order
        ]
        guards = tuple([(numbers[g.node], g.kind, repr(g.outcome)) for g in self.guards])
        effects = tuple([(e.kind, numbers[e.target], numbers[e.value]) for e in self.effects])
        ends = tuple([numbers[n] for n in self.inputs]), tuple([numbers[n] for n in self.outputs])
        return tuple(rows), guards, effects, ends

    def __str__(self) -> str:
        return print_graph(self)

    def __repr__(self) -> str:
        return f"<CalcGraph {self.title or '?'}: {len(self.order)} nodes>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/svg+xml": LATE_BOUND["svg"](self), "text/plain": repr(self)}
