"""Paths: the ways that lead to what a function reads from outside, gone again before each call.

>>> Path("function", None, (("cell", "batch"),)).read(function, leaves)
"""

from __future__ import annotations

import builtins
import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tracer.python.attributes import plain_array
from tracer.python.unwrap import innermost

MONITOR = "__calcgraph_monitor__"


MISSING = object()
LIBRARY_MODULES = frozenset(
    {"numpy", "scipy", "math", "cmath", "builtins", "operator", "functools", "warnings"}
)


@dataclass(frozen=True, slots=True)
class Path:
    """How to find a value again: a root and steps from it.

    ``root`` is ``"globals"`` (``base`` is the module's dict), ``"function"`` (the traced function
    itself), ``"leaf"`` (``base`` is the number of an argument's leaf) or ``"cell"`` (``base`` is a
    closure's cell, of a function that no path leads to). A step is ``(kind, key)``
    with kind ``name``, ``cell``, ``attr`` or ``item``.
    """

    root: str
    base: Any
    steps: tuple[tuple[str, Any], ...] = ()

    def then(self, kind: str, key: Any) -> Path:
        return Path(self.root, self.base, (*self.steps, (kind, key)))

    def read(self, function: Any, leaves: list[Any]) -> Any:
        """The value now, or MISSING."""
        value = self.base
        if self.root == "function":
            value = function
        elif self.root == "leaf":
            value = leaves[self.base]
        try:
            if self.root == "cell":
                value = self.base.cell_contents
            for kind, key in self.steps:
                value = READERS[kind](value, key)
        except (AttributeError, LookupError, TypeError, ValueError):
            return MISSING
        return plain_array(value)

    def key(self) -> tuple:
        steps = tuple([(kind, type(step), step) for kind, step in self.steps])
        by_identity = self.root in ("globals", "cell")
        return self.root, id(self.base) if by_identity else self.base, steps

    def __str__(self) -> str:
        text = "" if self.root != "leaf" else f"argument {self.base}"
        for kind, key in self.steps:
            if kind in ("name", "cell"):
                text = str(key)
            elif kind == "attr":
                text = "self" if key == "__self__" else f"{text}.{key}"
            elif kind == "item":
                text += f"[{key!r}]"
            elif kind == "call":
                text += f"({', '.join(map(repr, key[0]))})"
        return text


def _read_name(table: dict[str, Any], name: str) -> Any:
    found = table.get(name, MISSING)
    return getattr(builtins, name) if found is MISSING else found


def _read_cell(function: Any, name: str) -> Any:
    function = innermost(function)
    return function.__closure__[function.__code__.co_freevars.index(name)].cell_contents


def _call(function: Any, given: tuple[tuple, tuple]) -> Any:
    return function(*given[0], **dict(given[1]))


def _has_item(owner: Any, key: Any) -> bool:
    try:
        owner[key]
    except (KeyError, IndexError):
        return False
    return True


READERS: dict[str, Callable[[Any, Any], Any]] = {
    "call": _call,  # what a pure function outside of the trace gives: environ.get("HOME")
    "has": hasattr,
    "has item": _has_item,
    "contains": operator.contains,
    "name": _read_name,
    "cell": _read_cell,
    "attr": getattr,
    "static": inspect.getattr_static,
    "item": operator.getitem,
}


def is_library_module(value: Any) -> bool:
    """Modules whose constants never change: ``np.pi``, ``math.e``."""
    return isinstance(value, ModuleType) and value.__name__.split(".", 1)[0] in LIBRARY_MODULES
