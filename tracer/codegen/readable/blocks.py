"""Blocks: the body of a loop or branch is scheduled and written like a function of its own.

>>> block = Block(function, node, node.regions[0], [end_of(HAND_ON, outputs)])
>>> block.function.endings[end] = assigns(end, ["y"])
>>> block.write({x_inside: Expression("x")})
>>> function.lines[-1]
'        y = np.sqrt(x)                                                         # (3,)'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracer.codegen.block_ends import STORE
from tracer.codegen.comments import WIDTH
from tracer.codegen.draft import Draft
from tracer.codegen.line_folding import STEP, wrap
from tracer.codegen.readable.expressions import Expression, shape_comment
from tracer.codegen.readable.function_writer import FunctionWriter
from tracer.codegen.readable.schedule import LOWER
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node


class Block:
    """One region, scheduled, and the FunctionWriter of its statements.

    Parameters
    ----------
    outer : FunctionWriter
    node : Node
        The loop or branch.
    region : CalcGraph
    ends : sequence of Node
        Those that use the region's results, in the order in which they are written; each stands
        behind what it uses.
    owned : frozenset of Node
        Inputs of the region whose arrays may be written in place.
    carried : sequence of Node
        Inputs of the region whose variables may be assigned to.
    """

    def __init__(
        self,
        outer: FunctionWriter,
        node: Node,
        region: CalcGraph,
        ends: Sequence[Node],
        owned: frozenset[Node] = frozenset(),
        carried: Sequence[Node] = (),
    ):
        given = set(region.inputs)
        order = [n for n in region.order if n not in given]
        for end in ends:
            places = [order.index(n) for n in end.inputs if n not in given]
            order.insert(max(places, default=-1) + 1 if end.op is STORE else len(order), end)
        derived = set(order) if node in outer.draft.derived else set()
        self.draft = draft = Draft((), order, tuple(ends), derived=derived)
        draft.owned, draft.fixed = owned, frozenset(given.difference(carried))
        for step in LOWER:
            step(draft)
        self.outer = outer
        self.function = FunctionWriter("", draft, outer.constants, indent=outer.indent + STEP)
        self.function.counters = outer.counters
        self.function.group = outer.group

    def readers(self, node: Node) -> list[Node]:
        """The nodes whose text names a value."""
        draft = self.draft
        return [n for n in draft.order if n not in draft.alias and node in draft.reads(n)]

    def write(self, texts: dict[Node, Expression]) -> None:
        """The statements, behind those of the outer function."""
        function, outer = self.function, self.outer
        function.texts |= texts
        function.write_body()
        function.note_nested_lines()
        first = len(outer.lines)
        outer.lines += function.lines
        outer.bodies += function.bodies
        for node, line in function.line_of.items():
            outer.line_of.setdefault(node, first + line)


def variables(function: FunctionWriter, node: Node, hints: Sequence[str]) -> list[str]:
    """A name for each output of a loop or branch, used or not."""
    items = function.draft.items.get(node, {})
    names = []
    for number in range(len(node.specs)):
        value = node if len(node.specs) == 1 else items.get(number)
        hint = hints[number] if number < len(hints) else ""
        if value is None:
            names.append(function.names.fresh(hint or "rest"))
            continue
        first = function.draft.rebound.get((node, number))
        if first is not None and function.names.get(value) is None:
            names.append(function.names.share(value, first))
        else:
            names.append(function.names.give(value, "" if value.name else hint))
        function.line_of.setdefault(value, len(function.lines) + 1)
    return names


def assigns(
    end: Node, names: Sequence[str], skipped: frozenset[int] = frozenset()
) -> Callable[[FunctionWriter], None]:
    """Writes ``a, b = …`` for the values of an end, but for those that have their name already."""

    def write(function: FunctionWriter) -> None:
        assigned = [k for k in range(len(end.inputs)) if k not in skipped]
        if not assigned:
            return
        left = ", ".join([names[k] for k in assigned])
        values = [function.lookup(end.inputs[k]) for k in assigned]
        text = ", ".join([value.text for value in values])
        if left == text:
            return
        specs = tuple([end.inputs[k].specs[0] for k in assigned])
        line = f"{function.indent}{left} = {text}"
        if len(line) > WIDTH and len(assigned) > 1:
            line = _on_lines(function, left, [value.text for value in values])
        function.put_statement(end, line, shape_comment(specs))

    return write


def _on_lines(function: FunctionWriter, left: str, values: Sequence[str]) -> str:
    """An assignment of many values, one to a line."""
    indent = function.indent
    names = [left] if len(left) + len(indent) + 4 < WIDTH else ["(", *wrap(left, indent + STEP)]
    opening = f"{indent}{names[0]}"
    if len(names) > 1:
        opening = "\n".join([opening, *names[1:], f"{indent})"])
    rows = [f"{indent}{STEP}{value}," for value in values]
    return "\n".join([f"{opening} = (", *rows, f"{indent})"])
