"""Which writes happen in the array of their operand, by liveness: where no old version is read.

>>> draft = schedule(draft_of(graph))     # out = np.zeros(3); out[0] = x; return out
>>> draft.in_place
{<out: f64[3] = setitem(%0, %1, index=0)>}
"""

from __future__ import annotations

from math import inf

from tracer.codegen.aliasing import may_alias, owns_memory
from tracer.codegen.draft import Draft
from tracer.graph.calcgraph import Guard
from tracer.graph.control import Loop
from tracer.graph.node import Hole, Node, map_structure
from tracer.graph.reach import picks_copies


def write_in_place(draft: Draft) -> None:
    """Let a write reuse its array where no old version is needed, by liveness."""
    if draft.effects or any(node.op.is_write for node in draft.order):
        liveness = _Liveness(draft)
        liveness.follow()
        draft.arrays = liveness.arrays


class _Liveness:
    """Follows arrays through the statements; every value knows the arrays it may look into."""

    def __init__(self, draft: Draft):
        self.draft = draft
        self.arrays: dict[Node, tuple[Node, ...]] = {}
        self.views: dict[Node, list[Node]] = {}  # of each array: all values that may look into it
        self.owners: set[Node] = set()  # values that are all of an array nobody outside sees
        self.first_version: dict[Node, Node] = {}
        self.last: dict[Node, float] = {}  # the place of the last reader
        for node in draft.owned:
            self.arrays[node], self.views[node], self.first_version[node] = (node,), [node], node
            self.owners.add(node)
        for node, users in draft.uses.items():
            self.last[node] = max([self._place_of(user) for user in users], default=-1)

    def _place_of(self, user: Node | Guard | None) -> float:
        if user is None:
            return inf
        if isinstance(user, Guard):
            return self.draft.place.get(self.draft.real(user.node), -1)  # -1: of an input
        if user in self.draft.alias:
            return inf
        return self.draft.place[user]

    def follow(self) -> None:
        for node in self.draft.order:
            if node.op.is_write and self._is_free(node):
                self._reuse(node)
            else:
                self._add(node)

    def _add(self, node: Node) -> None:
        shared = [self._arrays_of(self.draft.real(n)) for n in may_alias(node)]
        arrays = tuple(dict.fromkeys([a for one in shared for a in one])) or (node,)
        self.arrays[node] = arrays
        if arrays == (node,):
            if owns_memory(node) or node.op.is_write:
                self.owners.add(node)
            self.first_version[node] = node
        for array in arrays:
            self.views.setdefault(array, []).append(node)

    def _arrays_of(self, node: Node) -> tuple[Node, ...]:
        return self.arrays.get(node, (node,))

    def _is_free(self, node: Node) -> bool:
        draft, base = self.draft, self.draft.real(node.inputs[0])
        place = draft.place[node]
        if base not in self.owners or self.last[base] > place or not node.shape:
            return False
        (array,) = self.arrays[base]
        if any(array in self._arrays_of(n) for n in self._read_while_writing(node)):
            return False
        views = [v for v in self.views[array] if v is not base and self.last.get(v, -1) > place]
        if any(v.op.name == "item" or len(v.specs) != 1 or v in draft.into for v in views):
            return False
        for view in views:
            self._copy(view)
        return True

    def _read_while_writing(self, node: Node) -> list[Node]:
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

    def _reuse(self, node: Node) -> None:
        draft, base = self.draft, self.draft.real(node.inputs[0])
        (array,) = self.arrays[base]
        place = draft.place[node]
        self.arrays[node] = (array,)
        self.views[array] = [v for v in self.views[array] if self.last.get(v, -1) > place] + [node]
        self.owners.add(node)
        draft.in_place.add(node)
        first = self.first_version[node] = self.first_version.get(base, base)
        if node.name and not first.name:
            draft.chain_name[first] = node.name


def rebind(draft: Draft) -> None:
    """Let a loop go on in the variable of its first carry where nobody reads that later."""
    needed = set(draft.ends())
    for node in draft.order:
        if node.op.name != "loop":
            continue
        loop = Loop(node)
        items = draft.items.get(node, {})
        for number, first in enumerate(loop.carry):
            real = draft.real(first)
            result = node if len(node.specs) == 1 else items.get(number)
            alone = draft.uses.get(real, []) == [node] and node.inputs.count(first) == 1
            if alone and owns_memory(real) and not real.op.is_write:
                draft.exclusive.add((node, number))
            if result is None or not _can_rebind(draft, real, node) or real in needed:
                continue
            inside = loop.body.inputs[1 + len(loop.constants) + number].name
            if real.name in (result.name, "" if result.name else inside):
                draft.rebound[node, number] = real


def _can_rebind(draft: Draft, first: Node, loop: Node) -> bool:
    """Whether a value has a variable that is not needed behind a loop, nor twice by it."""
    if not first.name or first in draft.into or first in draft.fixed:
        return False
    if first.op.name == "constant":
        return False
    if [draft.real(operand) for operand in loop.inputs].count(first) > 1:
        return False
    return not any(_reads_later(draft, user, loop) for user in draft.uses.get(first, ()))


def _reads_later(draft: Draft, user: Node | Guard | None, node: Node) -> bool:
    if user is node:
        return False
    if not isinstance(user, Node) or user in draft.alias:
        return True
    return draft.place[user] > draft.place[node]
