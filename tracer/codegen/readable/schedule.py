"""Decides what a function's statements are: what is nested, unpacked, written in place, left out.

Each step notes its decisions in a Draft; a FunctionWriter then writes the text.

>>> draft = schedule(Draft(graph.inputs, graph.order, graph.outputs))
>>> draft.into[product]            # nested in the statement that uses it
<hidden: f64[4,2] = tanh(%0)>
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from math import inf

from tracer.codegen.aliasing import may_alias
from tracer.codegen.block_ends import STORE
from tracer.codegen.draft import Draft
from tracer.codegen.in_place import rebind, write_in_place
from tracer.codegen.operand_reads import stands_for
from tracer.codegen.uses import count_uses, drop_unused
from tracer.graph.calcgraph import Guard
from tracer.graph.control import Loop
from tracer.graph.node import Hole, Node, is_pure

DEPTH = 12  # of nesting; a reader's limit, far below the parser's
UNPACKED = 8  # so many results are unpacked; more are indexed


def schedule(draft: Draft) -> Draft:
    """Run all steps."""
    for step in LOWER:
        step(draft)
    draft.uses.clear()  # the tables of a long function are large, and the text needs few of them
    draft.place = {node: draft.place[node] for node in draft.into}
    return draft


# -- steps ----------------------------------------------------------------------------------------
def elide(draft: Draft) -> None:
    """Leave out what changes nothing, and broadcasts that NumPy does by itself."""
    needed = {*draft.ends(), *draft.guards}
    consumers: dict[Node, list[Node]] = {}
    for node in draft.order:
        if any(operand.op.is_broadcast for operand in node.inputs):
            for operand in set(node.inputs):
                consumers.setdefault(operand, []).append(node)
    for node in draft.order:
        source = stands_for(node)
        if source is not None:
            draft.alias[node] = source
        elif node.op.is_broadcast and node.inputs and node not in needed:
            if all(_broadcasts(draft, node, user) for user in consumers.get(node, ())):
                draft.alias[node] = node.inputs[0]


def _broadcasts(draft: Draft, node: Node, user: Node) -> bool:
    source = node.inputs[0]
    if user.op.is_write:  # an assignment broadcasts its value
        args = user.params.args
        value = type(args[1]) is Hole and user.inputs[args[1].slot] is node
        return value and source.spec.kind != "weak" and user.inputs.count(node) == 1
    if user.op.schema.kind != "elementwise" or user.op.is_power:
        return False
    if source.spec.kind == "weak" or len(user.inputs) < 2 or user.params.kwargs:
        return False
    others = [draft.real(other) for other in user.inputs if other is not node]
    return any(
        other.shape == user.shape and other.spec.kind == "array" for other in others
    ) and bool(user.shape)


def unpack(draft: Draft) -> None:
    """Several results become ``sign, logdet = …``; a single used one stays ``f(x)[0]``."""
    for node in draft.order:
        control = node.op.is_control
        if len(node.specs) == 1 or (len(node.specs) > UNPACKED and not control):
            continue
        users = draft.uses.get(node, [])
        items = [user for user in users if isinstance(user, Node) and user.op.name == "item"]
        if len(items) != len(users) or (len(items) < 2 and not control):
            continue
        by_number = draft.items[node] = {}
        for item in items:
            first = by_number.setdefault(item.params.args[1], item)
            if first is not item:  # the same result twice
                draft.alias[item] = first
                draft.uses.setdefault(first, []).extend(draft.uses.pop(item, []))


def nest(draft: Draft) -> None:
    """What the user wrote as one statement, used once, becomes one statement."""
    writes = _AliasedWrites(draft)
    bases = {draft.real(n.inputs[0]) for n in draft.order if n.op.is_write}
    depth: dict[Node, int] = {}
    next_draw = inf  # where the random draw after this node stands
    for node in reversed(draft.order):
        consumer = _single_consumer(draft, node)
        if consumer is not None and node not in bases and _may_nest(draft, node, consumer):
            at = draft.place[consumer if isinstance(consumer, Node) else node]
            below = depth.get(consumer, 0) + 1 if isinstance(consumer, Node) else 0
            if (
                below <= DEPTH
                and _same_statement(draft, node, consumer)
                and not (
                    writes.between(draft.reads(node), draft.place[node], at)
                    or (next_draw <= at and not node.op.is_pure)
                )
            ):
                draft.into[node] = consumer
                draft.place[node] = at
                depth[node] = below
        if not is_pure(node):
            next_draw = draft.place[node]


def _single_consumer(draft: Draft, node: Node) -> Node | Guard | None:
    users = draft.uses.get(node, ())
    if len(users) != 1:
        return None
    consumer = users[0]
    if isinstance(consumer, Node) and consumer in draft.alias:
        return None
    if isinstance(consumer, Guard) and consumer.kind != "equals":
        return None
    if isinstance(consumer, Node) and consumer.op.is_control:
        return consumer if _named_once(draft, node, consumer) else None
    return consumer


def _named_once(draft: Draft, node: Node, control: Node) -> bool:
    """Whether a loop or branch names an operand once, before its body: a test, a first carry."""
    reals = [draft.real(operand) for operand in control.inputs]
    if reals.count(node) != 1:
        return False
    if control.op.name == "cond":
        return reals[0] is node
    loop = Loop(control)
    first = len(loop.constants)
    return node in reals[first : first + len(loop.carry)]


def _may_nest(draft: Draft, node: Node, consumer: Node | Guard) -> bool:
    named = bool(node.name)
    if isinstance(consumer, Node) and consumer.op is STORE:
        named = False  # the row has the name
    elif isinstance(consumer, Node) and consumer.op.is_write:
        # in out[i] = … the name is that of the array
        named = node.name not in (consumer.name, draft.real(consumer.inputs[0]).name, "")
    if named or node.op.is_write or node.op.is_control or node.op.name == "constant":
        return False
    if not node.op.is_pure and not _draws_inline(node, consumer):
        return False
    if node.op.name == "item":
        return node.inputs[0] not in draft.items
    return not any(guard.kind == "raises" for _, guard in draft.guards.get(node, ()))


def _draws_inline(node: Node, consumer: Node | Guard) -> bool:
    """Whether a draw may stand in its consumer's text, which is evaluated once."""
    if isinstance(consumer, Node) and (consumer.regions or consumer.op.is_control):
        return False
    return node.spec.kind != "object"


def _same_statement(draft: Draft, node: Node, consumer: Node | Guard) -> bool:
    if isinstance(consumer, Guard):
        return True
    if node.context != consumer.context:
        return False
    if consumer.op.is_write and node in draft.derived and consumer in draft.derived:
        return True  # g_x[1:] -= g_out / n
    if node.origin is None or consumer.origin is None:
        return True
    return node.origin.statement_key == consumer.origin.statement_key


class _AliasedWrites:
    """Where arrays are written that a value may share memory with, before any decision."""

    def __init__(self, draft: Draft):
        self.arrays: dict[Node, tuple[Node, ...]] = {}
        self.writes: dict[Node, list[int]] = {}  # the places of the writes into each array
        if not any(node.op.is_write for node in draft.order):
            return
        for node in draft.order:
            if node.op.is_write:
                arrays = self._arrays_of(draft.real(node.inputs[0]))
                for array in arrays:
                    self.writes.setdefault(array, []).append(draft.place[node])
            else:
                shared = [self._arrays_of(draft.real(n)) for n in may_alias(node)]
                arrays = tuple(dict.fromkeys([a for some in shared for a in some]))
            self.arrays[node] = arrays or (node,)

    def _arrays_of(self, node: Node) -> tuple[Node, ...]:
        return self.arrays.get(node, (node,))

    def between(self, nodes: Iterable[Node], first: int, last: int) -> bool:
        """Whether memory of the nodes may be written after ``first`` and before ``last``."""
        if not self.writes:
            return False
        for node in nodes:
            for array in self._arrays_of(node):
                places = self.writes.get(array)
                if places:
                    index = bisect_right(places, first)
                    if index < len(places) and places[index] < last:
                        return True
        return False


LOWER = (elide, drop_unused, count_uses, unpack, nest, write_in_place, rebind)
