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

from tracer.codegen.block_ends import TEST, end_of
from tracer.codegen.comments import with_comment
from tracer.codegen.line_folding import STEP
from tracer.codegen.readable.blocks import Block, assigns, variables
from tracer.codegen.readable.expressions import ATOM, Expression, shape_comment
from tracer.codegen.readable.function_writer import REGION_WRITERS, FunctionWriter
from tracer.codegen.readable.loop_carries import LoopBody
from tracer.codegen.readable.loop_rows import allocate_rows, bound_text, stack_rows
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop
from tracer.graph.node import Node
from tracer.ops.default_names import noun


def write_loop(function: FunctionWriter, node: Node) -> None:
    """``for …:`` or ``while …:`` with the statements of the body."""
    _LoopWriter(function, Loop(node)).write()


class _LoopWriter:
    """The text of one loop."""

    def __init__(self, function: FunctionWriter, loop: Loop):
        self.function = function
        self.loop = loop
        self.body = body = LoopBody(function, loop)
        self.block = body.block
        rows = [_plural(row.name or noun(row)) for row in loop.rows]
        names = variables(function, loop.node, [n.name for n in body.carried] + rows)
        self.names, self.row_names = names[: len(loop.carry)], names[len(loop.carry) :]
        self.rows = [k for k, used in enumerate(body.used_rows) if used]
        self.place = ""  # of an iteration among the rows
        self.texts: dict[Node, Expression] = {}  # of what the body takes

    def write(self) -> None:
        function, loop, body = self.function, self.loop, self.body
        for k, name in enumerate(self.names):
            self._write_first(k, name)
        for k in self.rows:
            allocate_rows(function, loop, loop.rows[k].specs[0], self.row_names[k])
        for inside, outside in zip(body.constants, loop.constants, strict=True):
            self.texts[inside] = function.lookup(outside)
        for inside, name in zip(body.carried, self.names, strict=True):
            self.texts[inside] = Expression(name)
        lines, counting = self._for() if loop.condition is None else self._while(loop.condition)
        function.line_of[loop.node] = len(function.lines) + 1
        function.put("\n".join(lines))
        self._add_endings()
        before = len(function.lines)
        self.block.write(self.texts)
        if counting:
            function.put(f"{function.indent}{STEP}{counting} += 1")
        elif len(function.lines) == before:
            function.put(f"{function.indent}{STEP}pass")
        for k in self.rows if loop.condition is not None else ():
            stack_rows(function, loop.rows[k].specs[0], self.row_names[k])

    def _write_first(self, k: int, name: str) -> None:
        """The carry before the first iteration."""
        function, first = self.function, self.loop.carry[k]
        text = function.lookup(first)
        value = f"{text.at(ATOM)}.copy()" if self.body.needs_copy(k) else text.text
        if value != name:
            line = f"{function.indent}{name} = {value}"
            function.put(with_comment(line, shape_comment(first.specs)))

    # -- the line before the body, and what comes right behind it ---------------------------------
    def _for(self) -> tuple[list[str], str]:
        function, loop, elements = self.function, self.loop, self.body.elements
        indent = function.indent
        counted = bool(self.rows) or bool(self.block.readers(self.body.index))
        along = not loop.reverse and loop.start == 0
        sequences = [function.lookup(sequence).text for sequence in loop.sequences]
        if along and len(elements) == 1 and sequences[0].isidentifier():
            if self.block.readers(elements[0]):
                name = self._name(elements[0])
                if not counted:
                    return [f"{indent}for {name} in {sequences[0]}:"], ""
                self.place = self._name_index()
                return [f"{indent}for {self.place}, {name} in enumerate({sequences[0]}):"], ""
        index = self._name_index()
        start, stop = bound_text(function, loop.start), bound_text(function, loop.stop)
        self.place = index if loop.start == 0 else f"{index} - {start}"
        span = f"range({stop})" if start == "0" else f"range({start}, {stop})"
        lines = [f"{indent}for {index} in {f'reversed({span})' if loop.reverse else span}:"]
        for element, sequence in zip(elements, sequences, strict=True):
            readers = self.block.readers(element)
            text = f"{sequence}[{self.place}]"
            once = len(readers) == 1 and readers[0].inputs.count(element) == 1
            if once and not readers[0].regions:
                self.texts[element] = Expression(text)
            elif readers:
                lines.append(f"{indent}{STEP}{self._name(element)} = {text}")
        return lines, ""

    def _while(self, condition: CalcGraph) -> tuple[list[str], str]:
        """Also the name of a counter that the body's last line raises, or ``""``."""
        function, loop, body = self.function, self.loop, self.body
        indent, lines, counting = function.indent, [], ""
        if body.counter is not None:
            counting = self.names[body.counter]
            self.texts[body.index] = Expression(counting)
        elif self.block.readers(body.index) or _reads_index(condition):
            counting = self._name_index()
            lines.append(f"{indent}{counting} = {bound_text(function, loop.start)}")
        test = end_of(TEST, condition.outputs)
        inner = Block(function, loop.node, condition, [test]).function
        taken = (body.index, *body.constants, *body.carried)
        for inside, mine in zip(condition.inputs, taken, strict=True):
            if mine in self.texts:
                inner.texts[inside] = self.texts[mine]
        asked: list[str] = []
        inner.endings[test] = lambda writer: asked.append(writer.lookup(test.inputs[0]).text)
        inner.group = (None,)
        inner.write_body()
        if not [line for line in inner.lines if not line.strip().startswith("#")]:
            return [*lines, f"{indent}while {asked[0]}:"], counting
        leave = [f"{indent}{STEP}if not ({asked[0]}):", f"{indent}{STEP * 2}break"]
        return [*lines, f"{indent}while True:", *inner.lines, *leave], counting

    def _name_index(self) -> str:
        """The name of the index: that of another loop's if that one is not around this one."""
        function, index = self.function, self.body.index
        name = function.names.counter(index.name or "i", function.counters)
        self.block.function.counters = (*function.counters, name)
        self.texts[index] = Expression(name)
        return name

    def _name(self, element: Node) -> str:
        name = self.function.names.fresh(element.name or "part")
        self.texts[element] = Expression(name)
        return name

    # -- the end of the body ----------------------------------------------------------------------
    def _add_endings(self) -> None:
        """How the body's function writes what it hands on."""
        body, inner = self.body, self.block.function
        for k in self.rows:
            inner.endings[body.stores[k]] = self._stores(body.stores[k], self.row_names[k])
        done: set[int] = set()
        for k, (value, before) in enumerate(zip(body.next, body.carried, strict=True)):
            inner.names.rename(before, self.names[k])
            if body.stays(k):
                done.add(k)
            elif body.takes_name(k):
                inner.names.rename(body.draft.real(value), self.names[k])
                done.add(k)
        inner.endings[body.hand_on] = assigns(body.hand_on, self.names, frozenset(done))

    def _stores(self, store: Node, name: str) -> Callable[[FunctionWriter], None]:
        def write(function: FunctionWriter) -> None:
            (value,) = store.inputs
            text = function.lookup(value)
            if self.loop.condition is None:
                line = f"{name}[{self.place}] = {text.text}"
            elif self.body.row_needs_copy(value):
                line = f"{name}.append({text.at(ATOM)}.copy())"
            else:
                line = f"{name}.append({text.text})"
            function.put_statement(store, function.indent + line)

        return write


def _reads_index(condition: CalcGraph) -> bool:
    index = condition.inputs[0]
    return any(index in node.inputs for node in condition.order)


def _plural(name: str) -> str:
    return f"{name}s" if name and name[-1].isalpha() else name


REGION_WRITERS["loop"] = write_loop
