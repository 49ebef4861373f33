"""Writes a Draft as the lines of one Python function.

>>> function = FunctionWriter("forward", draft, constants)
>>> function.write()
>>> print("\\n".join(function.lines))
def forward(x, w):
    # hidden = np.tanh(x @ w)                                                      model.py:12
    hidden = np.tanh(x @ w)                                                    # (4, 2)
    return hidden
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracer.codegen.draft import Draft
from tracer.codegen.line_folding import STEP, opening, returned, unpacking
from tracer.codegen.literals import Constants
from tracer.codegen.namespace import identifier
from tracer.codegen.readable.array_writes import refused_write, write_back, write_into
from tracer.codegen.readable.expressions import shape_comment
from tracer.codegen.readable.guards import guard_lines, try_lines
from tracer.codegen.readable.long_functions import parts_of
from tracer.codegen.readable.schedule import schedule
from tracer.codegen.readable.statement_writer import StatementWriter
from tracer.graph.calcgraph import Guard
from tracer.graph.node import Node

REGION_WRITERS: dict[str, Callable[[FunctionWriter, Node], None]] = {}  # loops and branches


class FunctionWriter(StatementWriter):
    """The text of one function and which line computes which node.

    Parameters
    ----------
    name : str
    draft : Draft
        A finished schedule.
    constants : Constants
        Shared by the functions of one module.
    unwrap : bool
        Whether a single result is returned as it is, not as a tuple of one.
    residual_count : int or None
        So many of the last outputs are returned as one tuple.
    residuals : sequence of Node or None
        Arrive as one tuple in the first parameter, ``residuals``.
    indent : str
        Of the body.

    Attributes
    ----------
    bodies : list of FunctionWriter
        Of called regions, written before this function.
    endings : dict of Node to callable
        What a region's body hands on, and how that is written.
    counters : tuple of str
        The indices of the loops around.
    writes_guards : bool
        False where who called writes the conditions.
    """

    def __init__(
        self,
        name: str,
        draft: Draft,
        constants: Constants,
        *,
        unwrap: bool = False,
        residual_count: int | None = None,
        residuals: Sequence[Node] | None = None,
        indent: str = STEP,
    ):
        super().__init__(draft, constants, indent)
        self.name = name
        self.unwrap = unwrap
        self.residual_count = residual_count
        self.residuals = residuals
        self.bodies: list[FunctionWriter] = []
        self.endings: dict[Node, Callable[[FunctionWriter], None]] = {}
        self.counters: tuple[str, ...] = ()
        self.writes_guards = True
        self._nested: list[Node] = []  # whose texts wait for the statement around them
        self._nested_until = -1

    # -- the whole function -----------------------------------------------------------------------
    def write(self) -> None:
        """Fill ``lines`` and ``line_of``."""
        given = [*self.draft.parameters, *(self.residuals or ())]
        self.parts = parts_of(len(self.draft.order), given)
        self.write_body()
        write_back(self)
        self.write_return()
        self._put_opening()
        self.note_nested_lines()

    def forget(self) -> None:
        """Drop the tables that writing needed; lines and line numbers stay."""
        self.draft = Draft((), (), ())
        self.texts.clear()

    def write_body(self) -> None:
        """Write the statements alone."""
        draft = self.draft
        for node in (*draft.parameters, *(self.residuals or ())):
            self.names.give(node)
        for place, node in enumerate(draft.order):
            self._write_node(node)
            self._write_guards(node)
            if place >= self._nested_until:
                self._drop_nested()
                if self.parts is not None and self.parts.is_full():
                    self.close_context()
                    self.group = None
                    self.parts.cut(len(self.lines))
        for node in draft.guards.keys() & set(draft.parameters):
            self._write_guards(node)
        self.close_context()

    def write_return(self) -> None:
        values = [
            self.before_write_back.get(node) or self.lookup(node).text
            for node in self.draft.outputs
        ]
        if self.residual_count is not None:
            first = len(values) - self.residual_count
            inside = ", ".join(values[first:])
            values[first:] = [f"({inside},)" if self.residual_count == 1 else f"({inside})"]
        self.put(f"{self.indent}return {returned(values, self.indent, self.unwrap)}")

    def _put_opening(self) -> None:
        names = [self.names[node] for node in self.draft.parameters]
        if self.residuals is not None:
            names.insert(0, "residuals")
        lines = opening(self.name, names)
        if self.residuals:
            lines += unpacking([self.names[node] for node in self.residuals], "residuals", STEP)
        if self.parts is None:
            self.lines[:0] = lines
            for node in self.line_of:
                self.line_of[node] += len(lines)
        else:
            self.lines = self.parts.assemble(self.name, self.names, self.lines, lines)
            for node, line in self.line_of.items():
                self.line_of[node] = self.parts.moved(line)

    def note_nested_lines(self) -> None:
        """A nested node is on the line of the statement around it."""
        draft, line_of = self.draft, self.line_of
        for node in draft.into:
            target: Node | Guard = node
            while isinstance(target, Node) and target in draft.into:
                target = draft.into[target]
            if isinstance(target, Guard):
                target = target.node
            if node not in line_of and target in line_of:
                line_of[node] = line_of[target]
        for node in draft.alias:
            if (line := line_of.get(draft.real(node))) is not None:
                line_of.setdefault(node, line)

    def _drop_nested(self) -> None:
        """All nested texts so far stand in their statements now."""
        for node in self._nested:
            self.texts.pop(node, None)
        self._nested.clear()

    # -- statements -------------------------------------------------------------------------------
    def _write_node(self, node: Node) -> None:
        """The statement of a node, or its text for the statement around it."""
        draft = self.draft
        if node in draft.alias or self._is_unpacked(node):
            return
        if node.op.name == "constant":
            self.texts[node] = self.speller.spell(node, self.lookup)
            return
        if (ending := self.endings.get(node)) is not None:
            self.open(node)
            ending(self)
            return
        if node.op.name == "call" and not node.regions[0].guards:
            self._write_called(node)
        if node in draft.into and isinstance(draft.into[node], Node):
            self.texts[node] = self.fitting(node, len(self.indent) + 12)
            self._nested.append(node)
            self._nested_until = max(self._nested_until, draft.place[node])
            return
        self.open(node)
        if node.op.name in REGION_WRITERS:
            REGION_WRITERS[node.op.name](self, node)
        elif any(guard.kind == "raises" for _, guard in draft.guards.get(node, ())):
            self._write_try(node)
        elif node in draft.into:
            self.texts[node] = self.fitting(node, len(self.indent) + 30)
        elif node.op.is_write:
            write_into(self, node)
        elif node in draft.items:
            self._unpack(node)
        else:
            self.assign(node)

    def _write_called(self, node: Node) -> None:
        """A called region becomes a function of its own."""
        region = node.regions[0]
        name = self.names.fresh(identifier(region.title.partition("(")[0]) or "block")
        draft = schedule(Draft(region.inputs, region.order, region.outputs))
        body = FunctionWriter(name, draft, self.constants, unwrap=True)
        body.write()
        self.bodies += [*body.bodies, body]
        self.speller.regions[node] = name

    def _is_unpacked(self, node: Node) -> bool:
        return node.op.name == "item" and node.inputs[0] in self.draft.items

    def _unpack(self, node: Node) -> None:
        items = self.draft.items[node]
        text = self.fitting(node, len(self.indent) + 24)
        targets = []
        for number in range(len(node.specs)):
            item = items.get(number)
            targets.append("_" if item is None else self.names.give(item))
        line = f"{self.indent}{', '.join(targets)} = {text.text}"
        self.put_statement(node, line, shape_comment(node.specs))
        for item in items.values():
            self.line_of[item] = self.line_of[node]

    # -- guards -----------------------------------------------------------------------------------
    def _write_guards(self, node: Node) -> None:
        for position, guard in self.draft.guards.get(node, ()) if self.writes_guards else ():
            if guard.kind != "raises":
                self.open(node)
                text = self.lookup(node)
                self.line_of.setdefault(node, len(self.lines) + 1)
                self.lines += guard_lines(text, position, guard, self.constants, self.indent)

    def _write_try(self, node: Node) -> None:
        """A statement that must raise, or another program is the right one."""
        position, guard = next(g for g in self.draft.guards[node] if g[1].kind == "raises")
        text = (
            refused_write(self, node)
            if node.op.is_write
            else self.fitting(node, len(self.indent) + 4).text
        )
        self.line_of[node] = len(self.lines) + 2
        self.lines += try_lines(text, position, guard, self.constants, self.indent)
