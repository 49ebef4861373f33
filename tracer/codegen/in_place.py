"""Which results are written into memory that is free, by liveness."""

from __future__ import annotations

from math import inf

from tracer.codegen.aliasing import may_alias, owns_memory, picks_copies
from tracer.codegen.draft import WRITES, Draft
from tracer.graph.calcgraph import Guard
from tracer.graph.control import Loop
from tracer.graph.node import Hole, Node, map_structure


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
