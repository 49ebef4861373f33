"""State of the interpreter and context variables: what is read of it is asked again in each call.

>>> RATE = ContextVar("RATE", default=0.5)
>>> f = trace(lambda x: x * RATE.get())
>>> f(2.0), RATE.set(3.0), f(2.0)
(1.0, <Token>, 6.0)

What a trace itself sets is its own, and must be reset before it ends: programs set nothing.
"""

from __future__ import annotations

import decimal
import gc
import locale
import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import Context, ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer import errors
from tracer.recording.captures.paths import MISSING, Path

if TYPE_CHECKING:
    from tracer.recording.watch.monitor import Monitor

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


@lru_cache(maxsize=256)
def _table(owner: Any) -> dict[str, Any]:
    return {"it": owner}


def _root(owner: Any) -> Path:
    return Path("globals", _table(owner), (("name", "it"),))


def asked(monitor: Monitor, function: Callable[..., Any], *args: Any) -> Any:
    """What one of the `READERS` gives."""
    given = function(*args)
    path = _root(function).then("call", (args, ()))
    for name in ("prec", "rounding") if isinstance(given, decimal.Context) else ():
        monitor.captures.guards.add_value(path.then("attr", name), getattr(given, name))
    return monitor.captures.capture(given, path, isinstance(given, (dict, tuple)))


def referent(monitor: Monitor, reference: weakref.ref[Any]) -> Any:
    """What a weak reference leads to."""
    path = monitor.captures.path_of(reference)
    thing = reference()
    return thing if path is None else monitor.captures.capture(thing, path.then("call", ((), ())))


def path_of(owner: ContextVar[Any], *default: Any) -> Path:
    """What ``owner.get(*default)`` gives."""
    return _root(owner).then("attr", "get").then("call", (default, ()))


def variable(monitor: Monitor, owner: ContextVar[Any], method: Any) -> Callable[..., Any]:
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
