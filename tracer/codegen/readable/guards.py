"""Guards as Python: an ``if`` or a ``try`` that leaves when another program is the right one.

>>> guard_lines(Expression("size.max() > 1.0", COMPARE), 0, guard, constants, "    ")
['    if not size.max() > 1.0:', '        raise GuardMiss(0, False)']
"""

from __future__ import annotations

import builtins
import json
from typing import Any

import numpy as np

from tracer.codegen.comments import harmless
from tracer.codegen.literals import Constants
from tracer.codegen.readable.expressions import ATOM, COMPARE, Expression
from tracer.graph.calcgraph import Guard
from tracer.graph.node import Node

LONG = 72  # characters of a place and its statement in a message


def condition(text: Expression, guard: Guard, constants: Constants) -> tuple[str, str]:
    """``(what holds when the guard misses, what the value is then)``."""
    if guard.kind == "dtype":
        found = f"{text.at(ATOM)}.dtype"
        return f"{found} != {constants.text(guard.node.dtype)}", found
    if guard.node.dtype.kind == "b":
        return (f"not {text.text}", "False") if guard.outcome else (text.text, "True")
    return f"{text.at(COMPARE + 1)} != {constants.text(guard.outcome)}", text.text


def test_of(text: Expression, node: Node, outcome: Any, constants: Constants) -> str:
    """The condition that a value has an outcome."""
    if node.dtype.kind == "b":
        return text.text if outcome else f"not {text.text}"
    return f"{text.at(COMPARE + 1)} == {constants.text(outcome)}"


def guard_lines(
    text: Expression, position: int, guard: Guard, constants: Constants, indent: str
) -> list[str]:
    """An ``if`` that raises when the guard does not hold."""
    missed, value = condition(text, guard, constants)
    return [f"{indent}if {missed}:", f"{indent}    {miss(position, value, guard, constants)}"]


def try_lines(
    text: str, position: int, guard: Guard, constants: Constants, indent: str
) -> list[str]:
    """A ``try`` that raises when nothing is raised."""
    return [
        f"{indent}try:",
        f"{indent}    {text}",
        f"{indent}except {exception_name(guard.outcome, constants)}:",
        f"{indent}    pass",
        f"{indent}else:",
        f"{indent}    {miss(position, 'None', guard, constants)}",
    ]


def exception_name(kind: type, constants: Constants) -> str:
    """How generated code names an exception class."""
    if getattr(builtins, kind.__name__, None) is kind:
        return kind.__name__
    if kind is np.linalg.LinAlgError:
        return "np.linalg.LinAlgError"
    return constants.reference(kind, kind.__name__)


def miss(position: int, value: str, guard: Guard, constants: Constants) -> str:
    """The statement that leaves: for the dispatcher, or in a saved module for a person."""
    if not constants.saved:
        return f"raise GuardMiss({position}, {value})"
    place = guard.origin or guard.node.origin
    where = harmless(f"{place}: {place.statement.strip()}" if place else "a condition")
    where = where if len(where) <= LONG else where[: LONG - 1] + "…"
    message = json.dumps(f"other outcome of {where}", ensure_ascii=False)
    return f"raise NotImplementedError({message})"
