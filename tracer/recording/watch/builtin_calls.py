"""What is called: constructors, builtins, functions of libraries, caches and wrappers.

Code that can't be seen is handed what it is given, and tells the trace what it may look at.

>>> builtin(monitor, sorted)(table)  # all that is in a captured table counts
"""

from __future__ import annotations

import collections
import contextlib
import functools
import operator
import types
import weakref
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own
from tracer.recording.captures.captures import CONTAINERS, Captures
from tracer.recording.recorder import fast_path
from tracer.recording.source.libraries import CALLS_FOR_USERS, is_users
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.text import keeps_texts, made_since, plain_texts, texts_made
from tracer.recording.watch.answers import extreme
from tracer.recording.watch.protocols import (
    PLAIN,
    SIMPLE,
    as_array,
    ask,
    methods_count,
    unseen,
    users_method,
)
from tracer.recording.watch.reflection import SPECIAL

if TYPE_CHECKING:
    from tracer.recording.watch.monitor import Monitor

CALLS_FOR_USERS.add(__name__)
# Builtins that look at nothing but the numbers they are given.
DIRECT = frozenset({abs, round, divmod, pow, range, len})
# Builtins that ask their argument by one method, in the order in which they look for it.
ASKING: dict[Any, tuple[str, ...]] = {
    len: ("__len__",),
    abs: ("__abs__",),
    float: ("__float__", "__index__"),
    bool: ("__bool__",),
    int: ("__int__", "__index__", "__trunc__"),
    complex: ("__complex__", "__float__"),
    str: ("__str__", "__repr__"),
    repr: ("__repr__",),
    format: ("__format__",),
    hash: ("__hash__",),
    round: ("__round__",),
    next: ("__next__",),
    operator.index: ("__index__",),
}
# Builtins that go through their arguments.
ITERATING = frozenset(
    {list, tuple, set, frozenset, dict, sum, max, min, sorted, any, all, enumerate, zip, map}
    | {filter, reversed, iter, functools.reduce}
)

GOING_THROUGH = frozenset({dict, list, tuple, set, frozenset, sorted, len, sum, filter})
# Modules whose functions look at the frame that called them.
FRAMES = frozenset({"warnings", "_warnings", "logging", "inspect", "traceback", "pdb", "sys"})
# Packages whose functions do nothing with a callable object but call it.
CALLING = frozenset({"itertools", "functools", "numpy", "scipy"})


HASHING = frozenset(
    {set, frozenset, dict, hash, collections.Counter, operator.countOf, operator.indexOf}
)
# Methods of containers that keep what they are given, without a look at what they hold.
KEEPING = frozenset({"append", "appendleft", "extend", "extendleft", "insert"})

# What only looks at types, or keeps what it is given.
QUIET = frozenset(
    {issubclass, callable, super, object, print, property, setattr, delattr}
    | {functools.partial, types.SimpleNamespace, contextlib.nullcontext, weakref.ref}
)


def constructor(captures: Captures, kind: type) -> Callable[..., Any]:
    """A class of the user's: its ``__new__`` and ``__init__`` run instrumented."""
    from tracer.recording.watch.instrument import instrumented

    if type(kind).__call__ is not type.__call__:
        return kind
    new, init = _in_classes(kind, "__new__"), _in_classes(kind, "__init__")
    if isinstance(new, staticmethod):
        new = new.__func__
    if not _has_source(new) and not _has_source(init):
        return kind

    def build(*args: Any, **kwargs: Any) -> Any:
        if _has_source(new):
            made = instrumented(new, captures)(kind, *args, **kwargs)
        elif kind.__new__ is object.__new__:
            made = object.__new__(kind)
        else:
            made = kind.__new__(kind, *args, **kwargs)
        if isinstance(made, kind):
            if _has_source(init):
                instrumented(MethodType(init, made), captures)(*args, **kwargs)
            else:
                kind.__init__(made, *args, **kwargs)
        return made

    return build


def _in_classes(kind: type, name: str) -> Any:
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def _has_source(function: Any) -> bool:
    if not isinstance(function, FunctionType):
        return False
    filename = function.__code__.co_filename
    return is_users(filename) and not filename.startswith("<")


def goes_through(function: Any) -> bool:
    """Whether this is a builtin that iterates over its arguments."""
    return _is_hashable(function) and function in ITERATING


def builtin(monitor: Monitor, function: Any, seen: Any = None) -> Any:
    """A builtin or library function that tells of the captured objects it is handed.

    ``seen`` is called instead of ``function``, if it is given.
    """
    run = function if seen is None else seen
    plain = function.__func__ if isinstance(function, MethodType) else function
    if not callable(function) or (
        isinstance(plain, FunctionType) and is_users(plain.__code__.co_filename)
    ):
        return function
    special = SPECIAL.get(function) if _is_hashable(function) else None
    if special is not None:
        return functools.partial(special, monitor)
    if (_is_hashable(function) and function in QUIET) or _root(function) in FRAMES:
        return run
    asking = ASKING.get(function) if _is_hashable(function) else None
    iterating = goes_through(function)
    numeric = isinstance(function, np.ufunc) or _root(function) == "numpy"
    calling = iterating or _root(function) in CALLING
    captures = monitor.captures
    hashing = is_hashing(function)
    keeps = keeps_texts(function)
    direct = numeric or (_is_hashable(function) and function in DIRECT)

    def call(*args: Any, **kwargs: Any) -> Any:
        for argument in args if hashing else ():
            monitor.hashed(argument)
            for item in argument if type(argument) in (list, tuple) else ():
                monitor.hashed(item)
        if direct and not kwargs and all([type(argument) in SIMPLE for argument in args]):
            return run(*args)
        if not keeps:
            args, kwargs = plain_texts(args, kwargs)
        if asking is not None and args and type(args[0]) not in PLAIN:
            for name in asking:
                answer = ask(captures, args[0], name, *args[1:])
                if answer is not NotImplemented and function is str:
                    return answer  # as it is: text of traced values knows that it is
                if answer is not NotImplemented:
                    return run(answer) if isinstance(function, type) else answer
        if function is reversed and args and users_method(args[0], "__reversed__") is not None:
            return ask(captures, args[0], "__reversed__")
        if not numeric and function is not len:
            methods_count(captures, (*args, own(function, "__self__")))
        if function in (max, min) and len(args) > 1:
            if not all([type(argument) in PLAIN for argument in args]):
                return extreme(monitor, function, args, **kwargs)
        elif iterating:
            args = tuple([monitor.iterated(argument) for argument in args])
        if function is reversed and isinstance(args[0], Iterator):
            args = (list(args[0]),)
        if numeric:
            args = tuple([_numbers(captures, argument) for argument in args])
        args = tuple([handed(captures, argument, calling) for argument in args])
        kwargs = {
            name: handed(captures, argument, calling or name == "key")
            for name, argument in kwargs.items()
        }
        before = texts_made()
        made = run(*args, **kwargs)
        return made if type(made) is not str else made_since(before, made)

    if isinstance(function, np.ufunc):
        return _shortly(fast_path.ufunc, function, call)
    original = original_of(function)
    if numeric and _is_hashable(original) and original in fast_path.SHORT:
        return _shortly(fast_path.function, original, call)
    return call


def _shortly(short: Callable[..., Any], function: Any, call: Callable[..., Any]) -> Any:
    """The call by the short way to its node, where that is to be had."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            recorder = ACTIVE.get()
            found = fast_path.NO_FAST_PATH if recorder is None else short(recorder, function, args)
            if found is not fast_path.NO_FAST_PATH:
                return found
        return call(*args, **kwargs)

    return called


def is_hashing(function: Any) -> bool:
    """Whether a builtin, or a container's method, may look for its argument by identity."""
    if _is_hashable(function) and function in HASHING:
        return True
    owner = own(function, "__self__")
    return isinstance(owner, CONTAINERS) and function.__name__ not in KEEPING


def _numbers(captures: Captures, argument: Any) -> Any:
    """An argument of NumPy's: objects that it would read numbers from, and lists of them."""
    if type(argument) in (list, tuple):
        if all([type(item) in PLAIN for item in argument]):
            return argument
        return type(argument)([_numbers(captures, item) for item in argument])
    return as_array(captures, argument)


def _root(function: Any) -> str:
    """The package that a function comes from."""
    return (own(function, "__module__") or "").partition(".")[0]


def handed(captures: Captures, argument: Any, calling: bool) -> Any:
    """What code that can't be seen is given.

    Code that only calls it gets a callable object's method, instrumented; all other code, such as
    ``isinstance`` and ``list.append``, the object itself.
    """
    from tracer.recording.watch.instrument import instrumented

    if type(argument) in PLAIN:
        return argument
    unseen(captures, argument)
    called = calling and users_method(argument, "__call__") is not None
    return instrumented(argument, captures) if called else argument


def _is_hashable(function: Any) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


def cached(captures: Captures, function: Any) -> Callable[..., Any]:
    """A function under ``functools.lru_cache``: one kept outside of the trace is asked there.

    Its results are captured as what the call gives: the cache decides whether it runs again.
    """
    path = captures.path_of(function)
    from tracer.recording.watch.instrument import instrumented

    if path is None:
        known = captures.rebuilt.get(id(function))
        if known is None:
            seen = functools.lru_cache(maxsize=None)(instrumented(function.__wrapped__, captures))
            known = captures.rebuilt[id(function)] = (function, seen)
        return known[1]

    def call(*args: Any, **kwargs: Any) -> Any:
        token = ACTIVE.set(None)
        try:
            result = function(*args, **kwargs)
        finally:
            ACTIVE.reset(token)
        given = path.then("call", (args, tuple(kwargs.items())))
        return captures.capture(result, given, True)

    return call


def with_seen_parts(captures: Captures, function: FunctionType) -> FunctionType:
    """A library's wrapper around a function of the user's, such as ``contextmanager`` makes."""
    from tracer.recording.watch.instrument import instrumented

    parts = function.__closure__ or ()
    seen = []
    for cell in parts:
        try:
            held = cell.cell_contents
        except ValueError:  # an empty cell
            return function
        users = isinstance(held, FunctionType) and _has_source(held)
        seen.append(types.CellType(instrumented(held, captures)) if users else cell)
    if seen == list(parts):
        wrapped = own(function, "__wrapped__")
        if isinstance(wrapped, FunctionType) and _has_source(wrapped):
            captures.guard_free_variables(wrapped)
        return function
    made = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(seen),
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made
