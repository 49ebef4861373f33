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

from tracer.recording.captures.fingerprints import fingerprint
from tracer.recording.captures.guards import ValueGuard
from tracer.recording.captures.paths import MISSING, Path

Test = Callable[[Any, list[Any]], bool]
PLAIN = (int, bool, str, bytes, type(None))  # immutable, and part of the fingerprint anyway
FIXED = (BuiltinFunctionType, ModuleType, np.ufunc, type(np.sum), type)
# to an object, and its type; to a function's code, and its defaults
Reference = tuple[Callable[[], Any], type, Any, Any]
READ_ERRORS = (AttributeError, KeyError, IndexError, TypeError, ValueError)


def with_identity_cache(guard: Any) -> Test:
    """``guard.holds``, with a short cut for the object that was there at the last call."""
    if type(guard) is not ValueGuard or guard.deep:
        return guard.holds
    path, expected = guard.path, guard.expected
    read = reader(path)
    known: Reference = (_no_reference, type(None), None, None)

    def holds(function: Any, leaves: list[Any]) -> bool:
        nonlocal known
        seen, kind, code, defaults = known
        value = read(function, leaves)
        if (
            seen() is value
            and type(value) is kind
            and (code is None or _is_unchanged(value, code, defaults))
        ):
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


def _reference_to(value: Any, expected: Any) -> Reference:
    """How to know a value again: a way to the object, its type, its code and defaults if any."""
    kind = type(value)
    if kind in PLAIN:
        return (lambda: value), kind, None, None
    code = defaults = None
    if kind is FunctionType:
        code, defaults = weakref.ref(value.__code__), value.__defaults__
        # defaults count by what they are; a function among them by what it closes over, too
        simple = value.__kwdefaults__ is None and not any(map(callable, defaults or ()))
        if not simple or len(expected) != 2 + len(defaults or ()):
            return _no_reference, kind, None, None
    elif kind not in FIXED and expected != (kind,):
        return _no_reference, kind, None, None
    try:
        return weakref.ref(value), kind, code, defaults
    except TypeError:
        return _no_reference, kind, None, None


def _is_unchanged(function: Any, code: Any, defaults: Any) -> bool:
    """Whether a function has the code and the defaults that it had."""
    return (
        function.__code__ is code()
        and function.__defaults__ is defaults
        and function.__kwdefaults__ is None
    )
