"""Builtins that ask for types, names, identities or code, answered as in plain code.

>>> isinstance(x.sum(), np.ndarray)  # in a trace, where a number is a Tensor, too
False
"""

from __future__ import annotations

import operator
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tracer.recording.captures.paths import Path, is_library_module
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.text import TracedText
from tracer.recording.watch.answers import global_table

if TYPE_CHECKING:
    from tracer.recording.watch.monitor import Monitor


def _type(monitor: Monitor, *args: Any, **keywords: Any) -> Any:
    """``type(x)`` of a traced array is the type that it has in plain code."""
    if len(args) == 1 and isinstance(args[0], TracedTensor):
        return args[0].__class__
    return type(*args, **keywords)


def _isinstance(monitor: Monitor, thing: Any, kinds: Any) -> bool:
    return isinstance(thing._value if isinstance(thing, TracedTensor) else thing, kinds)


def _dir(monitor: Monitor, *args: Any) -> list[str]:
    return dir(*[arg._value if isinstance(arg, TracedTensor) else arg for arg in args])


def _getsizeof(monitor: Monitor, thing: Any, *default: Any) -> int:
    if isinstance(thing, TracedTensor):
        monitor.captures.identities.guard_ownership(thing)
    return sys.getsizeof(thing._value if isinstance(thing, TracedTensor) else thing, *default)


def _getrefcount(monitor: Monitor, thing: Any) -> int:
    if isinstance(thing, TracedTensor):
        raise leak("The references to a traced array were counted.", "leave them uncounted")
    return sys.getrefcount(thing)


# -- attributes and the environment ---------------------------------------------------------------
def _vars(monitor: Monitor, *args: Any) -> Any:
    table = vars(*args)
    path = monitor.captures.path_of(args[0]) if args else None
    return table if path is None else monitor.captures.capture(table, path.then("attr", "__dict__"))


def _getattr(monitor: Monitor, owner: Any, name: str, *default: Any) -> Any:
    try:
        if isinstance(owner, TracedTensor) and not hasattr(owner._value, name):
            getattr(owner._value, name)  # a number of Python's has less than a Tensor
        return monitor.attr(owner, name)
    except AttributeError:
        if not default:
            raise
        return default[0]


def _hasattr(monitor: Monitor, owner: Any, name: str) -> bool:
    found = hasattr(owner._value if isinstance(owner, TracedTensor) else owner, name)
    path = monitor.captures.path_of(owner)
    if isinstance(owner, types.ModuleType):
        way = Path("globals", vars(owner), (("has item", name),))
        monitor.captures.guards.add_value(way, name in vars(owner))
    elif path is not None:
        monitor.captures.guards.add_value(path.then("has", name), found)
    return found


def _getenv(monitor: Monitor, key: str, default: Any = None) -> Any:
    return environment(monitor, "get", key, default)


def environment(monitor: Monitor, method: str, *args: Any) -> Any:
    """A method of ``os.environ``, asked again before each call."""
    path = Path("globals", vars(os), (("name", "environ"), ("attr", method)))
    return monitor.captures.capture(
        getattr(os.environ, method)(*args), path.then("call", (args, ()))
    )


# -- code in a text -------------------------------------------------------------------------------
def _eval(monitor: Monitor, source: Any, table: Any = None, local: Any = None) -> Any:
    return _evaluated(monitor, eval, source, table, local)


def _exec(monitor: Monitor, source: Any, table: Any = None, local: Any = None) -> Any:
    return _evaluated(monitor, exec, source, table, local)


def _evaluated(
    monitor: Monitor, run: Callable[..., Any], source: Any, table: Any, local: Any
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
        _count_names(monitor, names, table)
    return run(code, table, local)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _count_names(monitor: Monitor, names: list[str], table: Mapping[str, Any]) -> None:
    for name in names:
        held = table.get(name)
        monitor.captures.guard_path(Path("globals", table, (("name", name),)))
        if isinstance(held, types.ModuleType) and not is_library_module(held):
            inside = vars(held)
            for attribute in names:
                if attribute in inside:
                    monitor.captures.guard_path(Path("globals", inside, (("name", attribute),)))


SPECIAL: dict[Any, Callable[..., Any]] = {
    type: _type,
    isinstance: _isinstance,
    dir: _dir,
    vars: _vars,
    getattr: _getattr,
    hasattr: _hasattr,
    os.getenv: _getenv,
    eval: _eval,
    exec: _exec,
    globals: global_table,
    sys.getsizeof: _getsizeof,
    sys.getrefcount: _getrefcount,
    id: lambda monitor, thing: monitor.captures.identities.id_of(thing),
    operator.is_: lambda monitor, left, right: monitor.same(left, right),
    operator.is_not: lambda monitor, left, right: not monitor.same(left, right),
    operator.eq: lambda monitor, left, right: monitor.compare("eq", left, right),
    operator.ne: lambda monitor, left, right: monitor.compare("ne", left, right),
    operator.contains: lambda monitor, container, item: monitor.contains(item, container),
}
