"""The parser of printed graphs: tokens and a small grammar, nothing is executed.

>>> Reader("%0 x: f64[3] = input()\nreturn value %0", op_named, {}).read()
<CalcGraph ?: 1 nodes>
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tracer.errors import GraphError
from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.literals import DTYPES, TYPES, WORDS, make_scalar
from tracer.graph.node import Node, Params, Ref, hole
from tracer.graph.op import Op
from tracer.graph.spec import WEAK_SPECS, ArraySpec, Dim, array_spec, scalar_spec

TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<string>b?'(?:\\.|[^'\\])*'|b?"(?:\\.|[^"\\])*")
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf\b|nan\b))
    |(?P<mark>[%@?]\d+|[$&]\w+)
    |(?P<word>[^\W\d][\w.<>]*)
    |(?P<sign>[()\[\]{},:;=])""",
    re.VERBOSE,
)
Token = tuple[str, str]
# What numbers of too many digits, bad escapes and endless brackets raise.
BAD_TEXT = (ArithmeticError, LookupError, RecursionError, SyntaxError, TypeError, ValueError)


def tokens_of(line: str) -> list[Token]:
    """The tokens of one line, comments dropped."""
    found: list[Token] = []
    position = 0
    while position < len(line):
        match = TOKEN.match(line, position)
        if match is None:
            raise GraphError(f"graph text: cannot read {line[position:]!r}")
        if match.lastgroup is not None:
            found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def read_graph(
    text: str,
    ops: Callable[[str], Op] | Mapping[str, Op],
    constants: Mapping[str, Any] | None = None,
) -> CalcGraph:
    """The graph that a text describes; nothing in the text is executed.

    Parameters
    ----------
    text : str
        As ``print_graph`` writes it.
    ops : callable or mapping
        The allow-list: the Op of a name, or ``KeyError``.
    constants : mapping, optional
        What the text's references stand for, as ``table_of`` gives it.

    Raises
    ------
    GraphError
        If the text is no graph, or speaks of an op or a constant that is not in the lists.
    """
    find = ops.__getitem__ if isinstance(ops, Mapping) else ops
    return Reader(text, find, constants or {}).read()


class Reader:
    """Reads one text; ``find`` gives an Op by name, ``constants`` what references stand for."""

    def __init__(self, text: str, find: Callable[[str], Op], constants: Mapping[str, Any]):
        self.lines = [line for line in map(tokens_of, text.splitlines()) if line]
        self.find = find
        self.constants = constants
        self.dims: dict[str, Dim] = {}
        self.row = 0
        self.tokens: list[Token] = []
        self.at = 0
        self.refs: dict[str, Ref] = {}

    # -- tokens -----------------------------------------------------------------------------
    def fail(self, wanted: str) -> GraphError:
        text = " ".join([token for _, token in self.tokens])
        return GraphError(f"graph text, line {self.row}: {wanted} in {text!r}")

    def next_line(self) -> None:
        if self.row >= len(self.lines):
            raise GraphError("graph text: the end comes too early")
        self.tokens, self.at = self.lines[self.row], 0
        self.row += 1

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> Token:
        if self.at >= len(self.tokens):
            raise self.fail(f"expected {wanted or 'more'}")
        token = self.tokens[self.at]
        if wanted and token[1] != wanted and token[0] != wanted:
            raise self.fail(f"expected {wanted}, not {token[1]!r}")
        self.at += 1
        return token

    def skip(self, text: str) -> bool:
        if self.peek() != text:
            return False
        self.at += 1
        return True

    def string(self) -> str:
        return ast.literal_eval(self.take("string")[1])

    # -- the grammar ------------------------------------------------------------------------
    def read(self) -> CalcGraph:
        try:
            return self.graph()
        except GraphError:
            raise
        except BAD_TEXT as error:
            raise GraphError(f"graph text, line {self.row}: {error}") from error

    def graph(self) -> CalcGraph:
        title = ""
        if self.lines and self.lines[0][0] == ("word", "graph"):
            self.next_line()
            self.take("graph")
            title = self.string()
        graph = self.body(title)
        if self.row != len(self.lines):
            raise GraphError("graph text: something follows the last return")
        return graph

    def body(self, title: str) -> CalcGraph:
        nodes: list[Node] = []
        guards: list[Guard] = []
        effects: list[Effect] = []
        while True:
            self.next_line()
            word = self.peek()
            if word.startswith("%"):
                nodes.append(self.node(nodes))
            elif self.skip("dim"):
                self.dim()
            elif self.skip("guard"):
                node = self.operand(nodes)
                kind = self.take("word")[1]
                guards.append(Guard(node, self.value(()), kind))
            elif self.skip("effect"):
                kind = self.take("word")[1]
                target = self.operand(nodes)
                self.take("=")
                effects.append(Effect(kind, target, self.operand(nodes)))
            elif self.skip("return"):
                break
            else:
                raise self.fail("expected a node, a guard, an effect or return")
            self.done()
        outputs: list[Node] = []
        roles: dict[str, int] = {}
        while self.at < len(self.tokens):
            role, before = self.take("word")[1], len(outputs)
            while self.peek().startswith("%"):
                outputs.append(self.operand(nodes))
                self.skip(",")
            roles[role] = len(outputs) - before
            if not self.skip(";"):
                break
        self.done()
        inputs = [node for node in nodes if node.op.name == "input"]
        return CalcGraph(inputs, nodes, outputs, guards, effects, (), title, roles)

    def done(self) -> None:
        if self.at != len(self.tokens):
            raise self.fail(f"did not expect {self.peek()!r}")

    def dim(self) -> None:
        mark = self.take("mark")[1]
        self.take("=")
        label = self.string()
        self.take("seen")
        self.dims[mark] = Dim(label, int(self.take("number")[1]))

    def operand(self, nodes: list[Node]) -> Node:
        mark = self.take("mark")[1]
        number = int(mark[1:]) if mark[0] == "%" else len(nodes)
        if number >= len(nodes):
            raise self.fail(f"no node {mark} yet")
        return nodes[number]

    def node(self, nodes: list[Node]) -> Node:
        if self.take("mark")[1] != f"%{len(nodes)}":
            raise self.fail(f"expected node %{len(nodes)}")
        name = ""
        if self.peek() != ":":
            kind, text = self.take()
            name = ast.literal_eval(text) if kind == "string" else text
        self.take(":")
        specs = self.specs()
        self.take("=")
        op = self.op(self.take("word")[1])
        self.take("(")
        inputs: list[Node] = []
        args, kwargs = self.arguments(nodes, inputs, ")")
        if self.skip("on"):
            self.take("(")
            while not self.skip(")"):
                inputs.append(self.operand(nodes))
                self.skip(",")
        spelling = self.take("word")[1] if self.skip("as") else ""
        context = None
        if self.skip("with"):
            self.take("(")
            context = tuple(self.arguments(nodes, inputs, ")")[1].items())
        regions: list[CalcGraph] = []
        while self.skip("{"):
            title = self.string()
            self.done()
            regions.append(self.body(title))
            self.next_line()
            self.take("}")
            self.skip("and")
        return Node(
            op,
            tuple(inputs),
            Params(args, kwargs),
            specs,
            None,
            name,
            spelling,
            context,
            tuple(regions),
        )

    def op(self, name: str) -> Op:
        try:
            return self.find(name)
        except KeyError:
            raise self.fail(f"unknown op {name!r}") from None

    def specs(self) -> tuple[ArraySpec, ...]:
        if not self.skip("("):
            return (self.spec(),)
        specs: list[ArraySpec] = []
        while not self.skip(")"):
            specs.append(self.spec())
            self.skip(",")
        return tuple(specs)

    def spec(self) -> ArraySpec:
        if self.skip("object"):
            return ArraySpec((), np.dtype(object), "object")
        kind = self.take("word")[1] if self.peek() in ("weak", "scalar") else "array"
        token, text = self.take()
        dtype = np.dtype(ast.literal_eval(text)) if token == "string" else DTYPES.get(text)
        if dtype is None:
            raise self.fail(f"unknown dtype {text!r}")
        if kind == "weak":
            spec = ArraySpec((), dtype, "weak")
            return next((weak for weak in WEAK_SPECS.values() if weak == spec), spec)
        if kind == "scalar":
            return scalar_spec(dtype)
        self.take("[")
        sizes: list[int | Dim] = []
        while not self.skip("]"):
            token, text = self.take()
            if text.startswith("-"):
                raise self.fail("expected a size")
            sizes.append(int(text) if token == "number" else self.dim_of(text))
            self.skip(",")
        return array_spec(tuple(sizes), dtype)

    def dim_of(self, mark: str) -> Dim:
        if mark not in self.dims:
            raise self.fail(f"no dim {mark}")
        return self.dims[mark]

    def arguments(
        self, nodes: Any, inputs: list[Node], end: str
    ) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments up to a closing sign."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        while not self.skip(end):
            following = self.tokens[self.at + 1 : self.at + 2]
            if (
                self.tokens[self.at : self.at + 1]
                and self.tokens[self.at][0] == "word"
                and (following == [("sign", "=")])
            ):
                key = self.take()[1]
                self.take("=")
                kwargs[key] = self.value(nodes, inputs)
            else:
                args.append(self.value(nodes, inputs))
            if self.peek() != end:
                self.take(",")
        return args, kwargs

    def value(self, nodes: Any, inputs: list[Node] | None = None) -> Any:
        """One literal, hole, reference, or a container of them."""
        inputs = [] if inputs is None else inputs
        kind, text = self.take()
        if kind == "string":
            return ast.literal_eval(text)
        if kind == "number":
            return self.number(text)
        if kind == "mark":
            return self.mark(text, nodes, inputs)
        if kind == "word":
            return self.word(text, nodes, inputs)
        if text in "([":
            items, _ = self.arguments(nodes, inputs, ")" if text == "(" else "]")
            return tuple(items) if text == "(" else items
        if text == "{":
            return self.pairs(nodes, inputs)
        raise self.fail(f"did not expect {text!r}")

    def pairs(self, nodes: Any, inputs: list[Node]) -> dict:
        found: dict = {}
        while not self.skip("}"):
            key = self.value(nodes, inputs)
            self.take(":")
            found[key] = self.value(nodes, inputs)
            self.skip(",")
        return found

    def number(self, text: str) -> int | float:
        return int(text) if text.lstrip("+-").isdigit() else float(text)

    def mark(self, text: str, nodes: Any, inputs: list[Node]) -> Any:
        sign, rest = text[0], text[1:]
        if sign == "%":
            self.at -= 1
            inputs.append(self.operand(nodes))
            return hole(len(inputs) - 1)
        if sign == "@":
            return hole(int(rest))
        if sign == "?":
            return self.dim_of(text)
        if rest not in self.constants:
            raise self.fail(f"no constant {text}")
        found = self.constants[rest]
        if sign == "$":
            return self.refs.setdefault(rest, Ref(found, rest))
        return found(*self.arguments(nodes, inputs, ")")[0]) if self.skip("(") else found

    def word(self, text: str, nodes: Any, inputs: list[Node]) -> Any:
        if self.peek() != "(":
            for table in (WORDS, DTYPES, TYPES):
                if text in table:
                    return table[text]
            raise self.fail(f"unknown word {text!r}")
        self.take("(")
        if text in DTYPES:
            parts = []
            while not self.skip(")"):
                parts.append(self.take()[1])
                self.skip(",")
            return make_scalar(text, parts)
        args, _ = self.arguments(nodes, inputs, ")")
        makers = {"slice": slice, "complex": complex, "dtype": np.dtype}
        if text not in makers:
            raise self.fail(f"unknown word {text!r}")
        return makers[text](*args)
