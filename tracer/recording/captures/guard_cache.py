"""Guards tested on every call with a cache: what is still the same object needs no look.

>>> path = Path("globals", table, (("name", "len"),))
>>> holds = with_identity_cache(ValueGuard(path, fingerprint(len)))
>>> holds(function, leaves), holds(function, leaves)     # the second one compares two addresses
(True, True)

Only values whose fingerprint can't change behind their identity are remembered, and none of them
is kept alive by it.
"""

from __future__ import annotations

import builtins
import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tracer.recording.captures.fingerprints import SameObject, fingerprint
from tracer.recording.captures.guards import ValueGuard
from tracer.recording.captures.paths import MISSING, Path

Test = Callable[[Any, list[Any]], bool]
PLAIN = (int, bool, str, bytes, type(None))  # immutable, and part of the fingerprint anyway
FIXED = (BuiltinFunctionType, ModuleType, np.ufunc, type(np.sum), type)
READ_ERRORS = (AttributeError, KeyError, IndexError, TypeError, ValueError)


def with_identity_cache(guard: Any) -> Test:
    """``guard.holds``, with a short cut for the object that was there at the last call."""
    if type(guard) is not ValueGuard or guard.deep:
        return guard.holds
    path, expected = guard.path, guard.expected
    read = reader(path)
    known: tuple[Any, type, int] = (_no_reference, type(None), 0)

    def holds(function: Any, leaves: list[Any]) -> bool:
        nonlocal known
        seen, kind, code = known
        value = read(function, leaves)
        if seen() is value and type(value) is kind and (not code or _is_unchanged(value, code)):
            return True
        value = path.read(function, leaves)
        if fingerprint(value) != expected:
            return False
        known = _reference_to(value, expected)
        return True

    return holds


def reader(path: Path) -> Test:
    """``path.read`` without its care for eager Tensors and errors: to compare addresses with."""
    steps = path.steps
    if path.root != "globals" or not steps or steps[0][0] != "name":
        return path.read
    if type(path.base) is not dict or any([kind != "attr" for kind, _ in steps[1:]]):
        return path.read
    get, name = path.base.get, steps[0][1]
    attributes = [key for _, key in steps[1:]]

    def read_name(function: Any, leaves: list[Any]) -> Any:
        found = get(name, MISSING)
        return getattr(builtins, name, MISSING) if found is MISSING else found

    def read_attributes(function: Any, leaves: list[Any]) -> Any:
        value = read_name(function, leaves)
        try:
            for attribute in attributes:
                value = getattr(value, attribute)
        except READ_ERRORS:
            return MISSING
        return value

    return read_attributes if attributes else read_name


def _no_reference() -> Any:
    """Stands for a value that is not remembered."""
    return MISSING


def _reference_to(value: Any, expected: Any) -> tuple[Any, type, int]:
    """How to know a value again: a way to the object, its type, and its code if it has one."""
    kind = type(value)
    if kind in PLAIN:
        return (lambda: value), kind, 0
    is_plain_object = expected == (kind,)
    if kind not in FIXED and kind is not FunctionType and not is_plain_object:
        return _no_reference, kind, 0
    if kind is FunctionType and not (
        expected == (FunctionType, SameObject(value.__code__))
        and _is_unchanged(value, id(value.__code__))
    ):
        return _no_reference, kind, 0
    try:
        seen = weakref.ref(value)
    except TypeError:
        return _no_reference, kind, 0
    return seen, kind, id(value.__code__) if kind is FunctionType else 0


def _is_unchanged(function: Any, code: int) -> bool:
    """Whether a function has the code that it had, and no defaults."""
    return (
        id(function.__code__) == code
        and function.__defaults__ is None
        and function.__kwdefaults__ is None
    )
