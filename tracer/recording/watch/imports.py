"""Imports inside of traced functions, and names that are not there yet.

>>> from settings import RATE  # in a traced function: RATE is read again on every call
"""

from __future__ import annotations

import dis
import importlib.util
import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.source.libraries import is_users
from tracer.recording.watch.interface import ActiveMonitor

CONSTANTS = frozenset({"pi", "e", "tau", "inf", "nan", "infj", "nanj", "__version__"})
_NAMES: dict[int, tuple[CodeType, tuple[str, ...]]] = {}  # the globals that a code loads


def _global_names(code: CodeType) -> tuple[str, ...]:
    known = _NAMES.get(id(code))
    if known is None or known[0] is not code:
        if len(_NAMES) > 5_000:
            _NAMES.clear()
        found = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
        known = _NAMES[id(code)] = code, tuple(found)
    return known[1]


def guard_absent_names(monitor: ActiveMonitor, code: CodeType, builtin: dict[str, Any]) -> None:
    """Globals and cells that are not there: the function may catch the NameError."""
    for name in _global_names(code):
        if name not in monitor.globals and name not in builtin:
            way = Path("globals", monitor.globals, (("has item", name),))
            monitor.captures.guards.add_value(way, False)
    for name, cell in monitor.cells.items():
        try:
            cell.cell_contents  # noqa: B018 - an empty cell raises
        except ValueError:
            monitor.captures.guards.add_value(monitor.variable(name), MISSING)


def is_standard(module: ModuleType, name: str) -> bool:
    """Whether a library has this name by itself: ``np.my = 3`` is the user's."""
    value = vars(module)[name]
    if isinstance(value, FunctionType):
        return not is_users(value.__code__.co_filename)
    return (
        callable(value)
        or isinstance(value, ModuleType)
        or name in CONSTANTS
        or name in vars(module).get("__all__", ())
    )


def _full_name(monitor: ActiveMonitor, module: str, level: int) -> str:
    if not level:
        return module
    return importlib.util.resolve_name("." * level + module, monitor.globals["__package__"])


def _can_be_loaded(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def importing(monitor: ActiveMonitor, module: str, level: int, names: tuple[str, ...]) -> None:
    """Before an import: what is missing may be there later."""
    full = _full_name(monitor, module, level)
    known = full in sys.modules
    if known or not _can_be_loaded(full):
        monitor.captures.guards.add_value(
            Path("globals", sys.modules, (("has item", full),)), known
        )
    inside = vars(sys.modules[full]) if known else {}
    for name in names if known else ():
        if name not in inside and not ("__path__" in inside and _can_be_loaded(f"{full}.{name}")):
            monitor.captures.guards.add_value(Path("globals", inside, (("has item", name),)), False)


def imported(monitor: ActiveMonitor, value: Any, module: str, level: int, name: str) -> Any:
    """What ``from module import name`` has bound: read as ``module.name``."""
    found = sys.modules.get(_full_name(monitor, module, level))
    if found is None or vars(found).get(name, MISSING) is not value:
        return value
    return monitor.attr(found, name)
