"""Where the carries of a loop live: in which variable each goes on, and which arrays it owns.

>>> body = LoopBody(function, Loop(node))
>>> body.owned                       # written in place: x[i] = … in the body is no copy
frozenset({<x: f64[5]>})
"""

from __future__ import annotations

from tracer.codegen.aliasing import owns_memory
from tracer.codegen.block_ends import HAND_ON, STORE, end_of
from tracer.codegen.readable.blocks import Block
from tracer.codegen.readable.function_writer import FunctionWriter
from tracer.graph.control import Loop
from tracer.graph.node import HOLES, Node


class LoopBody:
    """The body of one loop, scheduled.

    Attributes
    ----------
    index, constants, carried, elements
        The body's inputs.
    next : tuple of Node
        What the carries become.
    counter : int or None
        The carry that counts the iterations of a while loop: the index itself.
    used_rows : list of bool
        Which rows anybody reads.
    stores, hand_on : list of Node, Node
        The ends of the body: a row is stored, the carries get their next values.
    owned : frozenset of Node
        The carries whose arrays nobody else sees.
    """

    def __init__(self, function: FunctionWriter, loop: Loop):
        self.loop = loop
        self.outer = function.draft
        self.index, *rest = loop.body.inputs
        first = len(loop.constants)
        second = first + len(loop.carry)
        self.constants, self.carried = rest[:first], rest[first:second]
        self.elements = rest[second:]
        self.next = loop.body.outputs[: len(loop.carry)]
        self.counter = self._counter()
        self.used_rows = self._used_rows()
        self.stores = [end_of(STORE, [row]) for row in loop.rows]
        self.hand_on = end_of(HAND_ON, self.next)
        self.block, self.owned = self._scheduled(function)
        self.draft = self.block.draft

    def _counter(self) -> int | None:
        loop = self.loop
        if loop.condition is None or loop.start != 0:
            return None
        for k, (value, first) in enumerate(zip(self.next, loop.carry, strict=True)):
            counts = value.op.name == "add" and value.inputs == (self.index,)
            if counts and value.params.args == (HOLES[0], 1) and first.op.name == "constant":
                return k
        return None

    def _used_rows(self) -> list[bool]:
        node, first = self.loop.node, len(self.loop.carry)
        items = self.outer.items.get(node, {})
        alone = len(node.specs) == 1
        return [alone or first + k in items for k in range(len(self.loop.rows))]

    def _scheduled(self, function: FunctionWriter) -> tuple[Block, frozenset[Node]]:
        """The body and the carries that it may write into, which are searched by trial."""
        loop = self.loop
        ends = [store for store, used in zip(self.stores, self.used_rows, strict=True) if used]
        ends.append(self.hand_on)
        writes = any(n.op.is_write for n in loop.body.order)
        owned = frozenset([n for n in self.carried if n.specs[0].shape] if writes else ())
        while True:
            block = Block(function, loop.node, loop.body, ends, owned, self.carried)
            still = frozenset([n for n in owned if self._stays_own(block, n, owned)])
            if still == owned:
                return block, owned
            owned = still

    def _stays_own(self, block: Block, node: Node, owned: frozenset[Node]) -> bool:
        """Whether the array that a carry has next belongs to it alone."""
        reals = [block.draft.real(value) for value in self.next]
        arrays = [block.draft.arrays.get(real, (real,)) for real in reals]
        following = arrays.pop(self.carried.index(node))
        array = following[0]
        if len(following) != 1 or any(array in others for others in arrays):
            return False
        return array in owned or (array not in self.loop.body.inputs and owns_memory(array))

    # -- copies -----------------------------------------------------------------------------------
    def needs_copy(self, k: int) -> bool:
        """Whether the loop could change or return an array of a first carry that others see."""
        loop, first = self.loop, self.outer.real(self.loop.carry[k])
        if not first.specs[0].shape and first.specs[0].kind != "array":
            return False
        if (loop.node, k) in self.outer.exclusive:
            return False
        if self.carried[k] in self.owned or not loop.length:
            return True
        following = self.draft.real(self.next[k])
        return following in loop.body.inputs or not owns_memory(following)

    def row_needs_copy(self, value: Node) -> bool:
        """Whether a value that is appended to a list may be written to later."""
        real = self.draft.real(value)
        writable = not owns_memory(real) or real.op.is_write or bool(self.owned)
        return bool(value.specs[0].shape) and writable

    # -- variables --------------------------------------------------------------------------------
    def stays(self, k: int) -> bool:
        """Whether a carry needs no assignment: it is the same, the index, or written in place."""
        before, real = self.carried[k], self.draft.real(self.next[k])
        if real is before or k == self.counter:
            return True
        return real in self.draft.in_place and self._written_from(real) is before

    def _written_from(self, node: Node) -> Node:
        """The array that a chain of writes in place began with."""
        while node in self.draft.in_place:
            node = self.draft.real(node.inputs[0])
        return node

    def takes_name(self, k: int) -> bool:
        """Whether the next carry may be assigned to its variable where it is computed."""
        draft, before = self.draft, self.carried[k]
        reals = [draft.real(value) for value in self.next]
        value = reals[k]
        if value in draft.into or value not in draft.place or reals.count(value) > 1:
            return False
        if (
            value.regions
            or value.op.is_write
            or value.op.name in ("item", "constant")
            or value in draft.alias
        ):
            return False
        at = draft.place[value]
        for node in self._in_variable_of(before):
            if any(reals[k] is node and self.carried[k] is not before for k in range(len(reals))):
                return False
            readers = [n for n in self.block.readers(node) if n is not self.hand_on]
            if any(draft.place[reader] > at for reader in readers):
                return False
        return True

    def _in_variable_of(self, before: Node) -> list[Node]:
        """The carry, and what else lives in its variable: versions of it in place, and the results
        of inner loops that go on in it."""
        draft, nodes = self.draft, [before]
        for node in draft.order:  # an item stands behind its loop
            if node in draft.in_place and draft.real(node.inputs[0]) in nodes:
                nodes.append(node)
            elif node.op.name == "loop":
                items = draft.items.get(node, {})
                for number in range(len(node.specs)):
                    result = node if len(node.specs) == 1 else items.get(number)
                    if result is not None and draft.rebound.get((node, number)) in nodes:
                        nodes.append(result)
        return nodes
