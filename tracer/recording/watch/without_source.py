"""Functions without source (``python -c``, ``exec``), over globals that tell of each load.

>>> with_watched_globals(function, monitor)

Their code is not compiled again: it runs as it is, over a dict that hands on what it is asked for.
What it reads of an object is not seen, so that everything in the object counts.
"""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Callable
from contextvars import ContextVar
from types import FunctionType
from typing import Any

import numpy as np

from tracer.python.attributes import own
from tracer.recording.captures.fingerprints import is_users_class
from tracer.recording.captures.paths import Path
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.watch.context_variables import path_of
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.protocols import guard_class


class WatchedGlobals(dict[str, Any]):
    """The globals of a function without source: each load goes through a Monitor."""

    def __init__(self, table: dict[str, Any], monitor: ActiveMonitor, compared: ComparedValues):
        super().__init__(table)
        self.real = table
        self.monitor = monitor
        self.compared = compared

    def __getitem__(self, name: str) -> Any:
        value = self.monitor.name(self.monitor.globals[name], name)
        self.compared.add(value)
        if isinstance(value, (FunctionType, type)) or not callable(value):
            _guard_value(self.monitor, value)
        else:
            _guard_value(self.monitor, own(value, "__self__", value))
        if isinstance(value, type):  # as it is, for isinstance(); its methods run unseen
            guard_class(self.monitor.captures, value)
            return value
        return self.monitor.callee(value) if callable(value) else value


class ComparedValues:
    """What a function without source may compare by ``is``, where nobody sees the outcome."""

    def __init__(self, monitor: ActiveMonitor, code: types.CodeType):
        self.identities = monitor.captures.identities
        self.asks = _asks_identity(code)
        self.tensors: list[Any] = []

    def add(self, value: Any) -> None:
        """Here is one more: an object counts by its identity, no array may come twice.

        Raises
        ------
        LeakError
            If one array was passed twice.
        """
        if not self.asks:
            return
        self.identities.guard_identity(value)
        if isinstance(value, TracedTensor):
            self.identities.refuse_duplicates(value, self.tensors)
            self.tensors.append(value)


def _asks_identity(code: types.CodeType) -> bool:
    """Whether there is an ``is`` other than ``is None`` in a function's code."""
    before = None
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IS_OP" and before != "LOAD_CONST":
            return True
        before = instruction.opname
    return False


def _guard_value(monitor: ActiveMonitor, value: Any) -> None:
    """Everything in a captured container, object or class is guarded."""
    if isinstance(value, ContextVar):
        monitor.captures.guard_path(path_of(value, None))
    if isinstance(value, type):
        for kind in value.__mro__:
            for name in vars(kind) if is_users_class(kind) else ():
                if not name.startswith("__"):
                    monitor.captures.guard_path(Path("globals", kind, (("static", name),)))
    if not isinstance(value, (*SINGLE, type, types.ModuleType, FunctionType)):
        monitor.captures.guard_contents(value)


def with_watched_globals(function: FunctionType, monitor: ActiveMonitor) -> Callable[..., Any]:
    """A function without source, with its globals and closure variables seen as they are loaded.

    Raises
    ------
    LeakError
        If it assigns to globals or outer variables, which needs its source.
    """
    code = function.__code__
    stores = {i.argval for i in dis.get_instructions(code) if i.opname in STORES}
    written = stores & {*code.co_freevars, *code.co_names}
    if written:
        raise leak(
            f"{function.__name__} assigns to {sorted(written)[0]} outside of it and has no source.",
            "define it in a file, or return the value",
        )
    compared = ComparedValues(monitor, code)
    cells = tuple(
        [
            types.CellType(_cell_value(monitor, cell.cell_contents, name))
            if _is_filled(cell)
            else cell
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
        ]
    )
    seen = FunctionType(
        code.replace(co_name=code.co_name),
        WatchedGlobals(monitor.globals, monitor, compared),
        function.__name__,
        function.__defaults__,
        cells,
    )
    seen.__kwdefaults__ = function.__kwdefaults__

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        for argument in (*args, *kwargs.values()):
            _guard_value(monitor, argument)
            compared.add(argument)
        return seen(*args, **kwargs)

    return watched


def _cell_value(monitor: ActiveMonitor, value: Any, name: str) -> Any:
    """What a closure variable holds: numbers lifted, functions seen, the rest counted."""
    if isinstance(value, SINGLE):
        return monitor.name(value, name)
    taken = monitor.name(value, name)
    _guard_value(monitor, taken)
    return monitor.callee(taken) if isinstance(taken, FunctionType) else taken


STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})


SINGLE = (float, complex, np.generic, np.ndarray, int, str, bytes, type(None))


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
