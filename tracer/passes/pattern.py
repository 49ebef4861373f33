"""Patterns of rewrites, read once from their text, and how they match a node.

>>> pattern = read_pattern("x * 1")
>>> match(pattern, node, {})
{'x': <x: f64[3] = input()>}

``x y z u v w`` stand for operands, ``index`` for an argument of any kind with operands in it;
every other name stands for a literal argument (an axis, a shape, a number, an index without
operands); ``*p`` and ``**k`` for the rest of the arguments, literals all.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.graph.node import Hole, Node, Params, Ref, map_structure, typed

OPERANDS = frozenset("xyzuvw")
BINARY: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
}
ANY_ARGUMENT = "index"
ANY_ELEMENTWISE = "elementwise"  # as the name of an op: any elementwise op, bound to it


@dataclass(frozen=True, slots=True)
class Variable:
    name: str

    @property
    def is_operand(self) -> bool:
        return self.name in OPERANDS


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class CallPattern:
    """An op (or, on the right of a rewrite, a helper) with its arguments."""

    name: str
    args: tuple[Any, ...]
    star: str = ""
    kwargs: tuple[tuple[str, Any], ...] = ()
    rest: str = ""
    spelling: str = ""


Pattern = Variable | Literal | CallPattern


def read_pattern(text: str) -> Pattern:
    """The pattern of an expression.

    Raises
    ------
    ValueError
        If the text is no expression of names, literals, operators and calls.
    """
    return _read(ast.parse(text, mode="eval").body)


def _read(tree: ast.expr) -> Pattern:
    match tree:
        case ast.Name(id=name):
            return Variable(name)
        case ast.Constant(value=value):
            return Literal(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)):
            return Literal(-value)  # type: ignore[operator]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return CallPattern("negative", (_read(operand),), spelling="operator")
        case ast.BinOp(left=left, op=op, right=right):
            return CallPattern(BINARY[type(op)], (_read(left), _read(right)), spelling="operator")
        case ast.Subscript(value=value, slice=index):
            return CallPattern("getitem", (_read(value), _read(index)))
        case ast.Attribute(value=value, attr="T"):
            return CallPattern("transpose", (_read(value),), spelling="attribute")
        case ast.Call(func=function, args=args, keywords=keywords):
            return _read_call(ast.unparse(function), args, keywords)
    raise ValueError(f"no pattern: {ast.unparse(tree)}")


def _read_call(name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> CallPattern:
    star = rest = ""
    if args and isinstance(args[-1], ast.Starred):
        star = ast.unparse(args.pop()).lstrip("*")
    if keywords and keywords[-1].arg is None:
        rest = ast.unparse(keywords.pop().value)
    named = tuple([(str(word.arg), _read(word.value)) for word in keywords])
    return CallPattern(name, tuple(map(_read, args)), star, named, rest)


def match(pattern: CallPattern, node: Node, found: dict[str, Any]) -> dict[str, Any] | None:
    """What the variables stand for, or None."""
    params = node.params
    args = params.args
    count = len(pattern.args)
    if len(args) != count and (not pattern.star or len(args) < count):
        return None
    if pattern.name == ANY_ELEMENTWISE:
        found[ANY_ELEMENTWISE] = node
    for part, argument in zip(pattern.args, args, strict=False):
        if not _match(part, argument, node, found):
            return None
    if pattern.star:
        if has_holes(args[count:]):
            return None
        found[pattern.star] = args[count:]
    kwargs = params.kwargs
    if not kwargs and not pattern.kwargs and not pattern.rest:
        return found
    for word, part in pattern.kwargs:
        if word not in kwargs or not _match(part, kwargs[word], node, found):
            return None
    others = {k: v for k, v in kwargs.items() if not any(k == word for word, _ in pattern.kwargs)}
    if not pattern.rest:
        return None if others else found
    if has_holes(tuple(others.values())):
        return None
    found[pattern.rest] = others
    return found


def _match(part: Pattern, argument: Any, reader: Node, found: dict[str, Any]) -> bool:
    """Whether one argument fits; binds variables."""
    operand = reader.inputs[argument.slot] if type(argument) is Hole else None
    if isinstance(part, Variable) and part.name == ANY_ARGUMENT:
        found[ANY_ARGUMENT] = with_operands(argument, reader)
        return True
    if isinstance(part, Variable):
        value = argument if operand is None else operand
        if part.is_operand != (operand is not None) or (operand is None and has_holes(argument)):
            return False
        if part.name not in found:
            found[part.name] = value
            return True
        before = found[part.name]
        return before is value if operand is not None else typed(before) == typed(value)
    if isinstance(part, Literal):
        return same_literal(part.value, argument if operand is None else scalar_of(operand))
    if operand is None or not isinstance(part, CallPattern):
        return False
    if part.name != operand.op.name or operand.context != reader.context:
        return False
    return match(part, operand, found) is not None


def with_operands(argument: Any, reader: Node) -> Any:
    """An argument with nodes in its holes."""
    return map_structure(lambda a: reader.inputs[a.slot] if type(a) is Hole else a, argument)


def scalar_of(node: Node) -> Any:
    """The number that a constant node holds, or None."""
    if node.op.name != "constant":
        return None
    value = node.params.args[0]
    value = value.value if type(value) is Ref else value
    return None if isinstance(value, np.ndarray) else value


def same_literal(wanted: Any, value: Any) -> bool:
    """Whether a literal is the number of the pattern, whatever its type; -0.0 is not 0."""
    kind = type(value)
    if wanted is None or type(wanted) is bool:
        return value is wanted
    if kind is bool or not (kind in (int, float) or isinstance(value, (np.floating, np.integer))):
        return False
    return value == wanted and (wanted != 0 or math.copysign(1, value) == math.copysign(1, wanted))


def has_holes(tree: Any) -> bool:
    """Whether an operand stands somewhere in nested arguments."""
    kind = type(tree)
    if kind is Hole:
        return True
    if kind in (int, float, str, bool, type(None)):
        return False
    return bool(Params((tree,)).slots())
