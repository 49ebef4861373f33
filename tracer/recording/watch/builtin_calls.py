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
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own
from tracer.recording.captures.captures import CONTAINERS, Captures
from tracer.recording.hooks.namespaces import CALLERS_FOR_USERS
from tracer.recording.recorder import fast_path
from tracer.recording.source.libraries import is_users
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.text import keeps_texts, made_since, plain_texts, texts_made
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.members import mro_lookup
from tracer.recording.watch.protocols import (
    PLAIN,
    SIMPLE,
    as_array,
    call_special,
    guard_contents,
    guard_methods,
    users_method,
)
from tracer.recording.watch.reflection import REFLECTION

CALLERS_FOR_USERS.add(__name__)  # OpaqueCall.call
# Builtins that look at nothing but the numbers they are given.
DIRECT = frozenset({abs, round, divmod, pow, range, len})
# Builtins that ask their argument by one method, in the order in which they look for it.
SPECIAL_METHODS: dict[Any, tuple[str, ...]] = {
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
    reversed: ("__reversed__",),
    operator.index: ("__index__",),
}
# Builtins that go through their arguments.
ITERATING = frozenset(
    {list, tuple, set, frozenset, dict, sum, max, min, sorted, any, all, enumerate, zip, map}
    | {filter, reversed, iter, functools.reduce}
)

CONSUMERS = frozenset({dict, list, tuple, set, frozenset, sorted, len, sum, filter})
# Modules whose functions look at the frame that called them.
FRAMES = frozenset({"warnings", "_warnings", "logging", "inspect", "traceback", "pdb", "sys"})
# Packages whose functions do nothing with a callable object but call it.
CALLING = frozenset({"itertools", "functools", "numpy", "scipy"})


HASHING = frozenset(
    {set, frozenset, dict, hash, collections.Counter, operator.countOf, operator.indexOf}
)
# Methods of containers that keep what they are given, without a look at what they hold.
STORING = frozenset({"append", "appendleft", "extend", "extendleft", "insert"})

# What only looks at types, or keeps what it is given.
INERT = frozenset(
    {issubclass, callable, super, object, print, property, setattr, delattr}
    | {functools.partial, types.SimpleNamespace, contextlib.nullcontext, weakref.ref}
)


def constructor(captures: Captures, kind: type) -> Callable[..., Any]:
    """A class of the user's: its ``__new__`` and ``__init__`` run instrumented."""
    if type(kind).__call__ is not type.__call__:
        return kind
    new, init = mro_lookup(kind, "__new__"), mro_lookup(kind, "__init__")
    if isinstance(new, staticmethod):
        new = new.__func__
    if not _has_source(new) and not _has_source(init):
        return kind

    def build(*args: Any, **kwargs: Any) -> Any:
        if _has_source(new):
            made = captures.instrumented(new)(kind, *args, **kwargs)
        elif kind.__new__ is object.__new__:
            made = object.__new__(kind)
        else:
            made = kind.__new__(kind, *args, **kwargs)
        if isinstance(made, kind):
            if _has_source(init):
                captures.instrumented(MethodType(init, made))(*args, **kwargs)
            else:
                kind.__init__(made, *args, **kwargs)
        return made

    return build


def _has_source(function: Any) -> bool:
    if not isinstance(function, FunctionType):
        return False
    filename = function.__code__.co_filename
    return is_users(filename) and not filename.startswith("<")


def is_iterating(function: Any) -> bool:
    """Whether this is a builtin that iterates over its arguments."""
    return _is_hashable(function) and function in ITERATING


def builtin(
    monitor: ActiveMonitor, function: Any, run: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """A builtin or library function that tells of the captured objects it is handed.

    ``run`` is called instead of ``function``, if it is given.
    """
    run = function if run is None else run
    plain = function.__func__ if isinstance(function, MethodType) else function
    if not callable(function) or (
        isinstance(plain, FunctionType) and is_users(plain.__code__.co_filename)
    ):
        return function
    hashable = _is_hashable(function)
    answer = REFLECTION.get(function) if hashable else None
    if answer is not None:
        return functools.partial(answer, monitor)
    if (hashable and function in INERT) or _root(function) in FRAMES:
        return run
    opaque = OpaqueCall(monitor, function, run)
    if isinstance(function, np.ufunc):
        return _with_fast_path(fast_path.ufunc, function, opaque.call)
    original = original_of(function)
    if opaque.numeric and _is_hashable(original) and original in fast_path.SHORT:
        return _with_fast_path(fast_path.function, original, opaque.call)
    return opaque.call


class OpaqueCall:
    """Calls of a function whose code can't be seen: what it may look at is guarded before it."""

    __slots__ = (
        *("monitor", "captures", "function", "run", "methods", "iterating", "numeric", "calling"),
        *("hashing", "keeps_texts", "direct"),
    )

    def __init__(self, monitor: ActiveMonitor, function: Any, run: Callable[..., Any]):
        hashable, root = _is_hashable(function), _root(function)
        self.monitor = monitor
        self.captures = monitor.captures
        self.function = function
        self.run = run
        self.methods = SPECIAL_METHODS.get(function) if hashable else None
        self.iterating = hashable and function in ITERATING
        self.numeric = isinstance(function, np.ufunc) or root == "numpy"
        self.calling = self.iterating or root in CALLING
        self.hashing = is_hashing(function)
        self.keeps_texts = keeps_texts(function)
        self.direct = self.numeric or (hashable and function in DIRECT)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        for argument in args if self.hashing else ():
            self.monitor.hashed(argument)
            for item in argument if type(argument) in (list, tuple) else ():
                self.monitor.hashed(item)
        if self.direct and not kwargs and all([type(argument) in SIMPLE for argument in args]):
            return self.run(*args)
        if not self.keeps_texts:
            args, kwargs = plain_texts(args, kwargs)
        if self.methods is not None and args and type(args[0]) not in PLAIN:
            answer = self._special(*args)
            if answer is not NotImplemented:
                return answer
        if not self.numeric and self.function is not len:
            guard_methods(self.captures, (*args, own(self.function, "__self__")))
        if self.function in (max, min) and len(args) > 1:
            if not all([type(argument) in PLAIN for argument in args]):
                return _extreme(self.monitor, self.function, args, **kwargs)
        elif self.iterating:
            args = tuple([self.monitor.iterated(argument) for argument in args])
        if self.function is reversed and isinstance(args[0], Iterator):
            args = (list(args[0]),)
        if self.numeric:
            args = tuple([_numbers(self.captures, argument) for argument in args])
        args = tuple([opaque_argument(self.captures, a, self.calling) for a in args])
        kwargs = {
            name: opaque_argument(self.captures, argument, self.calling or name == "key")
            for name, argument in kwargs.items()
        }
        before = texts_made()
        result = self.run(*args, **kwargs)
        return result if type(result) is not str else made_since(before, result)

    def _special(self, owner: Any, *args: Any) -> Any:
        """What the user's own special method of the first argument gives; or NotImplemented."""
        for name in self.methods or ():
            answer = call_special(self.captures, owner, name, *args)
            if answer is not NotImplemented:
                # of str as it is: text of traced values knows that it is
                converts = isinstance(self.function, type) and self.function not in (str, reversed)
                return self.run(answer) if converts else answer
        return NotImplemented


def _extreme(monitor: ActiveMonitor, function: Any, args: Sequence[Any], key: Any = None) -> Any:
    """``max`` or ``min`` of objects that are compared by methods of their own."""
    sign = "gt" if function is max else "lt"
    best, highest = args[0], key(args[0]) if key is not None else args[0]
    for item in args[1:]:
        ranked = key(item) if key is not None else item
        if monitor.compare(sign, ranked, highest):
            best, highest = item, ranked
    return best


def consume(monitor: ActiveMonitor, function: Any, *args: Any, **keywords: Any) -> Any:
    """``dict(globals())``: a table of globals is not gone through."""
    for value in args:
        monitor.captures.iterated(value)
    return function(*args, **keywords)


def _with_fast_path(short: Callable[..., Any], function: Any, call: Callable[..., Any]) -> Any:
    """The call by the fast path to its node, where there is one."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            recorder = ACTIVE.get()
            result = fast_path.NO_FAST_PATH if recorder is None else short(recorder, function, args)
            if result is not fast_path.NO_FAST_PATH:
                return result
        return call(*args, **kwargs)

    return called


def is_hashing(function: Any) -> bool:
    """Whether a builtin, or a container's method, may look for its argument by identity."""
    if _is_hashable(function) and function in HASHING:
        return True
    owner = own(function, "__self__")
    return isinstance(owner, CONTAINERS) and function.__name__ not in STORING


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


def opaque_argument(captures: Captures, argument: Any, calling: bool) -> Any:
    """What code that can't be seen is given.

    Code that only calls it gets a callable object's method, instrumented; all other code, such as
    ``isinstance`` and ``list.append``, the object itself.
    """
    if type(argument) in PLAIN:
        return argument
    guard_contents(captures, argument)
    called = calling and users_method(argument, "__call__") is not None
    return captures.instrumented(argument) if called else argument


def _is_hashable(function: Any) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True


def lru_cached(captures: Captures, function: Any) -> Callable[..., Any]:
    """A function under ``functools.lru_cache``: one kept outside of the trace is asked there.

    Its results are captured as what the call gives: the cache decides whether it runs again.
    """
    path = captures.path_of(function)
    if path is None:
        known = captures.rebuilt.get(id(function))
        if known is None:
            seen = functools.lru_cache(maxsize=None)(captures.instrumented(function.__wrapped__))
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


def instrumented_wrapper(captures: Captures, function: FunctionType) -> FunctionType:
    """A library's wrapper around a function of the user's, such as ``contextmanager`` makes."""
    parts = function.__closure__ or ()
    seen = []
    for cell in parts:
        try:
            held = cell.cell_contents
        except ValueError:  # an empty cell
            return function
        users = isinstance(held, FunctionType) and _has_source(held)
        seen.append(types.CellType(captures.instrumented(held)) if users else cell)
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
