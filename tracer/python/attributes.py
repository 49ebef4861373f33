"""What this package knows of a value, asked so that no ``__getattr__`` of the user's runs.

>>> own(np.add, "__name__"), own(anything, "__tracer_original__")
('add', None)

A ``__getattr__`` may raise what it likes, KeyError say, and may count how often it is asked.
"""

from __future__ import annotations

from abc import ABCMeta
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

METACLASSES = frozenset({type, ABCMeta})
USUAL = frozenset({FunctionType, MethodType, BuiltinFunctionType}) | METACLASSES


class Traced:
    """The base of what `trace` returns: ``__tracer_function__`` is the user's function."""

    __slots__ = ()
    __tracer_function__: Any
    backend: str | None
    cache: Any
    check: bool | None
    static: tuple[str, ...]


class Recorded:
    """The base of arrays that carry their graph: ``__tracer_plain__`` is the plain array."""

    __slots__ = ()


def own(thing: Any, name: str, default: Any = None) -> Any:
    """An attribute that is found without ``__getattr__``, or ``default``."""
    kind = type(thing)
    if kind in USUAL or (type(kind) in METACLASSES and _is_usual(kind)):
        return getattr(thing, name, default)
    look: Any = type.__getattribute__ if issubclass(kind, type) else object.__getattribute__
    try:
        return look(thing, name)
    except AttributeError:
        return default


def _is_usual(kind: type) -> bool:
    """Whether objects of a class are asked for attributes as Python does by itself."""
    return kind.__getattribute__ is object.__getattribute__ and not hasattr(kind, "__getattr__")


def is_traced(thing: Any) -> bool:
    """Whether a value is a TracedFunction, whatever its ``__class__`` says."""
    return issubclass(type(thing), Traced)


def plain_array(value: Any) -> Any:
    """The array that an eager Tensor is; every other value as it is."""
    return value.__tracer_plain__ if issubclass(type(value), Recorded) else value
