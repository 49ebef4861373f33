"""All that is in a container or an object, as something that can be compared later.

>>> before = contents(model)
>>> model.layers[0].rate = 0.5
>>> contents(model) == before
False
"""

from __future__ import annotations

import array
import functools
import types
import weakref
from collections import OrderedDict, UserDict, UserList, deque
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

from tracer.ops.scipy_names import is_scipys
from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own
from tracer.python.unwrap import innermost
from tracer.recording.source.libraries import is_library, is_users
from tracer.recording.tensor.tensor import TracedTensor

# What is known by being the same object: `type(np.sum)` is NumPy's dispatching function.
IDENTICAL = (type, ModuleType, BuiltinFunctionType, np.ufunc, type(np.sum))


ROWS = (list, tuple, deque, UserList)
TABLES = (dict, types.MappingProxyType, UserDict)
LIMIT = 2_000  # of objects: further ones count by their type alone


def contents(value: Any, above: dict[int, Any] | None = None) -> Any:
    """What ``value`` holds, numbers by their bits; what holds nothing by its `fingerprint`.

    Parameters
    ----------
    above : dict
        The objects met so far by their number: a second time, one counts by its place.
    """
    kind = type(value)
    if kind is float:
        return kind, value.hex()
    if kind is complex:
        return kind, value.real.hex(), value.imag.hex()
    if isinstance(value, TracedTensor):
        return (kind,)
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        return kind, value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, (array.array, bytearray, memoryview)):
        return kind, bytes(value)
    if kind in (int, bool, str, bytes, type(None)):
        return kind, value
    above = {} if above is None else above
    if id(value) in above or len(above) > LIMIT:
        return kind, list(above).index(id(value)) if id(value) in above else -1
    above[id(value)] = value
    inner = above
    if kind is functools.partial:
        parts = (value.func, value.args, value.keywords)
        return kind, tuple([contents(part, inner) for part in parts])
    if isinstance(value, np.ndarray):
        return kind, value.shape, contents(value.ravel().tolist(), inner)
    held: Any = ()
    if kind not in (list, tuple, dict):
        held = _attributes(value, inner)
    if isinstance(value, ROWS):
        return kind, tuple([contents(item, inner) for item in value]), held
    if isinstance(value, TABLES):
        rows = [(key, contents(value[key], inner)) for key in value]
        return kind, tuple(rows), held
    if isinstance(value, (set, frozenset)):
        return kind, frozenset([(type(item), item) for item in value]), held
    if held or is_users_class(kind):
        return kind, held
    return fingerprint(value)


def is_users_class(kind: type) -> bool:
    """Whether a class was written by the user: one of its functions was."""
    for member in vars(kind).values():
        inner = own(member, "__func__", own(member, "fget", member))
        if isinstance(inner, types.FunctionType):
            return is_users(inner.__code__.co_filename)
    return bool(kind.__module__ == "__main__")


def _attributes(value: Any, above: dict[int, Any]) -> tuple:
    """An object's attributes, and those of its classes that methods may read through it."""
    if isinstance(value, (type, types.ModuleType, types.FunctionType, types.MethodType)):
        return ()
    found: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__):
        if kind is object or not is_users_class(kind):
            continue
        for name, held in vars(kind).items():
            if isinstance(held, types.MemberDescriptorType):  # of __slots__
                held = getattr(value, name, None)
            elif name.startswith("__") or callable(held) or own(type(held), "__get__"):
                continue
            found[name] = held
    found.update(own(value, "__dict__", {}))
    return tuple([(name, contents(held, above)) for name, held in found.items()])


def globals_of(function: types.FunctionType) -> dict[str, Any]:
    """A function's globals; of one made by a function without source, those beneath the watch."""
    return getattr(function.__globals__, "real", function.__globals__)


class SameObject:
    """Equal to itself alone, as no address is: another object may come to lie there.

    It refers weakly to what it stands for, so that a lost object equals none. What can't be
    referred to so, and methods, which are made anew at each access, are kept alive.
    """

    __slots__ = ("kind", "strong", "weak")

    def __init__(self, value: Any):
        self.kind = kind = type(value)
        self.strong, self.weak = value, None
        if kind is not MethodType and kind is not BuiltinFunctionType:
            try:
                self.weak, self.strong = weakref.ref(value), None
            except TypeError:  # an object without room for weak references
                pass

    def now(self) -> Any:
        """The object; None if it is lost."""
        return self.strong if self.weak is None else self.weak()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SameObject):
            return NotImplemented
        a, b = self.now(), other.now()
        if a is b:
            return a is not None
        if self.kind is other.kind and self.kind in (MethodType, BuiltinFunctionType):
            return a.__self__ is b.__self__ and a.__name__ == b.__name__
        return False

    def __hash__(self) -> int:
        return hash(self.kind)


def fingerprint(value: Any) -> Any:
    """What must not change of a static capture; a stand-in counts as what it stands for."""
    if callable(value) and not isinstance(value, MethodType):  # a method has its own name
        value = original_of(value)
    kind = type(value)
    if kind in (int, bool, str, bytes, type(None), range):
        return kind, value
    if kind in (list, tuple, deque):
        return kind, len(value)
    if kind in (dict, OrderedDict, MappingProxyType):
        return kind, tuple(value)
    if is_scipys(value):
        return kind, SameObject(value)
    if kind is property:
        return kind, *[fingerprint(part) for part in (value.fget, value.fset)]
    if kind in (staticmethod, classmethod):
        return kind, fingerprint(value.__func__)
    inner = innermost(value)
    if isinstance(inner, FunctionType):
        given = (*(inner.__defaults__ or ()), *(inner.__kwdefaults__ or {}).values())
        held = [_default(default) for default in given]
        return FunctionType, SameObject(inner.__code__), *held, *_made_by_library(inner)
    if isinstance(value, IDENTICAL):
        return kind, SameObject(value)
    if kind is functools.partial:  # where it is called, what it holds has paths of its own
        return kind, fingerprint(value.func), len(value.args), tuple(value.keywords)
    if kind is slice:
        return kind, contents((value.start, value.stop, value.step))
    if kind.__hash__ in (None, object.__hash__):
        return (kind,)  # an object: what is read of it has a path of its own
    try:
        hash(value)
    except (TypeError, ValueError):  # one of writable memory
        return (kind,)
    return kind, value  # a dtype, an enum's member, a date …


def _default(value: Any, depth: int = 4) -> Any:
    """A default argument: numbers by their value, arrays and containers by identity.

    A function counts by its code and by what its closure holds: no path leads there.
    """
    kind = type(value)
    if kind in (float, complex) or isinstance(value, np.generic):
        return kind, repr(value)
    if isinstance(value, np.ndarray) or kind in (list, tuple, dict):
        return kind, SameObject(value)
    inner = innermost(value)
    if not isinstance(inner, FunctionType):
        return fingerprint(value)
    cells = [cell.cell_contents for cell in inner.__closure__ or () if _is_filled(cell)]
    held = (*cells, *(inner.__defaults__ or ())) if depth else ()
    return FunctionType, SameObject(inner.__code__), *[_default(item, depth - 1) for item in held]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _made_by_library(function: FunctionType) -> tuple:
    """What tells two results of ``grad`` apart: their closures, which no user code reads."""
    if function.__closure__ is None or not is_library(function.__code__.co_filename):
        return ()
    cells = []
    for cell in function.__closure__:
        try:
            value = cell.cell_contents
        except ValueError:  # an empty cell
            continue
        known = fingerprint(value)
        cells.append(known if len(known) > 1 else (type(value), SameObject(value)))
    return tuple(cells)
