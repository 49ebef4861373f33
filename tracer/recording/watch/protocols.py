"""What Python calls by itself: operators, truth, iteration, ``with``.

``a + b`` may run the user's ``__add__``, which reads what it likes. Here it runs instrumented, as
every other function of the user's; library code that is handed a captured object makes all of its
contents count.

>>> monitor.binary("add", o, x)  # type(o).__add__(o, x), seen
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from tracer.python.attributes import own
from tracer.recording.captures.captures import CONTAINERS, Captures
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.source.libraries import is_users
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.scalar import TracedScalar
from tracer.recording.tensor.tensor import TracedTensor

OURS = frozenset({*sys.stdlib_module_names, "numpy", "scipy", "tracer", "viz"}) - {"__main__"}
# Types whose protocols read nothing but the value.
PLAIN = frozenset(
    {TracedTensor, TracedScalar, np.ndarray, int, float, complex, bool, str, bytes, type(None)}
    | {list, tuple, dict, set, range, slice, np.float64, np.bool_, np.int64, FunctionType}
)
# Those of them that hold nothing else.
SIMPLE = frozenset({TracedTensor, TracedScalar, int, float, bool})


def users_method(owner: Any, name: str) -> FunctionType | None:
    """The Python function of the user's that ``owner``'s class has for a protocol."""
    kind = type(owner)
    if kind in PLAIN:
        return None
    _guard_method(kind, name)
    for base in kind.__mro__:
        found = vars(base).get(name)
        if found is not None:
            users = isinstance(found, FunctionType) and is_users(found.__code__.co_filename)
            return found if users else None
    return None


def _guard_method(kind: Any, name: str) -> None:
    """A class of other people's may get a method later, or another one."""
    recorder = ACTIVE.get()
    root = str(kind.__module__).partition(".")[0]
    if recorder is None or root in OURS or kind in recorder.captures.classes:
        return
    path = Path("globals", kind, (("static", name),))
    if path.key() not in recorder.captures.guards:
        recorder.captures.guards.add_value(path, inspect.getattr_static(kind, name, MISSING))


def call_special(captures: Captures, owner: Any, name: str, *args: Any) -> Any:
    """``owner``'s method for a protocol, instrumented; NotImplemented if it has none of its own."""
    function = users_method(owner, name)
    if function is None:
        return NotImplemented
    return captures.instrumented(MethodType(function, owner))(*args)


def as_array(captures: Captures, value: Any) -> Any:
    """What NumPy would read of an object of the user's, read through its instrumented methods."""
    if type(value) in PLAIN or hasattr(type(value), "__array_ufunc__"):
        return value
    if users_method(value, "__array__") is not None:
        return call_special(captures, value, "__array__")
    sized = users_method(value, "__len__") is not None
    if sized and users_method(value, "__getitem__") is not None:
        if not isinstance(value, (*CONTAINERS, np.ndarray)):
            return list(items_by_index(captures, value))
    return value


def guard_contents(captures: Captures, value: Any) -> None:
    """A captured object is used by code that can't be seen: all that is in it counts."""
    if type(value) in PLAIN or isinstance(value, (np.ndarray, np.generic, type, types.ModuleType)):
        if type(value) in (list, tuple, dict, set):
            captures.guard_contents(value)
        return
    captures.guard_contents(value)


def guard_methods(captures: Captures, values: Iterable[Any]) -> None:
    """Code that can't be seen calls methods of objects and of items: what they name counts."""
    for value in values:
        items = value if type(value) in (list, tuple, set, frozenset, dict) else (value,)
        for kind in {type(item) for item in items} - PLAIN - captures.guarded_classes:
            captures.guarded_classes.add(kind)
            guard_class(captures, kind, special=True)


def guard_class(captures: Captures, kind: type, special: bool = False) -> None:
    """All that a class's methods name counts; or that of its ``special`` methods alone."""
    for base in kind.__mro__:
        for name, member in vars(base).items():
            wanted = not special or (name.startswith("__") and name not in ("__init__", "__new__"))
            plain = own(member, "__func__", own(member, "fget", member))
            if wanted and isinstance(plain, FunctionType) and is_users(plain.__code__.co_filename):
                captures.guard_free_variables(plain)


def items_by_index(captures: Captures, value: Any) -> Iterator[Any]:
    number = 0
    while True:
        try:
            item = call_special(captures, value, "__getitem__", number)
        except IndexError:
            return
        yield item
        number += 1
