"""State of the interpreter and context variables: what is read of it is asked again in each call.

>>> RATE = ContextVar("RATE", default=0.5)
>>> f = trace(lambda x: x * RATE.get())
>>> f(2.0), RATE.set(3.0), f(2.0)
(1.0, <Token>, 6.0)

What a trace itself sets is its own, and must be reset before it ends: programs set nothing.
"""

from __future__ import annotations

import decimal
import functools
import gc
import locale
import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

import numpy as np

from tracer import errors
from tracer.python.attributes import own
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.watch.interface import ActiveMonitor

SET: ContextVar[list[Any] | None] = ContextVar("tracer_set_variables", default=None)


# Functions that tell of the thread's, the process's or the interpreter's state.
READERS: dict[int, Callable[..., Any]] = {
    id(function): function
    for function in (
        np.geterr,
        np.getbufsize,
        np.get_printoptions,
        decimal.getcontext,
        gc.isenabled,
        gc.get_threshold,
        os.getcwd,
        os.getpid,
        sys.getrecursionlimit,
        sys.getswitchinterval,
        threading.active_count,
        threading.current_thread,
        threading.get_ident,
        locale.getlocale,
    )
}


@functools.lru_cache(maxsize=256)
def _table(owner: Any) -> dict[str, Any]:
    return {"it": owner}


def _root(owner: Any) -> Path:
    return Path("globals", _table(owner), (("name", "it"),))


def state_reader(monitor: ActiveMonitor, function: Any) -> Callable[..., Any] | None:
    """What to call instead of one of the `READERS`."""
    return functools.partial(_read, monitor, function) if id(function) in READERS else None


def _read(monitor: ActiveMonitor, function: Callable[..., Any], *args: Any) -> Any:
    given = function(*args)
    path = _root(function).then("call", (args, ()))
    for name in ("prec", "rounding") if isinstance(given, decimal.Context) else ():
        monitor.captures.guards.add_value(path.then("attr", name), getattr(given, name))
    return monitor.captures.capture(given, path, isinstance(given, (dict, tuple)))


def state_method(monitor: ActiveMonitor, function: Any) -> Callable[..., Any] | None:
    """What to call instead of a weak reference, or a method of the environment or a variable."""
    owner = own(function, "__self__")
    if owner is os.environ:
        return functools.partial(environment, monitor, function.__name__)
    if type(owner) is ContextVar:
        return _variable_method(monitor, owner, function)
    if isinstance(function, weakref.ref):
        return functools.partial(_referent, monitor, function)
    return None


def _referent(monitor: ActiveMonitor, reference: weakref.ref[Any]) -> Any:
    path, value = monitor.captures.path_of(reference), reference()
    return value if path is None else monitor.captures.capture(value, path.then("call", ((), ())))


def environment(monitor: ActiveMonitor, method: str, *args: Any) -> Any:
    """A method of ``os.environ``, asked again before each call."""
    path = Path("globals", vars(os), (("name", "environ"), ("attr", method)))
    return monitor.captures.capture(
        getattr(os.environ, method)(*args), path.then("call", (args, ()))
    )


def getenv(monitor: ActiveMonitor, key: str, default: Any = None) -> Any:
    """``os.getenv(key, default)``."""
    return environment(monitor, "get", key, default)


def path_of(owner: ContextVar[Any], *default: Any) -> Path:
    """What ``owner.get(*default)`` gives."""
    return _root(owner).then("attr", "get").then("call", (default, ()))


def _variable_method(
    monitor: ActiveMonitor, owner: ContextVar[Any], method: Any
) -> Callable[..., Any]:
    """What stands for ``owner.get``, ``owner.set`` or ``owner.reset`` in a trace."""

    def get(*default: Any) -> Any:
        if any([one is owner for one in SET.get() or ()]):
            return method(*default)
        path = path_of(owner, *default)
        try:
            return monitor.captures.capture(method(*default), path)
        except LookupError:
            monitor.captures.guards.add_value(path, MISSING)
            raise

    def put(value: Any) -> Any:
        known = SET.get()
        if known is not None:
            known.append(owner)
        return method(value)

    return {"get": get, "set": put}.get(method.__name__, method)


def refuse_set(variables: list[Any], context: Context) -> None:
    """Raise if a trace leaves a variable set.

    Raises
    ------
    CaptureMutationError
        With the variable's name.
    """
    for owner in variables:
        if context.get(owner, MISSING) is not owner.get(MISSING):
            raise errors.CaptureMutationError(
                f"The function set the context variable {owner.name}; it would happen while "
                "tracing and never again.",
                None,
                "reset it before the function returns, or set it outside",
            )
