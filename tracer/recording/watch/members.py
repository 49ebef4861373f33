"""Attributes and the classes that hold them.

>>> class_member(model, "energy")
(<class 'Model'>, <function Model.energy at ...>)
"""

from __future__ import annotations

import sys
import types
from types import FunctionType, MethodType
from typing import Any

from tracer.python.attributes import own
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.watch.code import is_watchable
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.protocols import PLAIN, call_special

MEMBERS = frozenset({FunctionType, property, staticmethod, classmethod})


def is_written(monitor: ActiveMonitor, owner: Any, name: str, value: Any) -> bool:
    """Whether the function itself has put there what is read."""
    state = monitor.captures.state
    if isinstance(owner, types.ModuleType):
        return state.is_assigned(vars(owner), name)
    if state.is_new(owner, name, value):
        return True
    home, _ = class_member(owner, name)
    return home is not None and state.is_new(home, name, value)


def class_attribute(monitor: ActiveMonitor, owner: Any, name: str, value: Any, deep: bool) -> Any:
    """An attribute of an object that no path leads to: its class may hold it."""
    if isinstance(owner, type):
        if is_library_class(owner) or owner in monitor.captures.classes:
            return value
        return monitor.captures.capture(value, Path("globals", owner, (("attr", name),)), deep)
    home, member = class_member(owner, name)
    if home is None or is_library_class(home) or home in monitor.captures.classes:
        return value
    path = Path("globals", home if type(owner) is super else type(owner))
    if own(type(member), "__get__") is not None:  # a method, a property: it gives what it likes
        if type(member) in MEMBERS:
            monitor.captures.capture(member, path.then("static", name))
        return value
    return monitor.captures.capture(value, path.then("static", name), deep)


def read_attribute(monitor: ActiveMonitor, owner: Any, name: str) -> Any:
    """The attribute; what a property of an object of this trace does is seen."""
    kind = type(owner)
    if kind in PLAIN or monitor.captures.path_of(owner) is not None:
        return getattr(owner, name)
    home, member = class_member(owner, name)
    if home is None and kind is not super and not isinstance(owner, type):
        held = name in own(owner, "__dict__", ())
        answer = held or call_special(monitor.captures, owner, "__getattr__", name)
        return getattr(owner, name) if held or answer is NotImplemented else answer
    if home is None or is_library_class(home):
        return getattr(owner, name)
    instance = owner.__self__ if kind is super else owner
    if home not in monitor.captures.classes:
        monitor.captures.add_path(member, Path("globals", home, (("static", name),)))
    if isinstance(member, property) and is_watchable(member.fget):
        return monitor.captures.instrumented(MethodType(member.fget, instance))()
    answer = call_special(monitor.captures, member, "__get__", instance, kind)
    return getattr(owner, name) if answer is NotImplemented else answer


def mro_lookup(kind: type, name: str) -> Any:
    """What a class, or one that it inherits from, holds under a name; else MISSING."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), MISSING)


def class_member(owner: Any, name: str) -> tuple[type | None, Any]:
    """The class that holds an object's attribute, and what it holds; of ``super()``, a parent."""
    kind: Any = type(owner)
    if kind in PLAIN or isinstance(owner, type):
        return None, MISSING
    order = kind.__mro__
    if kind is super:
        order = owner.__self_class__.__mro__
        order = order[order.index(owner.__thisclass__) + 1 :]
    elif name in own(owner, "__dict__", ()):
        return None, MISSING
    home = next((base for base in order if name in vars(base)), None)
    return home, MISSING if home is None else vars(home)[name]


def holds_data(owner: Any) -> bool:
    """Whether a library's methods read nothing but what they are given and what is in ``owner``.

    So do those of ``collections`` and of other people's packages; loggers and locks do more.
    """
    root = type(owner).__module__.partition(".")[0]
    return not isinstance(owner, type) and (
        root in ("collections", "configparser", "__main__")
        or root not in (*sys.stdlib_module_names, "tracer")
    )


def is_library_class(kind: type) -> bool:
    """Whether a class comes from NumPy, this package or Python itself."""
    return str(kind.__module__).split(".", 1)[0] in ("builtins", "numpy", "scipy", "tracer", "viz")


def numpy_namespace(function: Any) -> dict[str, Any]:
    """The namespace of NumPy's that a function belongs to; empty for others."""
    module = own(function, "__module__") if callable(function) else None
    if type(module) is not str or module.partition(".")[0] != "numpy":
        return {}
    home = sys.modules.get(module)
    return vars(home) if home is not None else {}
