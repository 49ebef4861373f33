"""All that is in a container or an object, as something that can be compared later.

>>> before = contents(model, fingerprint)
>>> model.layers[0].rate = 0.5
>>> contents(model, fingerprint) == before
False
"""

from __future__ import annotations

import array
import functools
import types
from collections import UserDict, UserList, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.python.attributes import own
from tracer.recording.source.locator import is_users
from tracer.recording.tensor.tensor import TracedTensor

ROWS = (list, tuple, deque, UserList)
TABLES = (dict, types.MappingProxyType, UserDict)
LIMIT = 2_000  # of objects: further ones count by their type alone


def contents(
    value: Any, fingerprint: Callable[[Any], Any], above: dict[int, Any] | None = None
) -> Any:
    """What ``value`` holds, numbers by their bits; ``fingerprint`` is for what holds nothing.

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
        return kind, tuple([contents(part, fingerprint, inner) for part in parts])
    if isinstance(value, np.ndarray):
        return kind, value.shape, contents(value.ravel().tolist(), fingerprint, inner)
    held: Any = ()
    if kind not in (list, tuple, dict):
        held = _attributes(value, fingerprint, inner)
    if isinstance(value, ROWS):
        return kind, tuple([contents(item, fingerprint, inner) for item in value]), held
    if isinstance(value, TABLES):
        rows = [(key, contents(value[key], fingerprint, inner)) for key in value]
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


def _attributes(value: Any, fingerprint: Callable[[Any], Any], above: dict[int, Any]) -> tuple:
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
    return tuple([(name, contents(held, fingerprint, above)) for name, held in found.items()])


def globals_of(function: types.FunctionType) -> dict[str, Any]:
    """A function's globals; of one made by a function without source, those beneath the watch."""
    return getattr(function.__globals__, "real", function.__globals__)
