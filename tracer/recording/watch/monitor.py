"""The Monitor: the instruction set that a rewritten user function is compiled to.

>>> monitor.name(W, "W"), monitor.attr(model, "rate"), monitor.binary("mul", w, x)
"""

from __future__ import annotations

from types import CellType, FunctionType
from typing import Any

from tracer.recording.captures.captures import Captures
from tracer.recording.captures.fingerprints import globals_of
from tracer.recording.captures.paths import MONITOR, Path
from tracer.recording.tensor.text import made_since, texts_made
from tracer.recording.watch import (
    callees,
    formatting,
    imports,
    keys,
    loads,
    operators,
    protocols,
    stores,
)


class Monitor:
    """The loads, calls, operators and stores of one instrumented function in one trace.

    `rewrite.Instrumenter` turns each of them in the user's source into a call of one method of
    this class: ``W * x`` into ``monitor.binary("mul", monitor.name(W, "W"), x)``. The methods are
    functions of the modules beside, which ask for no more than an `ActiveMonitor`; a call of one
    is a single frame between the user's code and what it does.

    Parameters
    ----------
    captures : Captures
    function : the function that is running
    path : Path or None
        Where the function itself was found; None if it was made during the trace.
    """

    def __init__(self, captures: Captures, function: FunctionType, path: Path | None):
        self.captures = captures
        self.globals = globals_of(function)
        self.cells: dict[str, CellType] = dict(
            zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        )
        self.path = path
        captures.state.snapshot_variables(function, self.variable)
        self.module_loads: dict[str, tuple[Any, Any, Any]] = {}
        self.builtin_loads: dict[str, tuple[Any, Any]] = {}
        self.builtin_callees: dict[int, tuple[Any, Any]] = {}

    # Loads: `W`, `model.rate`, `table["w"]`, and what is handed on as an argument.
    name = loads.load_name
    attr = loads.load_attribute
    item = loads.load_item
    values = loads.load_values

    # Calls: `f(x)`, `@f`.
    callee = callees.callee
    decorator = callees.decorator

    # Operators: `a + b`, `a < b`, `-a`, `a is b`, `a in b`.
    binary = operators.binary
    compare = operators.compare
    unary = operators.unary
    same = operators.same
    contains = keys.contains

    # What Python asks by itself: `if a`, `a and …`, `for … in a`, `{*a}`, `{**a}`, `with a`.
    truth = operators.truth
    operand = operators.operand
    iterated = operators.iterated
    counted = operators.counted
    spread = operators.spread
    delegated = operators.delegated
    entered = operators.entered

    # Stores: `owner.name = …`, `owner[key] = …`, `owner.name += …`.
    attributes = stores.attributes
    items = stores.items
    augmented = stores.augmented

    # Imports: before `from module import name`, and after it.
    importing = imports.importing
    imported = imports.imported

    # Text: `a % b`, and f-strings, which depend on the texts that were made for them.
    formatted = formatting.formatted
    texts = staticmethod(texts_made)
    joined = staticmethod(made_since)

    def hashed(self, key: Any) -> Any:
        """A key, or a member of a set: an object may count by its identity."""
        if type(key) not in protocols.PLAIN:
            self.captures.identities.guard_key(key)
        return key

    def made_class(self, kind: Any) -> Any:
        """A class that the function defines: what is in it is no capture."""
        self.captures.classes.add(kind)
        return kind

    def local(self, names: Any) -> Any:
        """``locals()`` or ``dir()``, without this monitor."""
        if isinstance(names, list):
            return [name for name in names if name != MONITOR]
        return {name: value for name, value in names.items() if name != MONITOR}

    # -- the function's own variables ---------------------------------------------------------
    def place(self, name: str) -> tuple[Any, str]:
        """Where a variable is kept: a cell, or a module's dict."""
        return (self.cells[name], "") if name in self.cells else (self.globals, name)

    def variable(self, name: str) -> Path:
        """Where a global or closure variable is found again."""
        if name not in self.cells:
            return Path("globals", self.globals, (("name", name),))
        if self.path is not None:
            return self.path.then("cell", name)
        return Path("cell", self.cells[name])

    def add_default_paths(self, function: FunctionType) -> None:
        """Containers and objects among the defaults are reached through the function."""
        for place in ("__defaults__", "__kwdefaults__"):
            defaults = getattr(function, place) or ()
            rows = defaults.items() if isinstance(defaults, dict) else enumerate(defaults)
            for key, value in rows if self.path is not None else ():
                path = self.path.then("attr", place).then("item", key)
                self.captures.add_path(value, path)
