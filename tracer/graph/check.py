"""check: the invariants of a CalcGraph, tested after every pass in the tests.

>>> check(graph)                          # returns the graph, or raises GraphError
>>> check(graph, after="simplify")        # the error says which pass broke it
>>> check(graph, infer=infer)             # recorded specs must also be what inference says
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from tracer.errors import GraphError
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop, body_specs, stacked_spec
from tracer.graph.node import Node, Params
from tracer.graph.op import Op
from tracer.graph.spec import KINDS, ArraySpec, Dim

Infer = Callable[[Op, Params, tuple[ArraySpec, ...], str], Sequence[ArraySpec]]

GUARD_KINDS = ("equals", "raises", "dtype")
EFFECT_KINDS = ("write", "rng")
SPELLINGS = ("", "function", "operator", "method", "attribute")

# Leading operands of a region op that are not handed to its regions (the predicate of a cond).
OWN_OPERANDS = {"call": 0, "cond": 1}


def check(graph: CalcGraph, after: str = "", infer: Infer | None = None) -> CalcGraph:
    """The graph itself, if every invariant holds.

    Parameters
    ----------
    graph : CalcGraph
    after : str
        What made it, for the message: ``"simplify"``.
    infer : callable, optional
        ``infer(op, params, operand_specs, spelling)``; the recorded specs are then compared with
        what it says. Ops that it cannot infer (it raises ``NotImplementedError``) are passed by.

    Raises
    ------
    GraphError
        Naming the node, its op and the user's line.
    """
    _Check(after, infer, set()).graph(graph, ())
    return graph


class _Check:
    """One run of ``check``: what to say in messages, and the regions already seen."""

    def __init__(self, after: str, infer: Infer | None, regions: set[CalcGraph]):
        self.after = after
        self.infer = infer
        self.regions = regions
        self.raising: set[Node] = set()

    def fail(self, message: str, node: Node | None = None) -> NoReturn:
        after = f" after {self.after}" if self.after else ""
        op = f"{node.op.name}: " if node is not None else ""
        raise GraphError(f"graph broken{after}: {op}{message}", node.origin if node else None)

    def graph(self, graph: CalcGraph, path: tuple[CalcGraph, ...]) -> None:
        if any(graph is outer for outer in path):
            self.fail("a region contains itself")
        self.inputs(graph)
        self.raising = {guard.node for guard in graph.guards if guard.kind == "raises"}
        seen: set[Node] = set()
        for node in graph.order:
            if node in seen:
                self.fail("the node is listed twice", node)
            for operand in node.inputs:
                if operand not in seen:
                    listed = operand in graph.order
                    self.fail(
                        f"its operand {operand!r} comes later"
                        if listed
                        else f"its operand {operand!r} is not in the graph (captured by a region?)",
                        node,
                    )
            seen.add(node)
            self.node(node)
            for region in node.regions:
                if region not in self.regions:
                    _Check(self.after, self.infer, self.regions).graph(region, (*path, graph))
                    self.regions.add(region)
        self.ends(graph, seen)

    def inputs(self, graph: CalcGraph) -> None:
        """Inputs come first, and nothing else is an input."""
        count = len(graph.inputs)
        if graph.order[:count] != graph.inputs:
            self.fail("the inputs are not the first nodes in order")
        for node in graph.inputs:
            if node.op.name != "input" or node.inputs:
                self.fail("an input of the graph must be an input node", node)
        for node in graph.order[count:]:
            if node.op.name == "input":
                self.fail("an input node that is no input of the graph", node)

    def ends(self, graph: CalcGraph, seen: set[Node]) -> None:
        """Outputs, guards, effects and records speak of nodes of the graph; roles count outputs."""
        for node in graph.outputs:
            if node not in seen:
                self.fail("an output is not in the graph", node)
            if len(node.specs) != 1:
                self.fail("an output has several values; take an item of it", node)
        for guard in graph.guards:
            if guard.node not in seen:
                self.fail("a guard reads a node that is not in the graph", guard.node)
            if guard.kind not in GUARD_KINDS:
                self.fail(f"guard of unknown kind {guard.kind!r}", guard.node)
        for effect in graph.effects:
            if effect.kind not in EFFECT_KINDS:
                self.fail(f"effect of unknown kind {effect.kind!r}", effect.value)
            if effect.target not in seen or effect.value not in seen:
                self.fail("an effect speaks of a node that is not in the graph", effect.value)
            if effect.kind == "write" and effect.target not in graph.inputs:
                self.fail("a write must go to an input", effect.target)
        for record in graph.records:
            missing = [n for n in (record.node, *record.backward) if n not in seen]
            if missing:
                self.fail("a pullback record speaks of a node that is not in the graph", missing[0])
            if not 0 <= record.slot < len(record.node.inputs):
                self.fail(f"a pullback record speaks of operand {record.slot}", record.node)
        if sum(graph.roles.values()) != len(graph.outputs):
            self.fail(f"roles {graph.roles} do not count the {len(graph.outputs)} outputs")

    def node(self, node: Node) -> None:
        if type(node.inputs) is not tuple or type(node.specs) is not tuple:
            self.fail("inputs and specs must be tuples", node)
        for spec in node.specs:
            self.spec(spec, node)
        if node.spelling not in SPELLINGS:
            self.fail(f"unknown spelling {node.spelling!r}", node)
        if node.context is not None and type(node.context) is not tuple:
            self.fail("the errstate context must be a tuple of pairs", node)
        if node.op.schema.kind == "region" or node.regions:
            self.region_node(node)
        elif sorted(set(node.params.slots())) != list(range(len(node.inputs))):
            self.fail(f"holes {node.params!r} do not match {len(node.inputs)} operands", node)
        if node.op.name == "item":
            self.item(node)
        elif any(len(operand.specs) != 1 for operand in node.inputs):
            self.fail("it reads a node of several values without an item", node)
        elif self.infer is not None and not node.regions and node not in self.raising:
            self.inferred(node)

    def spec(self, spec: ArraySpec, node: Node) -> None:
        if type(spec) is not ArraySpec or type(spec.shape) is not tuple:
            self.fail(f"{spec!r} is no ArraySpec", node)
        if not isinstance(spec.dtype, np.dtype) or spec.kind not in KINDS:
            self.fail(f"{spec!r} has no dtype or an unknown kind", node)
        if spec.kind != "array" and spec.shape:
            self.fail(f"a {spec.kind} value cannot have shape {spec.shape}", node)
        for size in spec.shape:
            if type(size) is not Dim and (type(size) is not int or size < 0):
                self.fail(f"{size!r} is no size", node)

    def item(self, node: Node) -> None:
        args = node.params.args
        index = args[1] if len(args) == 2 and len(node.inputs) == 1 else None
        if type(index) is not int or not 0 <= index < len(node.inputs[0].specs):
            self.fail(f"item {index!r} of a node with {len(node.inputs[0].specs)} values", node)
        if node.specs != (node.inputs[0].specs[index],):
            self.fail(f"recorded {node.specs}, the item is {node.inputs[0].specs[index]}", node)

    def region_node(self, node: Node) -> None:
        """Regions are closed, take the operands and give the results."""
        if not node.regions:
            self.fail("a region op without a region", node)
        if node.params.slots() and max(node.params.slots()) >= len(node.inputs):
            self.fail(f"holes {node.params!r} do not match {len(node.inputs)} operands", node)
        if node.op.name == "loop":
            self.loop(node)
        own = OWN_OPERANDS.get(node.op.name)
        if own is None:
            return
        given = tuple([operand.specs[0] for operand in node.inputs[own:]])
        for region in node.regions:
            taken = tuple([source.specs[0] for source in region.inputs])
            if len(taken) != len(given):
                self.fail(f"{len(given)} operands for a region of {len(taken)} inputs", node)
            if taken != given:
                self.fail(f"operands {given} for a region that takes {taken}", node)
            made = tuple([output.specs[0] for output in region.outputs])
            if made != node.specs:
                self.fail(f"recorded {node.specs}, the region makes {made}", node)

    def loop(self, node: Node) -> None:
        """The body takes index, constants, carry and elements; it makes the next carry and rows."""
        parts, taken = Loop(node), body_specs(node)
        without = taken[: len(taken) - len(parts.sequences)]
        for region, wanted in ((parts.body, taken), (parts.condition, without)):
            found = tuple([source.specs[0] for source in region.inputs]) if region else wanted
            if found != wanted:
                self.fail(f"a body that takes {found} is given {wanted}", node)
        made = tuple([output.specs[0] for output in parts.body.outputs])
        carried = tuple([operand.specs[0] for operand in parts.carry])
        if made[: len(carried)] != carried:
            self.fail(f"the carry {carried} becomes {made[: len(carried)]}", node)
        stacked = [stacked_spec(spec, 0).shape[1:] for spec in made[len(carried) :]]
        if node.specs[: len(carried)] != carried or (
            [spec.shape[1:] for spec in node.specs[len(carried) :]] != stacked
        ):
            self.fail(f"recorded {node.specs}, the body makes {made}", node)

    def inferred(self, node: Node) -> None:
        if node.op.is_leaf or self.infer is None:
            return
        given = tuple([operand.specs[0] for operand in node.inputs])
        try:
            said = tuple(self.infer(node.op, node.params, given, node.spelling))
        except NotImplementedError:
            return
        except (ValueError, TypeError, IndexError) as error:
            self.fail(f"NumPy refuses its operands {given}: {error}", node)
        if len(said) != len(node.specs) or not all(map(agree, said, node.specs)):
            self.fail(f"recorded {node.specs}, inferred {said}", node)


def agree(one: ArraySpec, other: ArraySpec) -> bool:
    """Whether two specs say the same; a Dim agrees with any Dim of its seen size."""
    if one.dtype != other.dtype or one.kind != other.kind or len(one.shape) != len(other.shape):
        return False
    return all(
        a == b or (type(a) is Dim and type(b) is Dim and a.seen == b.seen)
        for a, b in zip(one.shape, other.shape, strict=True)
    )
