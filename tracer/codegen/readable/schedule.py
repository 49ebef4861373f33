"""Decides what a function's statements are: what is nested, unpacked, written in place, left out.

Each step notes its decisions in a Draft; the emitter then writes the text.

>>> draft = schedule(Draft(graph.inputs, graph.order, graph.outputs))
>>> draft.into[product]            # nested in the statement that uses it
<hidden: f64[4,2] = tanh(%0)>
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf

from tracer.codegen.aliasing import hits_once, may_alias, owns_memory, picks_copies
from tracer.codegen.readable.operand_reads import reads, stands_for
from tracer.graph.calcgraph import Effect, Guard
from tracer.graph.control import Loop
from tracer.graph.node import Hole, Node, map_structure, may_act

DEPTH = 12  # of nesting; a reader's limit, far below the parser's
UNPACKED = 8  # so many results are unpacked; more are indexed
WRITES = ("setitem", "scatter_add")
CONTROL = ("loop", "cond")
BROADCASTS = ("broadcast_like", "broadcast_to")
# Ops whose broadcasting operand must stay: pow has fast paths for scalar exponents.
NO_FREE_BROADCAST = frozenset({"pow", "power", "float_power"})


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
        while (found := self.alias.get(node)) is not None:
            node = found
        return node

    def reads(self, node: Node) -> list[Node]:
        """The operands that the node's text names."""
        return [self.real(operand) for operand in reads(node)]

    def kept(self) -> list[Node]:
        """Nodes that must have a variable when the function ends."""
        ends = [*self.outputs]
        for effect in self.effects:
            if effect.kind == "write":
                ends += [effect.target, effect.value]
        return [self.real(node) for node in ends]


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
    needed = {*draft.kept(), *draft.guards}
    consumers: dict[Node, list[Node]] = {}
    for node in draft.order:
        if any(operand.op.name in BROADCASTS for operand in node.inputs):
            for operand in set(node.inputs):
                consumers.setdefault(operand, []).append(node)
    for node in draft.order:
        source = stands_for(node)
        if source is not None:
            draft.alias[node] = source
        elif node.op.name in BROADCASTS and node.inputs and node not in needed:
            if all(_broadcasts(draft, node, user) for user in consumers.get(node, ())):
                draft.alias[node] = node.inputs[0]


def _broadcasts(draft: Draft, node: Node, user: Node) -> bool:
    source = node.inputs[0]
    if user.op.name in WRITES:  # an assignment broadcasts its value
        args = user.params.args
        value = type(args[1]) is Hole and user.inputs[args[1].slot] is node
        return value and source.spec.kind != "weak" and user.inputs.count(node) == 1
    if user.op.schema.kind != "elementwise" or user.op.name in NO_FREE_BROADCAST:
        return False
    if source.spec.kind == "weak" or len(user.inputs) < 2 or user.params.kwargs:
        return False
    others = [draft.real(other) for other in user.inputs if other is not node]
    return any(
        other.shape == user.shape and other.spec.kind == "array" for other in others
    ) and bool(user.shape)


def drop_unused(draft: Draft) -> None:
    """Keep what the outputs, guards and effects need, and random draws."""
    live = set(draft.kept())
    live.update(draft.real(node) for node in draft.guards)
    live.update(draft.real(e.value) for e in draft.effects)
    kept = []
    for node in reversed(draft.order):
        if node in draft.alias or (node not in live and not may_act(node)):
            continue
        kept.append(node)
        live.update(draft.reads(node))
    draft.order = kept[::-1]


def count_uses(draft: Draft) -> None:
    """Note who reads whom, once per place in the text."""
    uses = draft.uses
    for place, node in enumerate(draft.order):
        draft.place[node] = place
        for operand in draft.reads(node):
            uses.setdefault(operand, []).append(node)
    for node, guards in draft.guards.items():
        for _, guard in guards:
            uses.setdefault(draft.real(node), []).append(guard)
    for node in draft.kept():
        uses.setdefault(node, []).append(None)


def unpack(draft: Draft) -> None:
    """Several results become ``sign, logdet = …``; a single used one stays ``f(x)[0]``."""
    for node in draft.order:
        control = node.op.name in CONTROL
        if len(node.specs) == 1 or (len(node.specs) > UNPACKED and not control):
            continue
        users = draft.uses.get(node, [])
        items = [user for user in users if isinstance(user, Node) and user.op.name == "item"]
        if len(items) != len(users) or (len(items) < 2 and not control):
            continue
        found = draft.items[node] = {}
        for item in items:
            first = found.setdefault(item.params.args[1], item)
            if first is not item:  # the same result twice
                draft.alias[item] = first
                draft.uses.setdefault(first, []).extend(draft.uses.pop(item, []))


def nest(draft: Draft) -> None:
    """What the user wrote as one statement, used once, becomes one statement."""
    written = _Families(draft)
    bases = {draft.real(n.inputs[0]) for n in draft.order if n.op.name in WRITES}
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
                    written.between(draft.reads(node), draft.place[node], at)
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
    if isinstance(consumer, Node) and (consumer in draft.alias or consumer in draft.items):
        consumer = None if consumer in draft.alias else consumer
    if isinstance(consumer, Guard) and consumer.kind != "equals":
        return None
    if isinstance(consumer, Node) and consumer.op.name in CONTROL:
        return consumer if _written_once(draft, node, consumer) else None
    return consumer


def _written_once(draft: Draft, node: Node, control: Node) -> bool:
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
    if isinstance(consumer, Node) and consumer.op.name == "store":
        named = False  # the row has the name
    elif isinstance(consumer, Node) and consumer.op.name in WRITES:
        # in out[i] = … the name is that of the array
        named = node.name not in (consumer.name, draft.real(consumer.inputs[0]).name, "")
    if named or node.op.name in (*WRITES, *CONTROL, "constant"):
        return False
    if not node.op.is_pure and not _draws_inline(node, consumer):
        return False
    if node.op.name == "item":
        return node.inputs[0] not in draft.items
    return not any(guard.kind == "raises" for _, guard in draft.guards.get(node, ()))


def is_pure(node: Node) -> bool:
    """Whether neither the node nor anything in its regions draws random numbers."""
    return node.op.is_pure and all(is_pure(n) for region in node.regions for n in region.order)


def _draws_inline(node: Node, consumer: Node | Guard) -> bool:
    """Whether a draw may stand in its consumer's text, which is evaluated once."""
    if isinstance(consumer, Node) and (consumer.regions or consumer.op.name in CONTROL):
        return False
    return node.spec.kind != "object"


def _same_statement(draft: Draft, node: Node, consumer: Node | Guard) -> bool:
    if isinstance(consumer, Guard):
        return True
    if node.context != consumer.context:
        return False
    if consumer.op.name in WRITES and node in draft.derived and consumer in draft.derived:
        return True  # g_x[1:] -= g_out / n
    if node.origin is None or consumer.origin is None:
        return True
    return node.origin.statement_key == consumer.origin.statement_key


class _Families:
    """Where arrays are written that a value may share memory with, before any decision."""

    def __init__(self, draft: Draft):
        self.of: dict[Node, tuple[Node, ...]] = {}
        self.writes: dict[Node, list[int]] = {}
        if not any(node.op.name in WRITES for node in draft.order):
            return
        for node in draft.order:
            if node.op.name in WRITES:
                families = self.family(draft.real(node.inputs[0]))
                for root in families:
                    self.writes.setdefault(root, []).append(draft.place[node])
            else:
                shared = [self.family(draft.real(n)) for n in may_alias(node)]
                families = tuple(dict.fromkeys([root for roots in shared for root in roots]))
            self.of[node] = families or (node,)

    def family(self, node: Node) -> tuple[Node, ...]:
        return self.of.get(node, (node,))

    def between(self, nodes: Iterable[Node], first: int, last: int) -> bool:
        """Whether memory of the nodes may be written after ``first`` and before ``last``."""
        if not self.writes:
            return False
        for node in nodes:
            for root in self.family(node):
                places = self.writes.get(root)
                if places:
                    index = bisect_right(places, first)
                    if index < len(places) and places[index] < last:
                        return True
        return False


def write_in_place(draft: Draft) -> None:
    """Let a write reuse its array where no old version is needed, by liveness."""
    if draft.effects or any(node.op.name in WRITES for node in draft.order):
        liveness = _Liveness(draft)
        liveness.run()
        draft.arrays = liveness.arrays


class _Liveness:
    """Follows arrays through the statements; every value knows the arrays it may look into."""

    def __init__(self, draft: Draft):
        self.draft = draft
        self.arrays: dict[Node, tuple[Node, ...]] = {}
        self.views: dict[Node, list[Node]] = {}
        self.whole: set[Node] = set()
        self.head: dict[Node, Node] = {}
        self.last: dict[Node, float] = {}
        for node in draft.owned:
            self.arrays[node], self.views[node], self.head[node] = (node,), [node], node
            self.whole.add(node)
        for node, users in draft.uses.items():
            self.last[node] = max([self._use(user) for user in users], default=-1)

    def _use(self, user: Node | Guard | None) -> float:
        if user is None:
            return inf
        if isinstance(user, Guard):
            return self.draft.place.get(self.draft.real(user.node), -1)  # -1: of an input
        if user in self.draft.alias:
            return inf
        return self.draft.place[user]

    def run(self) -> None:
        for node in self.draft.order:
            if node.op.name in WRITES and self._fits(node):
                self._continue(node)
            else:
                self._begin(node)

    def _begin(self, node: Node) -> None:
        shared = [self._looks_into(self.draft.real(n)) for n in may_alias(node)]
        arrays = tuple(dict.fromkeys([a for one in shared for a in one])) or (node,)
        self.arrays[node] = arrays
        if arrays == (node,):
            if owns_memory(node) or node.op.name in WRITES:
                self.whole.add(node)
            self.head[node] = node
        for array in arrays:
            self.views.setdefault(array, []).append(node)

    def _looks_into(self, node: Node) -> tuple[Node, ...]:
        return self.arrays.get(node, (node,))

    def _fits(self, node: Node) -> bool:
        draft, base = self.draft, self.draft.real(node.inputs[0])
        place = draft.place[node]
        if base not in self.whole or self.last[base] > place or not node.shape:
            return False
        (array,) = self.arrays[base]
        if any(array in self._looks_into(n) for n in self._must_differ(node)):
            return False
        late = [v for v in self.views[array] if v is not base and self.last.get(v, -1) > place]
        if any(v.op.name == "item" or len(v.specs) != 1 or v in draft.into for v in late):
            return False
        for view in late:
            self._copy(view)
        return True

    def _must_differ(self, node: Node) -> list[Node]:
        """Operands that a write may not overlap with; NumPy itself sees to values of slices."""
        slots: list[int] = []

        def note(leaf):
            if type(leaf) is Hole:
                slots.append(leaf.slot)
            return leaf

        plain = node.op.name == "setitem" and not picks_copies(node)
        arguments = node.params.args[2:] if plain else node.params.args[1:]
        map_structure(note, arguments)
        return [self.draft.real(node.inputs[slot]) for slot in slots]

    def _copy(self, view: Node) -> None:
        self.draft.copied.add(view)
        for array in self.arrays[view]:
            self.views[array] = [v for v in self.views[array] if v is not view]
        self.arrays[view] = (view,)
        self.views[view] = [view]

    def _continue(self, node: Node) -> None:
        draft, base = self.draft, self.draft.real(node.inputs[0])
        (array,) = self.arrays[base]
        place = draft.place[node]
        self.arrays[node] = (array,)
        self.views[array] = [v for v in self.views[array] if self.last.get(v, -1) > place] + [node]
        self.whole.add(node)
        draft.in_place.add(node)
        head = self.head[node] = self.head.get(base, base)
        if node.name and not head.name:
            draft.chain_name[head] = node.name


def rebind(draft: Draft) -> None:
    """Let a loop go on in the variable of its first carry where nobody reads that later."""
    kept = set(draft.kept())
    for node in draft.order:
        if node.op.name != "loop":
            continue
        loop = Loop(node)
        items = draft.items.get(node, {})
        for number, first in enumerate(loop.carry):
            real = draft.real(first)
            made = node if len(node.specs) == 1 else items.get(number)
            alone = draft.uses.get(real, []) == [node] and node.inputs.count(first) == 1
            if alone and owns_memory(real) and real.op.name not in WRITES:
                draft.exclusive.add((node, number))
            if made is None or not _goes_on(draft, real, node) or real in kept:
                continue
            fits = loop.body.inputs[1 + len(loop.constants) + number].name
            if real.name in (made.name, "" if made.name else fits):
                draft.rebound[node, number] = real


def _goes_on(draft: Draft, first: Node, loop: Node) -> bool:
    """Whether a value has a variable that is not needed behind a loop, nor twice by it."""
    if not first.name or first in draft.into or first in draft.fixed:
        return False
    if first.op.name == "constant":
        return False
    if [draft.real(operand) for operand in loop.inputs].count(first) > 1:
        return False
    return not any(_late(draft, user, loop) for user in draft.uses.get(first, ()))


def _late(draft: Draft, user: Node | Guard | None, node: Node) -> bool:
    if user is node:
        return False
    if not isinstance(user, Node) or user in draft.alias:
        return True
    return draft.place[user] > draft.place[node]


LOWER = (elide, drop_unused, count_uses, unpack, nest, write_in_place, rebind)

__all__ = ["DEPTH", "LOWER", "WRITES", "Draft", "hits_once", "picks_copies", "schedule"]
