"""What Python calls by itself: operators, truth, iteration, ``with``, constructors, builtins.

``a + b`` may run the user's ``__add__``, which reads what it likes. Here it runs instrumented, as
every other function of the user's; library code that is handed a captured object makes all of its
contents count.

>>> monitor.binary("add", o, x)  # type(o).__add__(o, x), seen
"""

from __future__ import annotations

import collections
import contextlib
import functools
import inspect
import operator
import sys
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer.marks import own
from tracer.ops.originals import original_of
from tracer.recording import quick
from tracer.recording.active import ACTIVE
from tracer.recording.answers import extreme
from tracer.recording.captures import CONTAINERS, Captures
from tracer.recording.paths import MISSING, Path
from tracer.recording.reflection import SPECIAL
from tracer.recording.tensor import TracedScalar, TracedTensor
from tracer.recording.text import keeps_texts, made_since, plain_texts, texts_made
from tracer.recording.whereabouts import is_users

if TYPE_CHECKING:
    from tracer.recording.instrument import Monitor

OURS = frozenset({*sys.stdlib_module_names, "numpy", "scipy", "tracer", "viz"}) - {"__main__"}
# Types whose protocols read nothing but the value.
PLAIN = frozenset(
    {TracedTensor, TracedScalar, np.ndarray, int, float, complex, bool, str, bytes, type(None)}
    | {list, tuple, dict, set, range, slice, np.float64, np.bool_, np.int64, FunctionType}
)
# Those of them that hold nothing else.
SIMPLE = frozenset({TracedTensor, TracedScalar, int, float, bool})
# Builtins that look at nothing but the numbers they are given.
DIRECT = frozenset({abs, round, divmod, pow, range, len})
# name: (the operator, the method, the method of the right operand)
BINARY = {
    name: (getattr(operator, name.strip("_") + mark), f"__{name}__", f"__r{name}__")
    for name, mark in [
        ("add", ""), ("sub", ""), ("mul", ""), ("truediv", ""), ("floordiv", ""), ("mod", ""),
        ("pow", ""), ("matmul", ""), ("and", "_"), ("or", "_"), ("xor", ""), ("lshift", ""),
        ("rshift", ""),
    ]
}  # fmt: skip
COMPARISONS = {
    "eq": (operator.eq, "__eq__", "__eq__"), "ne": (operator.ne, "__ne__", "__ne__"),
    "lt": (operator.lt, "__lt__", "__gt__"), "gt": (operator.gt, "__gt__", "__lt__"),
    "le": (operator.le, "__le__", "__ge__"), "ge": (operator.ge, "__ge__", "__le__"),
}  # fmt: skip
UNARY: dict[str, tuple[Callable[[Any], Any], str]] = {
    "neg": (operator.neg, "__neg__"), "pos": (operator.pos, "__pos__"),
    "invert": (operator.invert, "__invert__"),
}  # fmt: skip
# Builtins that ask their argument by one method, in the order in which they look for it.
ASKING: dict[Any, tuple[str, ...]] = {
    len: ("__len__",), abs: ("__abs__",), float: ("__float__", "__index__"), bool: ("__bool__",),
    int: ("__int__", "__index__", "__trunc__"), complex: ("__complex__", "__float__"),
    str: ("__str__", "__repr__"), repr: ("__repr__",), format: ("__format__",),
    hash: ("__hash__",), round: ("__round__",), next: ("__next__",),
    operator.index: ("__index__",),
}  # fmt: skip
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


def users_method(owner: Any, name: str) -> FunctionType | None:
    """The Python function of the user's that ``owner``'s class has for a protocol."""
    kind = type(owner)
    if kind in PLAIN:
        return None
    _count(kind, name)
    for base in kind.__mro__:
        found = vars(base).get(name)
        if found is not None:
            users = isinstance(found, FunctionType) and is_users(found.__code__.co_filename)
            return found if users else None
    return None


def _count(kind: Any, name: str) -> None:
    """A class of other people's may get a method later, or another one."""
    recorder = ACTIVE.get()
    root = str(kind.__module__).partition(".")[0]
    if recorder is None or root in OURS or kind in recorder.captures.classes:
        return
    path = Path("globals", kind, (("static", name),))
    if path.key() not in recorder.captures.conditions:
        recorder.captures.condition(path, inspect.getattr_static(kind, name, MISSING))


def ask(captures: Captures, owner: Any, name: str, *args: Any) -> Any:
    """``owner``'s method for a protocol, instrumented; NotImplemented if it has none of its own."""
    from tracer.recording.instrument import instrumented

    function = users_method(owner, name)
    if function is None:
        return NotImplemented
    return instrumented(MethodType(function, owner), captures)(*args)


def binary(monitor: Monitor, table: dict[str, Any], name: str, left: Any, right: Any) -> Any:
    """An operator with two operands: the left one's method, then the right one's reflected one."""
    plain, method, reflected = table[name]
    if type(left) in PLAIN and type(right) in PLAIN:
        return plain(left, right)
    captures = monitor.captures
    if table is COMPARISONS:
        monitor.hashed(left), monitor.hashed(right)
    first = [(left, method, right), (right, reflected, left)]
    if type(right) is not type(left) and isinstance(right, type(left)):
        first.reverse()
    if all([users_method(owner, mine) is None for owner, mine, _ in first]):
        for operand in (left, right):
            unseen(captures, operand)
        if isinstance(left, (np.ndarray, np.generic)):
            return plain(left, as_array(captures, right))
        if isinstance(right, (np.ndarray, np.generic)):
            return plain(as_array(captures, left), right)
        return plain(left, right)
    for owner, mine, other in first:
        if users_method(owner, mine) is None:  # a number or an array: it may know the other one
            native = getattr(type(owner), mine, None)
            answer = native(owner, other) if native is not None else NotImplemented
        else:
            answer = ask(captures, owner, mine, other)
        if answer is not NotImplemented:
            return answer
    return plain(left, right)


def as_array(captures: Captures, value: Any) -> Any:
    """What NumPy would read of an object of the user's, read through its instrumented methods."""
    if type(value) in PLAIN or hasattr(type(value), "__array_ufunc__"):
        return value
    if users_method(value, "__array__") is not None:
        return ask(captures, value, "__array__")
    sized = users_method(value, "__len__") is not None
    if sized and users_method(value, "__getitem__") is not None:
        if not isinstance(value, (*CONTAINERS, np.ndarray)):
            return list(_items_in_turn(captures, value))
    return value


def unseen(captures: Captures, value: Any) -> None:
    """A captured object is used by code that can't be seen: all that is in it counts."""
    if type(value) in PLAIN or isinstance(value, (np.ndarray, np.generic, type, types.ModuleType)):
        if type(value) in (list, tuple, dict, set):
            captures.whole(value)
        return
    captures.whole(value)


def methods_count(captures: Captures, values: Iterable[Any]) -> None:
    """Code that can't be seen calls methods of objects and of items: what they name counts."""
    for value in values:
        items = value if type(value) in (list, tuple, set, frozenset, dict) else (value,)
        for kind in {type(item) for item in items} - PLAIN - captures.classes_counted:
            captures.classes_counted.add(kind)
            class_counts(captures, kind, special=True)


def class_counts(captures: Captures, kind: type, special: bool = False) -> None:
    """All that a class's methods name counts; or that of its ``special`` methods alone."""
    for base in kind.__mro__:
        for name, member in vars(base).items():
            wanted = not special or (name.startswith("__") and name not in ("__init__", "__new__"))
            plain = own(member, "__func__", own(member, "fget", member))
            if wanted and isinstance(plain, FunctionType) and is_users(plain.__code__.co_filename):
                captures.scanned(plain)


def truth(monitor: Monitor, value: Any) -> Any:
    """What decides a branch; of an object with a ``__bool__`` or ``__len__``, its answer."""
    if type(value) in PLAIN:
        return value
    for name in ("__bool__", "__len__"):
        answer = ask(monitor.captures, value, name)
        if answer is not NotImplemented:
            return bool(answer)
    if isinstance(value, CONTAINERS):
        monitor.captures.whole(value)
    return value


def iterated(monitor: Monitor, value: Any) -> Any:
    """What a loop goes through: the user's own iterators run instrumented."""
    if type(value) in PLAIN or isinstance(value, (np.ndarray, Iterator, type)):
        return value
    captures = monitor.captures
    if users_method(value, "__iter__") is not None:
        return _seen_iterator(captures, ask(captures, value, "__iter__"))
    if not hasattr(type(value), "__iter__") and users_method(value, "__getitem__") is not None:
        return _items_in_turn(captures, value)
    if not isinstance(value, CONTAINERS):
        unseen(captures, value)
    return value


def _seen_iterator(captures: Captures, iterator: Any) -> Any:
    if users_method(iterator, "__next__") is None:
        return iterator

    def each() -> Iterator[Any]:
        while True:
            try:
                item = ask(captures, iterator, "__next__")
            except StopIteration:
                return
            yield item

    return each()


def _items_in_turn(captures: Captures, value: Any) -> Iterator[Any]:
    number = 0
    while True:
        try:
            item = ask(captures, value, "__getitem__", number)
        except IndexError:
            return
        yield item
        number += 1


class Entered:
    """A context manager of the user's whose methods run instrumented."""

    def __init__(self, captures: Captures, manager: Any):
        self.captures = captures
        self.manager = manager

    def __enter__(self) -> Any:
        if users_method(self.manager, "__enter__") is None:
            return self.manager.__enter__()
        return ask(self.captures, self.manager, "__enter__")

    def __exit__(self, *exception: Any) -> Any:
        if users_method(self.manager, "__exit__") is None:
            return self.manager.__exit__(*exception)
        return ask(self.captures, self.manager, "__exit__", *exception)


def entered(monitor: Monitor, manager: Any) -> Any:
    """What ``with`` enters."""
    methods = [users_method(manager, name) for name in ("__enter__", "__exit__")]
    whole = all([own(type(manager), name) for name in ("__enter__", "__exit__")])
    return manager if methods == [None, None] or not whole else Entered(monitor.captures, manager)


# -- what is called ---------------------------------------------------------------------------
def constructor(captures: Captures, kind: type) -> Callable[..., Any]:
    """A class of the user's: its ``__new__`` and ``__init__`` run instrumented."""
    from tracer.recording.instrument import instrumented

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
    ):  # fmt: skip
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
        return _shortly(quick.ufunc, function, call)
    original = original_of(function)
    if numeric and _is_hashable(original) and original in quick.SHORT:
        return _shortly(quick.function, original, call)
    return call


def _shortly(short: Callable[..., Any], function: Any, call: Callable[..., Any]) -> Any:
    """The call by the short way to its node, where that is to be had."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            recorder = ACTIVE.get()
            found = quick.UNUSUAL if recorder is None else short(recorder, function, args)
            if found is not quick.UNUSUAL:
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
    from tracer.recording.instrument import instrumented

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
    from tracer.recording.instrument import instrumented

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
        return captures.take(result, given, True)

    return call


def with_seen_parts(captures: Captures, function: FunctionType) -> FunctionType:
    """A library's wrapper around a function of the user's, such as ``contextmanager`` makes."""
    from tracer.recording.instrument import instrumented

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
            captures.scanned(wrapped)
        return function
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        tuple(seen),
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    return made
