"""Writes loops as ``for`` and ``while`` blocks with the user's names.

>>> print("\\n".join(function.lines))
def forward(w, x):
    for i in range(5):
        x = np.tanh(w @ x)                                                     # (3,)
    return x

A carry goes on in one variable. Where nobody else sees its array, it is written in place.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tracer.codegen.aliasing import owns_memory
from tracer.codegen.comments import with_comment
from tracer.codegen.draft import WRITES, Draft
from tracer.codegen.line_folding import STEP
from tracer.codegen.readable.expressions import ATOM, Expression, shape_comment
from tracer.codegen.readable.function_writer import REGION_WRITERS, FunctionWriter
from tracer.codegen.readable.regions import HAND_ON, STORE, TEST, Block, assigns, end_of, variables
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop
from tracer.graph.node import HOLES, Node
from tracer.graph.spec import ArraySpec
from tracer.ops.default_names import noun


def write_loop(function: FunctionWriter, node: Node) -> None:
    """``for …:`` or ``while …:`` with the statements of the body."""
    _LoopWriter(function, Loop(node)).write()


class _LoopWriter:
    """What one loop's text is made of."""

    def __init__(self, function: FunctionWriter, loop: Loop):
        self.function = function
        self.loop = loop
        self.node = node = loop.node
        body = loop.body
        self.index, *rest = body.inputs
        first = len(loop.constants)
        second = first + len(loop.carry)
        self.constants, self.carried = rest[:first], rest[first:second]
        self.elements = rest[second:]
        self.next = body.outputs[: len(loop.carry)]
        self.counter = self._counter()
        self.stores = [end_of(STORE, [row]) for row in loop.rows]
        self.hand_on = end_of(HAND_ON, self.next)
        hints = [n.name for n in self.carried] + [_plural(n.name or noun(n)) for n in loop.rows]
        self.names = variables(function, node, hints)
        self.used = self._used_rows()
        self.block = self._scheduled()

    def _counter(self) -> int | None:
        """The carry that counts the iterations of a while loop: the index itself."""
        loop = self.loop
        if loop.condition is None or loop.start != 0:
            return None
        for k, (value, first) in enumerate(zip(self.next, loop.carry, strict=True)):
            counts = value.op.name == "add" and value.inputs == (self.index,)
            if counts and value.params.args == (HOLES[0], 1) and first.op.name == "constant":
                return k
        return None

    def _used_rows(self) -> list[bool]:
        items = self.function.draft.items.get(self.node, {})
        alone = len(self.node.specs) == 1
        first = len(self.loop.carry)
        return [alone or first + k in items for k in range(len(self.loop.rows))]

    def _scheduled(self) -> Block:
        """The body, with the carries that it may write into found by trial."""
        ends = [store for store, used in zip(self.stores, self.used, strict=True) if used]
        ends.append(self.hand_on)
        owned = frozenset(
            [node for node in self.carried if node.specs[0].shape]
            if any(n.op.name in WRITES for n in self.loop.body.order)
            else []
        )
        while True:
            block = Block(self.function, self.node, self.loop.body, ends, owned, self.carried)
            kept = frozenset([n for n in owned if self._stays_own(block, n, owned)])
            if kept == owned:
                self.owned = owned
                return block
            owned = kept

    def _stays_own(self, block: Block, node: Node, owned: frozenset[Node]) -> bool:
        """Whether the array that a carry has next belongs to it alone."""
        draft = block.draft
        looks = [self._looks_into(draft, value) for value in self.next]
        mine = looks[self.carried.index(node)]
        pairs = zip(self.carried, looks, strict=True)
        others = [array for carried, arrays in pairs if carried is not node for array in arrays]
        if len(mine) != 1 or mine[0] in others:
            return False
        return mine[0] in owned or (mine[0] not in self.loop.body.inputs and owns_memory(mine[0]))

    @staticmethod
    def _looks_into(draft: Draft, value: Node) -> tuple[Node, ...]:
        real = draft.real(value)
        return draft.arrays.get(real, (real,))

    # -- the text ---------------------------------------------------------------------------
    def write(self) -> None:
        function, loop = self.function, self.loop
        for k, name in enumerate(self.names[: len(loop.carry)]):
            self._first(k, name)
        for k, name in enumerate(self.names[len(loop.carry) :]):
            if self.used[k]:
                self._room(loop.rows[k].specs[0], name)
        texts = {
            i: function._lookup(o) for i, o in zip(self.constants, loop.constants, strict=True)
        }
        texts |= {i: Expression(name) for i, name in zip(self.carried, self.names, strict=False)}
        lines, counting = self._head(texts)
        self.function.line_of[self.node] = len(function.lines) + 1
        function._put("\n".join(lines))
        self._endings()
        before = len(function.lines)
        self.block.write(texts)
        if len(function.lines) == before and not counting:
            function._put(f"{function.indent}{STEP}pass")
        if counting:
            function._put(f"{function.indent}{STEP}{counting} += 1")
        for k, name in enumerate(self.names[len(loop.carry) :]):
            if self.used[k] and loop.condition is not None:
                self._collected(loop.rows[k].specs[0], name)

    def _first(self, k: int, name: str) -> None:
        """The carry before the first iteration."""
        function, first = self.function, self.loop.carry[k]
        real = function.draft.real(first)
        text = function._lookup(first)
        value = text.text
        if self._needs_copy(k, real):
            value = f"{text.at(ATOM)}.copy()"
        if value != name:
            line = f"{function.indent}{name} = {value}"
            function._put(with_comment(line, shape_comment(first.specs)))

    def _needs_copy(self, k: int, first: Node) -> bool:
        """Whether the loop could change or return an array that others see."""
        if not first.specs[0].shape and first.specs[0].kind != "array":
            return False
        if (self.node, k) in self.function.draft.exclusive:
            return False
        if self.carried[k] in self.owned or not self.loop.length:
            return True
        following = self.block.draft.real(self.next[k])
        return following in self.loop.body.inputs or not owns_memory(following)

    def _room(self, spec: ArraySpec, name: str) -> None:
        """The array of a row, or a list where the number of iterations is not known."""
        function, loop = self.function, self.loop
        if loop.condition is not None:
            function._put(f"{function.indent}{name} = []")
            return
        sizes = [self._count(), *[str(size) for size in spec.shape]]
        shape = sizes[0] if len(sizes) == 1 else f"({', '.join(sizes)})"
        dtype = "" if spec.dtype == np.float64 else f", {function.constants.text(spec.dtype)}"
        function._put(f"{function.indent}{name} = np.empty({shape}{dtype})")

    def _count(self) -> str:
        """The number of iterations."""
        loop = self.loop
        if loop.length is not None:
            return str(loop.length)
        start, stop = self._bound(loop.start), self._bound(loop.stop)
        return f"max({stop}, 0)" if start == "0" else f"max({stop} - {start}, 0)"

    def _bound(self, bound: object) -> str:
        if isinstance(bound, Node):
            return self.function._lookup(bound).text
        return str(bound)

    def _collected(self, spec: ArraySpec, name: str) -> None:
        """A list of rows becomes an array."""
        function = self.function
        sizes = ", ".join([f"len({name})", *[str(size) for size in spec.shape]])
        dtype = "" if spec.dtype == np.float64 else f", {function.constants.text(spec.dtype)}"
        made = f"np.array({name}{dtype})"
        made += f".reshape({sizes})" if spec.shape else ""
        function._put(f"{function.indent}{name} = {made}")

    def _head(self, texts: dict[Node, Expression]) -> tuple[list[str], str]:
        """The opening line and what comes right behind it; the name of a counter to be raised."""
        function, loop = self.function, self.loop
        indent = function.indent
        if loop.condition is not None:
            return self._while(texts)
        stored = any(self.used)
        counted = stored or bool(self.block.readers(self.index))
        along = not loop.reverse and loop.start == 0
        sequences = [function._lookup(s).text for s in loop.sequences]
        elements = [e for e in self.elements if self.block.readers(e)]
        if along and len(elements) == 1 and len(self.elements) == 1 and _is_name(sequences[0]):
            name = self._named(elements[0], texts)
            if not counted:
                return [f"{indent}for {name} in {sequences[0]}:"], ""
            i = self._count_by(texts)
            self.place = i
            return [f"{indent}for {i}, {name} in enumerate({sequences[0]}):"], ""
        i = self._count_by(texts)
        self.place = i if loop.start == 0 else f"{i} - {self._bound(loop.start)}"
        start, stop = self._bound(loop.start), self._bound(loop.stop)
        span = f"range({stop})" if start == "0" else f"range({start}, {stop})"
        lines = [f"{indent}for {i} in {f'reversed({span})' if loop.reverse else span}:"]
        for element, sequence in zip(self.elements, sequences, strict=True):
            readers = self.block.readers(element)
            text = f"{sequence}[{self.place}]"
            once = len(readers) == 1 and readers[0].inputs.count(element) == 1
            if once and not readers[0].regions:
                texts[element] = Expression(text)
            elif readers:
                lines.append(f"{indent}{STEP}{self._named(element, texts)} = {text}")
        return lines, ""

    def _count_by(self, texts: dict[Node, Expression]) -> str:
        """The name of the index: that of another loop's if that one is not around this one."""
        name = self.function.names.counter(self.index.name or "i", self.function.counters)
        self.block.function.counters = (*self.function.counters, name)
        texts[self.index] = Expression(name)
        return name

    def _named(self, node: Node, texts: dict[Node, Expression], base: str = "") -> str:
        name = self.function.names.fresh(node.name or base or "part")
        texts[node] = Expression(name)
        return name

    def _while(self, texts: dict[Node, Expression]) -> tuple[list[str], str]:
        function, loop = self.function, self.loop
        indent, condition = function.indent, loop.condition
        assert condition is not None
        lines, counting = [], ""
        if self.counter is not None:
            counting = self.names[self.counter]
            texts[self.index] = Expression(counting)
        elif self.block.readers(self.index) or self._asks_index(condition):
            counting = self._count_by(texts)
            lines.append(f"{indent}{counting} = {self._bound(loop.start)}")
        own = {
            i: texts[j]
            for i, j in zip(
                condition.inputs, (self.index, *self.constants, *self.carried), strict=True
            )
            if j in texts
        }
        test = end_of(TEST, condition.outputs)
        asked = Block(function, self.node, condition, [test])
        inner = asked.function
        inner._texts |= own
        found: list[str] = []

        def note(writer: FunctionWriter) -> None:
            found.append(writer._lookup(test.inputs[0]).text)

        inner.endings[test] = note
        inner._group = (None,)
        inner.body()
        inner._close_context()
        if not [line for line in inner.lines if not line.strip().startswith("#")]:
            return [*lines, f"{indent}while {found[0]}:"], counting
        leave = [f"{indent}{STEP}if not ({found[0]}):", f"{indent}{STEP * 2}break"]
        return [*lines, f"{indent}while True:", *inner.lines, *leave], counting

    def _asks_index(self, condition: CalcGraph) -> bool:
        index = condition.inputs[0]
        return any(index in node.inputs for node in condition.order)

    def _endings(self) -> None:
        """How the body's function writes what it hands on."""
        block, inner, first = self.block, self.block.function, len(self.loop.carry)
        for k, store in enumerate(self.stores):
            if self.used[k]:
                inner.endings[store] = self._stores(store, self.names[first + k])
        skipped: set[int] = set()
        for k, (value, before) in enumerate(zip(self.next, self.carried, strict=True)):
            inner.names.rename(before, self.names[k])
            real = block.draft.real(value)
            if real is before or k == self.counter:
                skipped.add(k)
            elif self._takes_name(real, before):
                inner.names.rename(real, self.names[k])
                skipped.add(k)
            elif real in block.draft.in_place and self._chain(real) is before:
                skipped.add(k)
        inner.endings[self.hand_on] = assigns(self.hand_on, self.names, frozenset(skipped))

    def _chain(self, node: Node) -> Node:
        """The array that a row of writes in place began with."""
        draft = self.block.draft
        while node in draft.in_place:
            node = draft.real(node.inputs[0])
        return node

    def _takes_name(self, value: Node, before: Node) -> bool:
        """Whether the next carry may be assigned to its variable where it is computed."""
        draft = self.block.draft
        reals = [draft.real(one) for one in self.next]
        if value in draft.into or value not in draft.place or reals.count(value) > 1:
            return False
        if value.regions or value.op.name in ("item", "constant", *WRITES) or value in draft.alias:
            return False
        at = draft.place[value]
        for node in self._in_its_variable(before):
            if any(reals[k] is node and self.carried[k] is not before for k in range(len(reals))):
                return False
            if any(
                draft.place[reader] > at
                for reader in self.block.readers(node)
                if reader is not self.hand_on
            ):
                return False
        return True

    def _in_its_variable(self, before: Node) -> list[Node]:
        """The carry, and all that the body keeps in its variable: versions of it in place, and
        the results of inner loops that go on in it."""
        draft, held = self.block.draft, [before]
        for node in draft.order:  # an item stands behind its loop
            if node in draft.in_place and draft.real(node.inputs[0]) in held:
                held.append(node)
            elif node.op.name == "loop":
                items = draft.items.get(node, {})
                for number in range(len(node.specs)):
                    made = node if len(node.specs) == 1 else items.get(number)
                    if made is not None and draft.rebound.get((node, number)) in held:
                        held.append(made)
        return held

    def _stores(self, store: Node, name: str) -> Callable[[FunctionWriter], None]:
        counted = self.loop.condition is None

        def write(function: FunctionWriter) -> None:
            value = store.inputs[0]
            text = function._lookup(value)
            if counted:
                line = f"{function.indent}{name}[{self.place}] = {text.text}"
            else:
                real = self.block.draft.real(value)
                mutable = bool(value.specs[0].shape) and (
                    not owns_memory(real) or real.op.name in WRITES or bool(self.owned)
                )
                whole = f"{text.at(ATOM)}.copy()" if mutable else text.text
                line = f"{function.indent}{name}.append({whole})"
            function._line(store, line)

        return write


def _plural(name: str) -> str:
    return f"{name}s" if name and name[-1].isalpha() else name


def _is_name(text: str) -> bool:
    return text.isidentifier()


REGION_WRITERS["loop"] = write_loop
