"""Writes a Draft as the lines of one Python function.

>>> function = Function("forward", draft, names, constants)
>>> function.write()
>>> print("\\n".join(function.lines))
def forward(x, w):
    # hidden = np.tanh(x @ w)                                                      model.py:12
    hidden = np.tanh(x @ w)                                                    # (4, 2)
    return hidden
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from tracer.codegen.aliasing import hits_once
from tracer.codegen.comments import WIDTH, quote, with_comment
from tracer.codegen.draft import WRITES, Draft
from tracer.codegen.line_folding import STEP, fold, wrap
from tracer.codegen.literals import Constants, is_negative_literal
from tracer.codegen.namespace import Namespace, identifier
from tracer.codegen.readable.expressions import (
    ATOM,
    PRODUCT,
    UNARY,
    Expression,
    Speller,
    shape_comment,
)
from tracer.codegen.readable.guards import guard_lines, try_lines
from tracer.codegen.readable.schedule import schedule
from tracer.graph.calcgraph import Guard
from tracer.graph.node import Hole, Node

LONG = 700  # nodes; a longer function is written in parts: CPython's compiler needs memory
CHUNK = 120  # statements in one part
REGION_WRITERS: dict[str, Callable[[FunctionWriter, Node], None]] = {}  # loops and branches


class FunctionWriter:
    """The text of one function and which line computes which node.

    Parameters
    ----------
    name : str
    draft : Draft
        A finished schedule.
    names, constants : Namespace, Constants
        Shared by the functions of one module.
    returns : str
        How the results are returned: ``"tuple"`` always as a tuple, ``"value"`` a single one bare.
    residuals : int or None
        So many of the last outputs are returned as one tuple.
    saved : sequence of Node or None
        Arrive as one tuple in the first parameter, ``residuals``.
    """

    def __init__(
        self,
        name: str,
        draft: Draft,
        names: Namespace,
        constants: Constants,
        returns: str = "tuple",
        residuals: int | None = None,
        saved: Sequence[Node] | None = None,
        misses: str = "live",
        base: str = STEP,
    ):
        self.name = name
        self.draft = draft
        self.names = names
        self.returns = returns
        self.residuals = residuals
        self.saved = saved
        self.misses = misses
        self.speller = Speller(constants, draft.derived, live=misses == "live")
        self.constants = constants
        self.lines: list[str] = []
        self.line_of: dict[Node, int] = {}
        self.bodies: list[FunctionWriter] = []  # of called regions, written before this function
        self.endings: dict[Node, Callable[[FunctionWriter], None]] = {}  # what a body hands on
        self.counters: tuple[str, ...] = ()  # of the loops around
        self.guards_apart = False  # conditions are written by who called
        self.base = self.indent = base
        self._texts: dict[Node, Expression] = {}
        self._nested: list[Node] = []  # whose texts wait for the statement around them
        self._group: tuple | None = None
        self._context: tuple | None = None
        self._before_commit: dict[Node, str] = {}
        self._chunks = len(draft.order) > LONG
        self._statements = 0
        self._nested_until = -1
        self._chunk = 0
        self._loads: list[dict[str, None]] = [{}]
        self._stores: list[dict[str, None]] = [{}]
        self._starts: list[int] = []

    # -- the whole function -----------------------------------------------------------------------
    def write(self) -> None:
        """Fill ``lines`` and ``line_of``."""
        self.body()
        self._close_context()
        self._commit()
        self._put(f"{self.indent}return {self._returned()}")
        self._finish()
        self._note_nested()

    def forget(self) -> None:
        """Drop the tables that writing needed; lines and line numbers stay."""
        self.draft = Draft((), (), ())
        self._texts.clear()

    def body(self) -> None:
        """Write the statements alone."""
        draft = self.draft
        for node in draft.parameters:
            self.names.give(node)
        for node in self.saved or ():
            self.names.give(node)
        self._starts.append(0)
        for place, node in enumerate(draft.order):
            self._node(node)
            for position, guard in () if self.guards_apart else draft.guards.get(node, ()):
                self._guard(position, guard)
            if place >= self._nested_until:
                self._drop_nested()
                if self._chunks and self._statements >= CHUNK:
                    self._next_chunk()
        for node in () if self.guards_apart else draft.guards.keys() & set(draft.parameters):
            for position, guard in draft.guards[node]:
                self._guard(position, guard)

    def _drop_nested(self) -> None:
        """All nested texts so far stand in their statements now."""
        for node in self._nested:
            self._texts.pop(node, None)
        self._nested.clear()

    def _note_nested(self) -> None:
        """A nested node is on the line of the statement around it."""
        draft = self.draft
        for node in draft.into:
            target: Node | Guard = node
            while isinstance(target, Node) and target in draft.into:
                target = draft.into[target]
            if isinstance(target, Guard):
                target = target.node
            if node not in self.line_of and target in self.line_of:
                self.line_of[node] = self.line_of[target]
        for node in draft.alias:
            if (line := self.line_of.get(draft.real(node))) is not None:
                self.line_of.setdefault(node, line)

    def _signature(self) -> str:
        names = [self.names[node] for node in self.draft.parameters]
        if self.saved is not None:
            names.insert(0, "residuals")
        return ", ".join(names)

    def _opening(self) -> list[str]:
        text = f"def {self.name}({self._signature()}):"
        if len(text) <= WIDTH:
            lines = [text]
        else:
            lines = [f"def {self.name}(", *wrap(self._signature(), STEP), "):"]
        if self.saved:
            names = ", ".join([self.names[node] for node in self.saved])
            trailing = "," if len(self.saved) == 1 else ""
            text = f"{STEP}{names}{trailing} = residuals"
            if len(self.saved) == 1:
                text = f"{STEP}({names},) = residuals"
            if len(text) <= WIDTH:
                lines.append(text)
            else:
                lines += [f"{STEP}(", *wrap(names, STEP * 2), f"{STEP}) = residuals"]
        return lines

    def _returned(self) -> str:
        values = [self._result(node) for node in self.draft.outputs]
        if self.residuals is not None:
            first = len(values) - self.residuals
            kept = ", ".join(values[first:])
            values[first:] = [f"({kept},)" if self.residuals == 1 else f"({kept})"]
        if len(values) == 1:
            return values[0] if self.returns == "value" else f"({values[0]},)"
        text = ", ".join(values)
        if not values:
            return "()"
        if len(text) + len(self.indent) + 7 <= WIDTH:
            return text
        return "\n".join(["(", *wrap(text, self.indent + STEP), f"{self.indent})"])

    def _result(self, node: Node) -> str:
        return self._before_commit.get(node) or self._lookup(node).text

    # -- statements -------------------------------------------------------------------------------
    def _put(self, line: str) -> None:
        self.lines.extend(line.split("\n"))

    def _node(self, node: Node) -> None:
        draft = self.draft
        if node in draft.alias or self._is_unpacked(node):
            return
        if node.op.name == "constant":
            self._texts[node] = self.speller.spell(node, self._lookup)
            return
        if (ending := self.endings.get(node)) is not None:
            self._open(node)
            ending(self)
            return
        if node.op.name == "call" and not node.regions[0].guards:
            self._body_of(node)
        if node in draft.into and isinstance(draft.into[node], Node):
            self._texts[node] = self._fitting(node, len(self.indent) + 12)
            self._nested.append(node)
            self._nested_until = max(self._nested_until, draft.place[node])
            return
        self._open(node)
        if node.op.name in REGION_WRITERS:
            REGION_WRITERS[node.op.name](self, node)
        elif any(guard.kind == "raises" for _, guard in draft.guards.get(node, ())):
            self._must_raise(node)
        elif node in draft.into:
            self._texts[node] = self._fitting(node, len(self.indent) + 30)
        elif node.op.name in WRITES:
            self._write(node)
        elif node in draft.items:
            self._unpack(node)
        else:
            self._assign(node)

    def _body_of(self, node: Node) -> None:
        """A called region becomes a function of its own."""
        region = node.regions[0]
        name = self.names.fresh(identifier(region.title.partition("(")[0]) or "block")
        draft = schedule(Draft(region.inputs, region.order, region.outputs))
        body = FunctionWriter(name, draft, self.names, self.constants, "value", misses=self.misses)
        body.write()
        self.bodies += [*body.bodies, body]
        self.speller.regions[node] = name

    def _is_unpacked(self, node: Node) -> bool:
        return node.op.name == "item" and node.inputs[0] in self.draft.items

    def _open(self, node: Node) -> None:
        """Quote the user's line and enter its errstate, where they change."""
        self._statements += 1
        if node.context != self._context:
            self._close_context()
            if node.context:
                settings = ", ".join([f'{key}="{value}"' for key, value in node.context])
                self._put(f"{self.base}with np.errstate({settings}):")
                self.indent = self.base + STEP
                self._context = node.context
        if node.origin is not None and node.origin.statement_key != self._group:
            self._group = node.origin.statement_key
            if node.origin.statement or node.origin.expression:
                self._put(quote(node.origin, self.indent))

    def _close_context(self) -> None:
        self._context = None
        self.indent = self.base

    def _assign(self, node: Node) -> None:
        if node.op.name.endswith((".seed", ".set_state")):  # called for its effect
            self._line(node, f"{self.indent}{self._fitting(node, len(self.indent)).text}")
            return
        hint = self.draft.chain_name.get(node, "")
        name = self.names.give(node, hint)
        text = self._fitting(node, len(self.indent) + len(name) + 3)
        value = copied(text, node) if node in self.draft.copied else text.text
        self._line(node, f"{self.indent}{name} = {value}", shape_comment(node.specs))

    def _line(self, node: Node, text: str, comment: str = "") -> None:
        self.line_of[node] = len(self.lines) + 1
        if len(text) > WIDTH and "\n" not in text:
            text = fold(text, self.indent)
        self._put(text if "\n" in text else with_comment(text, comment))

    def _unpack(self, node: Node) -> None:
        items = self.draft.items[node]
        text = self._fitting(node, len(self.indent) + 24)
        targets = []
        for number in range(len(node.specs)):
            item = items.get(number)
            targets.append("_" if item is None else self.names.give(item))
        line = f"{self.indent}{', '.join(targets)} = {text.text}"
        self._line(node, line, shape_comment(node.specs))
        for item in items.values():
            self.line_of[item] = self.line_of[node]

    def _write(self, node: Node) -> None:
        """A new version of an array: a write into it, after a copy if the old one is needed."""
        draft = self.draft
        base = draft.real(node.inputs[node.params.args[0].slot])
        value, index = node.params.args[1], node.params.args[2]
        right = self.speller.argument(value, node, self._lookup)
        where = self.speller.index(index, node, self._lookup)
        if node in draft.in_place:
            self._lookup(base)  # loads it where it is not at hand
            name = self.names.share(node, base)
        else:
            old = self._lookup(base)
            name = self.names.give(node, draft.chain_name.get(node, ""))
            copy = copied(old, node) if node.shape else f"np.array({old.text})"
            self._put(with_comment(f"{self.indent}{name} = {copy}", shape_comment(node.specs)))
        left = f"{self.indent}{name}[{where}]"
        if node.op.name == "setitem":
            self._line(node, f"{left} = {right.text}")
        elif not hits_once(node):
            where = self.speller.argument(index, node, self._lookup).text
            self._line(node, f"{self.indent}np.add.at({name}, {where}, {right.text})")
        elif type(value) is not Hole and is_negative_literal(value):
            self._line(node, f"{left} -= {-value!r}")
        elif is_negated(right):
            self._line(node, f"{left} -= {bare(right.text[1:])}")
        else:
            self._line(node, f"{left} += {right.text}")

    def _must_raise(self, node: Node) -> None:
        position, guard = next(g for g in self.draft.guards[node] if g[1].kind == "raises")
        text = (
            self._refused_write(node)
            if node.op.name in WRITES
            else (self._fitting(node, len(self.indent) + 4).text)
        )
        self.line_of[node] = len(self.lines) + 2
        self.lines += try_lines(text, position, guard, self.constants, self.indent, self.misses)

    def _refused_write(self, node: Node) -> str:
        """A write that NumPy will not do, tried on a copy."""
        base = self._lookup(self.draft.real(node.inputs[node.params.args[0].slot]))
        value, index = node.params.args[1:3]
        right = self.speller.argument(value, node, self._lookup)
        where = self.speller.index(index, node, self._lookup)
        return f"np.copy({base.text})[{where}] = {right.text}"

    def _guard(self, position: int, guard: Guard) -> None:
        if guard.kind == "raises":
            return
        self._open(guard.node)
        text = self._lookup(self.draft.real(guard.node))
        self.line_of.setdefault(guard.node, len(self.lines) + 1)
        self.lines += guard_lines(text, position, guard, self.constants, self.indent, self.misses)

    def _commit(self) -> None:
        """Write results back to arguments; what would change by that is copied before."""
        draft = self.draft
        writes = [effect for effect in draft.effects if effect.kind == "write"]
        if not writes:
            return
        targets = {draft.real(effect.target) for effect in writes}
        outside = set(draft.outputs)
        for node in dict.fromkeys([*draft.outputs, *[effect.value for effect in writes]]):
            real = draft.real(node)
            if node in outside and real in targets:
                continue  # the argument itself is returned, as plain NumPy does
            if targets & set(draft.arrays.get(real, (real,))) and real.spec.kind == "array":
                name = self.names.fresh(f"{self._lookup(real).text}_before")
                self._put(f"{self.indent}{name} = {copied(self._lookup(real), real)}")
                self._before_commit[node] = name
        for effect in writes:
            target = self._lookup(draft.real(effect.target)).text
            value = self._before_commit.get(effect.value) or self._lookup(effect.value).text
            self._put(f"{self.indent}{target}[...] = {value}")

    # -- expressions ------------------------------------------------------------------------------
    def _lookup(self, node: Node) -> Expression:
        node = self.draft.real(node)
        found = self._texts.get(node)
        if found is not None:
            return found
        name = self.names.get(node)
        if name is None:
            raise LookupError(f"{node!r} is used before it is computed")
        if self._chunks:
            home = bisect_left(self._starts, self.line_of.get(node, 1)) - 1
            if home != self._chunk or (not home and node in self._given):
                self._loads[self._chunk][name] = None
                self._stores[home][name] = None
        return Expression(name)

    @property
    def _given(self) -> set[Node]:
        found = self.__dict__.get("_given_set")
        if found is None:
            found = self.__dict__["_given_set"] = {*self.draft.parameters, *(self.saved or ())}
        return found

    def _fitting(self, node: Node, used: int) -> Expression:
        """The node's expression; nested parts that make the line too long get a name first."""
        text = self.speller.spell(node, self._lookup)
        if node.regions:
            return text
        while used + len(text.text) + (len(".copy()") if node in self.draft.copied else 0) > WIDTH:
            nested = [
                operand
                for operand in map(self.draft.real, node.inputs)
                if operand in self.draft.into
                and operand in self._texts
                and len(self._texts[operand].text) > 12
            ]
            if not nested:
                break
            self._name_part(max(nested, key=lambda part: len(self._texts[part].text)))
            text = self.speller.spell(node, self._lookup)
        return text

    def _name_part(self, node: Node) -> None:
        text = self._texts.pop(node)
        del self.draft.into[node]
        self._open(node)
        name = self.names.give(node)
        value = copied(text, node) if node in self.draft.copied else text.text
        self._line(node, f"{self.indent}{name} = {value}", shape_comment(node.specs))

    # -- chunks -----------------------------------------------------------------------------------
    def _next_chunk(self) -> None:
        self._close_context()
        self._group = None
        self._starts.append(len(self.lines))
        self._chunk += 1
        self._statements = 0
        self._loads.append({})
        self._stores.append({})

    def _finish(self) -> None:
        """Put the head on the body; a long body becomes several functions that share a dict."""
        if not self._chunks:
            opening = self._opening()
            self.lines[:0] = opening
            for node, line in self.line_of.items():
                self.line_of[node] = line + len(opening)
            return
        body, self.lines = self.lines, []
        shifts: list[tuple[int, int]] = []
        bounds = [*self._starts, len(body)]
        parts = [self.names.fresh(f"{self.name}_{number + 1}") for number in range(self._chunk + 1)]
        tape = self.names.fresh("tape")
        for number, part in enumerate(parts):
            self.lines.append(f"def {part}({tape}):")
            self.lines += [f'{STEP}{name} = {tape}["{name}"]' for name in self._loads[number]]
            shifts.append((bounds[number], len(self.lines) - bounds[number]))
            lines = body[bounds[number] : bounds[number + 1]]
            end = lines.pop() if number == self._chunk and "\n" not in lines[-1] else None
            self.lines += lines
            given = {self.names[node] for node in self._given} if not number else set()
            stored = [name for name in self._stores[number] if name not in given]
            if number < self._chunk:
                self.lines += [f'{STEP}{tape}["{name}"] = {name}' for name in stored]
            if end is not None:
                self.lines.append(end)
            self.lines += ["", ""]
        self.lines += self._opening()
        arrivals = dict.fromkeys([*self.draft.parameters, *(self.saved or ())])
        names = [self.names[node] for node in arrivals]
        self.lines.append(f"{STEP}{tape} = {{}}")
        self.lines += [f'{STEP}{tape}["{name}"] = {name}' for name in names]
        self.lines += [f"{STEP}{part}({tape})" for part in parts[:-1]]
        self.lines.append(f"{STEP}return {parts[-1]}({tape})")
        for node, line in self.line_of.items():
            self.line_of[node] = line + _shift(shifts, line)


def is_negated(text: Expression) -> bool:
    """Whether ``x += text`` is ``x -= text[1:]`` to the bit, as for ``-a / b``."""
    if not text.text.startswith("-") or text.level not in (UNARY, PRODUCT):
        return False
    return text.level == UNARY or not ("%" in text.text or "//" in text.text)


def bare(text: str) -> str:
    """An expression without parentheses around all of it.

    >>> bare("(a * (b + c))"), bare("(a + b) * (c + d)")
    ('a * (b + c)', '(a + b) * (c + d)')
    """
    if not (text.startswith("(") and text.endswith(")")) or '"' in text or "'" in text:
        return text
    depth = 0
    for character in text[:-1]:
        depth += (character == "(") - (character == ")")
        if not depth:
            return text
    return text[1:-1]


def _shift(shifts: list[tuple[int, int]], line: int) -> int:
    found = 0
    for start, shift in shifts:
        if line - 1 >= start:
            found = shift
    return found


def copied(text: Expression, node: Node) -> str:
    """A copy that keeps the memory's order, as sums depend on it: np.copy, not the method."""
    return f"np.copy({text.text})" if len(node.shape) > 1 else f"{text.at(ATOM)}.copy()"
