"""Callees of the user's code: what is called instead of a function, method or class.

>>> callee(monitor, helper)  # the user's helper, with its own loads seen
<function helper at ...>
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from tracer.ops.stand_ins import is_stand_in
from tracer.python.attributes import own
from tracer.recording.captures.fingerprints import is_users_class
from tracer.recording.hooks.call_sites import substitute
from tracer.recording.hooks.foreign_calls import foreign_call
from tracer.recording.tensor.text import text_method
from tracer.recording.watch.builtin_calls import (
    CONSUMERS,
    builtin,
    constructor,
    consume,
    is_iterating,
)
from tracer.recording.watch.context_variables import state_method, state_reader
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.members import holds_data, is_library_class
from tracer.recording.watch.protocols import guard_contents, users_method
from tracer.recording.watch.reflection import operator_getter
from tracer.recording.watch.stores import writing_builtin

Handler = Callable[[ActiveMonitor, Any], Any]


def callee(monitor: ActiveMonitor, function: Any) -> Any:
    """What is called: user functions run instrumented, too."""
    known = monitor.builtin_callees.get(id(function))
    if known is not None and known[0] is function:
        return known[1]
    kind = type(function)
    if kind in (type, BuiltinFunctionType) and function in CONSUMERS:
        return functools.partial(consume, monitor, _handled(monitor, function))
    lasting = kind is np.ufunc or (
        kind is BuiltinFunctionType and function.__self__ is builtins  # abs, max …
    )
    if not lasting and not is_stand_in(function):
        return _handled(monitor, function)
    known = monitor.builtin_callees[id(function)] = (function, _handled(monitor, function))
    return known[1]


def _handled(monitor: ActiveMonitor, function: Any) -> Any:
    for handler in HANDLERS:
        stand_in = handler(monitor, function)
        if stand_in is not None:
            return stand_in
    raise AssertionError("the last handler takes every callable")


def decorator(monitor: ActiveMonitor, function: Any) -> Any:
    """What is called without brackets: ``@function``."""
    users = users_method(function, "__call__") is not None
    if users or isinstance(function, (FunctionType, MethodType, functools.partial)):
        return monitor.captures.instrumented(function)
    if isinstance(function, type) and is_users_class(function):
        return constructor(monitor.captures, function)
    return function


def _text_method(monitor: ActiveMonitor, function: Any) -> Any:
    return text_method(function) if type(own(function, "__self__")) is str else None


def _replaced(monitor: ActiveMonitor, function: Any) -> Any:
    """User functions, and functions for which there is another one that takes Tensors."""
    watched = monitor.captures.instrumented(function)
    stand_in = foreign_call(substitute(watched))
    if is_iterating(function):
        return builtin(monitor, function, stand_in)
    if stand_in is function and not is_stand_in(function):
        return None
    return builtin(monitor, function, stand_in) if watched is function else stand_in


def _users_class(monitor: ActiveMonitor, function: Any) -> Any:
    if not isinstance(function, type) or is_library_class(function):
        return None
    build = constructor(monitor.captures, function)
    return build if build is not function or is_users_class(function) else None


def _library_function(monitor: ActiveMonitor, function: Any) -> Any:
    if isinstance(function, MethodType) and holds_data(function.__self__):
        guard_contents(monitor.captures, function.__self__)
    return builtin(monitor, function)


# Asked in this order; the first one that knows the callable tells what is called instead. Those
# before `_replaced` stand for functions that it would take for a library's.
HANDLERS: tuple[Handler, ...] = (
    writing_builtin,  # setattr, object.__setattr__
    operator_getter,  # operator.itemgetter("w")
    state_reader,  # np.geterr, os.getcwd
    _text_method,  # "".join
    _replaced,  # helper, np.ndenumerate, np.add.reduce, sorted
    _users_class,  # Model
    state_method,  # os.environ.get, RATE.get, weakref.ref(x)
    _library_function,  # math.prod, table.get, np.add
)
