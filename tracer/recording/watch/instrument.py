"""The user's function run so that what it reads from outside can be seen.

Every global, closure, attribute and item that the code loads passes through a Monitor, which lifts
arrays and floats to inputs of the program and guards the rest.

>>> seen = instrument(function, monitor)
"""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from tracer.ops.stand_ins import original_of
from tracer.python.attributes import is_traced, own
from tracer.recording.captures.captures import Captures
from tracer.recording.captures.paths import MONITOR, Path
from tracer.recording.hooks.math import math_call
from tracer.recording.hooks.namespaces import hooked
from tracer.recording.hooks.random import random_call
from tracer.recording.source.libraries import is_users
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.watch import builtin_calls, imports, protocols
from tracer.recording.watch.code import is_watchable, watched_code
from tracer.recording.watch.monitor import Monitor
from tracer.recording.watch.without_source import with_watched_globals


def instrumented(function: Any, captures: Captures) -> Any:
    """A callable of the user's that tells of its loads; everything else as it is.

    Raises
    ------
    LeakError
        For a source of random numbers that is no stream of NumPy's.
    """
    known = math_call(function) or random_call(function, captures)
    if known is not None:
        return known
    function = hooked(function)
    path = captures.path_of(function)
    if isinstance(function, MethodType):
        plain: Any = function.__func__
        if path is not None:
            captures.add_path(function.__self__, path.then("attr", "__self__"))
        if is_traced(plain):
            plain = plain.__tracer_function__
        if not is_watchable(plain):
            return function
        seen = instrument(plain, Monitor(captures, plain, path))
        return MethodType(seen, function.__self__)
    if is_traced(function):
        inner = function.__tracer_function__  # of a method, another object each time
        if path is not None:
            captures.add_path(inner, path.then("attr", "__tracer_function__"))
        return instrumented(inner, captures)
    if isinstance(function, functools.partial):
        return _partial(function, path, captures)
    if isinstance(function, FunctionType):
        if not is_watchable(function):
            _add_wrapped_path(function, path, captures)
            if _is_foreign(function):
                return builtin_calls.instrumented_wrapper(captures, function)
            return function
        return instrument(function, Monitor(captures, function, path))
    if isinstance(function, functools._lru_cache_wrapper):
        return builtin_calls.lru_cached(captures, function)
    call = protocols.users_method(function, "__call__")
    if is_watchable(call):
        return MethodType(instrument(call, Monitor(captures, call, None)), function)
    return function


def _is_foreign(function: FunctionType) -> bool:
    """Whether a function belongs to a library other than NumPy, SciPy and this one."""
    home = str(function.__globals__.get("__name__") or "").split(".", 1)[0]
    library = not is_users(function.__code__.co_filename)
    return library and home not in ("numpy", "scipy", "tracer", "viz")


def _add_wrapped_path(function: FunctionType, path: Path | None, captures: Captures) -> None:
    """``g = grad(loss)``: the way to ``loss`` leads through ``g``."""
    wrapped = own(original_of(function), "__wrapped__")
    if wrapped is not None and path is not None:
        inner = path.then("attr", "__wrapped__")
        captures.add_path(wrapped, inner)
        captures.capture(wrapped, inner)


def _partial(function: Any, path: Path | None, captures: Captures) -> Any:
    if path is None:
        return functools.partial(
            instrumented(function.func, captures), *function.args, **function.keywords
        )
    captures.capture(function.func, path.then("attr", "func"))
    at, named = path.then("attr", "args"), path.then("attr", "keywords")
    args = [captures.capture(v, at.then("item", k)) for k, v in enumerate(function.args)]
    keywords = {k: captures.capture(v, named.then("item", k)) for k, v in function.keywords.items()}
    return functools.partial(instrumented(function.func, captures), *args, **keywords)


def instrument(function: FunctionType, monitor: Monitor) -> Callable[..., Any]:
    """The function with its loads going through ``monitor``."""
    code = watched_code(function)
    if code is None:
        return with_watched_globals(function, monitor)
    if (recorder := ACTIVE.get()) is not None:
        recorder.locator.entering(code)
    monitor.add_default_paths(function)
    imports.guard_absent_names(monitor, function.__code__, vars(builtins))
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells[MONITOR] = types.CellType(monitor)
    closure = tuple([cells[name] for name in code.co_freevars])
    seen = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, closure
    )
    seen.__kwdefaults__ = function.__kwdefaults__
    seen.__qualname__ = function.__qualname__
    seen.__dict__.update(function.__dict__)
    seen.__tracer_plain_function__ = function  # type: ignore[attr-defined]
    return seen
