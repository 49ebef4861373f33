"""Builtins that ask for types, names, identities or code, answered as in plain code.

>>> isinstance(x.sum(), np.ndarray)  # in a trace, where a number is a Tensor, too
False
"""

from __future__ import annotations

import functools
import operator
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tracer.recording.captures.paths import Path, is_library_module
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import TracedText
from tracer.recording.watch.context_variables import getenv
from tracer.recording.watch.interface import ActiveMonitor


def _type(monitor: ActiveMonitor, *args: Any, **keywords: Any) -> Any:
    """``type(x)`` of a traced array is the type that it has in plain code."""
    if len(args) == 1 and isinstance(args[0], TracedTensor):
        return args[0].__class__
    return type(*args, **keywords)


def _isinstance(monitor: ActiveMonitor, thing: Any, kinds: Any) -> bool:
    return isinstance(thing._value if isinstance(thing, TracedTensor) else thing, kinds)


def _dir(monitor: ActiveMonitor, *args: Any) -> list[str]:
    return dir(*[arg._value if isinstance(arg, TracedTensor) else arg for arg in args])


def _getsizeof(monitor: ActiveMonitor, thing: Any, *default: Any) -> int:
    if isinstance(thing, TracedTensor):
        monitor.captures.identities.guard_ownership(thing)
    return sys.getsizeof(thing._value if isinstance(thing, TracedTensor) else thing, *default)


def _getrefcount(monitor: ActiveMonitor, thing: Any) -> int:
    if isinstance(thing, TracedTensor):
        raise leak("The references to a traced array were counted.", "leave them uncounted")
    return sys.getrefcount(thing)


# -- attributes ----------------------------------------------------------------------------------
def _vars(monitor: ActiveMonitor, *args: Any) -> Any:
    table = vars(*args)
    path = monitor.captures.path_of(args[0]) if args else None
    return table if path is None else monitor.captures.capture(table, path.then("attr", "__dict__"))


def _getattr(monitor: ActiveMonitor, owner: Any, name: str, *default: Any) -> Any:
    try:
        if isinstance(owner, TracedTensor) and not hasattr(owner._value, name):
            getattr(owner._value, name)  # a number of Python's has less than a Tensor
        return monitor.attr(owner, name)
    except AttributeError:
        if not default:
            raise
        return default[0]


def _hasattr(monitor: ActiveMonitor, owner: Any, name: str) -> bool:
    found = hasattr(owner._value if isinstance(owner, TracedTensor) else owner, name)
    path = monitor.captures.path_of(owner)
    if isinstance(owner, types.ModuleType):
        way = Path("globals", vars(owner), (("has item", name),))
        monitor.captures.guards.add_value(way, name in vars(owner))
    elif path is not None:
        monitor.captures.guards.add_value(path.then("has", name), found)
    return found


def _globals(monitor: ActiveMonitor) -> dict[str, Any]:
    return module_table(monitor, monitor.globals)


def module_table(monitor: ActiveMonitor, table: dict[str, Any]) -> dict[str, Any]:
    """A module's ``__dict__``, with a path to each of its names."""
    monitor.captures.add_path(table, Path("globals", table))
    return table


def _attrgetter(monitor: ActiveMonitor, getter: Any, owner: Any) -> Any:
    values = []
    for name in getter.__reduce__()[1]:
        value = owner
        for part in name.split("."):
            value = monitor.attr(value, part)
        values.append(value)
    return values[0] if len(values) == 1 else tuple(values)


def _itemgetter(monitor: ActiveMonitor, getter: Any, owner: Any) -> Any:
    values = [monitor.item(owner, key) for key in getter.__reduce__()[1]]
    return values[0] if len(values) == 1 else tuple(values)


def _methodcaller(monitor: ActiveMonitor, caller: Any, owner: Any) -> Any:
    name: str
    args: list[Any]
    made = caller.__reduce__()
    keywords = getattr(made[0], "keywords", {})
    name, *args = [*getattr(made[0], "args", ()), *made[1]]
    return monitor.callee(monitor.attr(owner, name))(*args, **keywords)


GETTERS: dict[type, Callable[..., Any]] = {
    operator.attrgetter: _attrgetter,
    operator.itemgetter: _itemgetter,
    operator.methodcaller: _methodcaller,
}


def operator_getter(monitor: ActiveMonitor, function: Any) -> Callable[..., Any] | None:
    """What to call instead of an ``operator.itemgetter`` and its like."""
    getter = GETTERS.get(type(function))
    return None if getter is None else functools.partial(getter, monitor, function)


# -- code in a text -------------------------------------------------------------------------------
def _eval(monitor: ActiveMonitor, source: Any, table: Any = None, local: Any = None) -> Any:
    return _evaluated(monitor, eval, source, table, local)


def _exec(monitor: ActiveMonitor, source: Any, table: Any = None, local: Any = None) -> Any:
    return _evaluated(monitor, exec, source, table, local)


def _evaluated(
    monitor: ActiveMonitor, run: Callable[..., Any], source: Any, table: Any, local: Any
) -> Any:
    """Code in a text runs as it is; whatever it names outside of the function counts."""
    if isinstance(source, TracedText):
        source.refuse()
    table = monitor.globals if table is None else table
    local = table if local is None else local
    if isinstance(source, types.CodeType):
        code = source
    else:
        text = source.strip() if isinstance(source, str) and run is eval else source
        code = compile(text, "<string>", run.__name__)
    if table is monitor.globals:
        names = [name for name in _names(code) if name not in local or local is table]
        _guard_names(monitor, names, table)
    return run(code, table, local)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _guard_names(monitor: ActiveMonitor, names: list[str], table: Mapping[str, Any]) -> None:
    for name in names:
        held = table.get(name)
        monitor.captures.guard_path(Path("globals", table, (("name", name),)))
        if isinstance(held, types.ModuleType) and not is_library_module(held):
            inside = vars(held)
            for attribute in names:
                if attribute in inside:
                    monitor.captures.guard_path(Path("globals", inside, (("name", attribute),)))


REFLECTION: dict[Any, Callable[..., Any]] = {
    type: _type,
    isinstance: _isinstance,
    dir: _dir,
    vars: _vars,
    getattr: _getattr,
    hasattr: _hasattr,
    os.getenv: getenv,
    eval: _eval,
    exec: _exec,
    globals: _globals,
    sys.getsizeof: _getsizeof,
    sys.getrefcount: _getrefcount,
    id: lambda monitor, thing: monitor.captures.identities.id_of(thing),
    operator.is_: lambda monitor, left, right: monitor.same(left, right),
    operator.is_not: lambda monitor, left, right: not monitor.same(left, right),
    operator.eq: lambda monitor, left, right: monitor.compare("eq", left, right),
    operator.ne: lambda monitor, left, right: monitor.compare("ne", left, right),
    operator.contains: lambda monitor, container, item: monitor.contains(item, container),
}
