"""The rewrite engine: before → after pairs that remember their own line, and what applies them.

>>> TABLE = (rewrite("x * 1", to="x"), rewrite("x * -1", to="-x", exact=False))
>>> TABLE[0]
<x * 1  →  x   at algebra.py:12>
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.graph.node import Hole, Node, Params, hole, map_structure
from tracer.graph.spec import ArraySpec
from tracer.ops.infer import infer
from tracer.ops.registry import op_named
from tracer.passes.pattern import (
    ANY_ARGUMENT,
    ANY_ELEMENTWISE,
    CallPattern,
    Literal,
    Pattern,
    Variable,
    match,
    read_pattern,
)

DEEPEST = 12  # rewrites of what a rewrite has made


@dataclass(frozen=True, slots=True, repr=False)
class Rewrite:
    """One line of a table.

    ``exact`` says that the bits stay; the rest is for derivative programs. ``single`` asks that
    inner nodes have no other reader.
    """

    before: str
    after: str
    pattern: CallPattern
    build: Callable[[Make, dict[str, Any]], Any]
    when: Callable[..., bool] | None
    exact: bool
    single: bool
    place: str

    def __repr__(self) -> str:
        return f"<{self.before}  →  {self.after}   at {self.place}>"


def rewrite(
    before: str,
    to: str | Callable[..., Any],
    when: Callable[..., bool] | None = None,
    exact: bool = True,
    single: bool = False,
    helpers: dict[str, Callable[..., Any]] | None = None,
) -> Rewrite:
    """Declare a rewrite.

    Parameters
    ----------
    before : str
        The pattern (see ``tracer.passes.pattern``).
    to : str or callable
        The expression that replaces it; or ``to(make, x, …)`` with the
        variables that it names, which may return None.
    when : callable, optional
        A condition on variables, by their names.
    exact : bool
        Whether the result is the same to the last bit, NaN's sign and -0.0 included.
    single : bool
        Whether it only pays if inner nodes have no other reader.
    helpers : dict, optional
        Functions of literals that ``to`` calls: ``compose(p, q)``.
    """
    frame = sys._getframe(1)
    place = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    pattern = read_pattern(before)
    if not isinstance(pattern, CallPattern):
        raise ValueError(f"{before} is not a call or an operator")
    if isinstance(to, str):
        after, build = to, _builder(read_pattern(to), helpers or {})
    else:
        name = getattr(to, "__name__", "")
        after, build = f"{name}(…)", _replacement(to)
    return Rewrite(before, after, pattern, build, _by_names(when), exact, single, place)


def _by_names(when: Callable[..., bool] | None) -> Callable[..., bool] | None:
    if when is None:
        return None
    names = tuple(inspect.signature(when).parameters)
    return lambda found: when(*[found[name] for name in names])


def _replacement(to: Callable[..., Any]) -> Callable[..., Any]:
    """``to`` with those parts of the match that it asks for by name."""
    names = tuple(inspect.signature(to).parameters)[1:]  # after ``make``
    return lambda make, found: to(make, **{name: found[name] for name in names if name in found})


def _builder(tree: Pattern, helpers: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """A function that builds what the right side says."""

    def build(part: Pattern, make: Make, found: dict[str, Any]) -> Any:
        if isinstance(part, Variable):
            return found[part.name]
        if isinstance(part, Literal):
            return part.value
        args = [build(argument, make, found) for argument in part.args]
        args += found[part.star] if part.star else ()
        kwargs = {word: build(value, make, found) for word, value in part.kwargs}
        kwargs |= found[part.rest] if part.rest else {}
        if part.name in helpers:
            return helpers[part.name](*args, **kwargs)
        if part.name == ANY_ELEMENTWISE:
            root = found[ANY_ELEMENTWISE]
            return make.node(root.op, args, kwargs, root.spelling)
        return make(part.name, *args, spelling=part.spelling, **kwargs)

    return lambda make, found: build(tree, make, found)


class Refused(Exception):
    """The right side of a rewrite can't be built here."""


class Make:
    """Builds nodes for the right side of a rewrite, each simplified as it is made.

    Attributes
    ----------
    made : list of Node
        The new nodes, in order.
    """

    __slots__ = ("depth", "exact", "made", "rewriter", "root")

    def __init__(self, rewriter: Rewriter, root: Node, exact: bool, depth: int, made: list[Node]):
        self.rewriter = rewriter
        self.root = root
        self.exact = exact
        self.depth = depth
        self.made = made

    def __call__(self, name: str, *args: Any, spelling: str = "", **kwargs: Any) -> Node:
        return self.node(op_named(name), args, kwargs, spelling)

    def node(
        self, op: Any, args: Sequence[Any], kwargs: dict[str, Any], spelling: str = ""
    ) -> Node:
        inputs: list[Node] = []

        def place(leaf: Any) -> Any:
            if type(leaf) is Node:
                inputs.append(leaf)
                return hole(len(inputs) - 1)
            if type(leaf) is Hole:
                raise Refused
            return leaf

        params = Params(
            [map_structure(place, a) for a in args],
            {k: map_structure(place, v) for k, v in kwargs.items()},
        )
        if not inputs and op.schema.kind != "creation":
            raise Refused
        specs = self.infer(op, params, inputs, spelling)
        root = self.root
        node = Node(op, tuple(inputs), params, specs, root.origin, "", spelling, root.context)
        result = self.rewriter.simplify(node, self.exact, self.depth, self.made)
        if result is node:
            self.made.append(node)
        return result

    def infer(
        self, op: Any, params: Params, inputs: list[Node], spelling: str
    ) -> tuple[ArraySpec, ...]:
        try:
            return tuple(infer(op, params, tuple([i.specs[0] for i in inputs]), spelling))
        except Exception as error:
            raise Refused from error


class Rewriter:
    """Applies the rewrites of a table to single nodes, bottom up.

    Rewrites are found by the op of the root and what its first two arguments are, so that a node
    that nothing applies to costs one look-up.
    """

    def __init__(self, table: Sequence[Rewrite]):
        self.by_root: dict[str, list[Rewrite]] = {}
        for line in table:
            self.by_root.setdefault(line.pattern.name, []).append(line)
        self.candidates: dict[tuple, tuple[Rewrite, ...]] = {}
        self.uses: dict[Node, int] = {}

    def simplify(self, node: Node, exact: bool, depth: int, made: list[Node]) -> Node:
        """What the node becomes; nodes made for it are appended to ``made``."""
        candidates = self.lookup(node)
        if not candidates or depth > DEEPEST:
            return node
        for line in candidates:
            if exact and not line.exact:
                continue
            found = match(line.pattern, node, {})
            if found is None or (line.when is not None and not line.when(found)):
                continue
            if line.single and not self.is_single(line.pattern, node):
                continue
            count = len(made)
            try:
                result = line.build(Make(self, node, exact, depth + 1, made), found)
            except Refused:
                result = None
            if type(result) is Node and result is not node and result.specs == node.specs:
                return result
            del made[count:]
        return node

    def lookup(self, node: Node) -> tuple[Rewrite, ...]:
        op = node.op
        args = node.params.args
        inputs = node.inputs
        first = second = None
        if args:
            first = inputs[args[0].slot].op if type(args[0]) is Hole else type(args[0])
            if len(args) > 1:
                second = inputs[args[1].slot].op if type(args[1]) is Hole else type(args[1])
        key = (op, first, second)
        found = self.candidates.get(key)
        if found is None:
            lines = list(self.by_root.get(op.name, ()))
            if op.schema.kind == "elementwise":
                lines += self.by_root.get(ANY_ELEMENTWISE, ())
            kinds = (first, second)
            found = tuple([line for line in lines if all(map(_may_fit, line.pattern.args, kinds))])
            self.candidates[key] = found
        return found

    def is_single(self, pattern: CallPattern, node: Node) -> bool:
        """Whether every inner node of a match has one reader."""
        for part, argument in zip(pattern.args, node.params.args, strict=False):
            if isinstance(part, CallPattern) and type(argument) is Hole:
                inner = node.inputs[argument.slot]
                if self.uses.get(inner, 1) > 1 or not self.is_single(part, inner):
                    return False
        return True


def _may_fit(part: Pattern, kind: Any) -> bool:
    """Whether an argument of this op (or this literal type) can match a part at all."""
    is_operand = hasattr(kind, "schema")
    if isinstance(part, Variable):
        return part.name == ANY_ARGUMENT or part.is_operand == is_operand
    if isinstance(part, Literal):
        return not is_operand or kind.name == "constant"
    return is_operand and kind.name == part.name
