"""Calls: their arguments bound and flattened, and the key that says which calls share a program.

>>> flatten_call((np.ones(3), 2), {}).key  # arrays by dtype and shape, ints by value
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tracer import errors
from tracer.python.attributes import Traced, own
from tracer.python.unwrap import innermost

# Signatures with what they were read from. A function is not kept alive: its closure may hold data.
_Known = tuple[Any, Any, Any, inspect.Signature | None]
_SIGNATURES: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()
_OF_METHODS: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def signature_of(function: Any) -> inspect.Signature | None:
    """The signature of a callable, remembered; None if it has none."""
    if isinstance(function, (np.ufunc, type(np.sum))):
        return _of_numpy(function)
    anchor, table = _anchor(function)
    if anchor is None:
        return _read_signature(function)
    # Code and defaults may be replaced while the function stays the same object. What is remembered
    # is alive, so that its numbers are not given to others.
    plain = innermost(function)
    code, defaults = own(plain, "__code__"), own(plain, "__defaults__")
    named = own(plain, "__kwdefaults__")
    named = named and {name: id(value) for name, value in named.items()}
    known = table.get(anchor)
    if known is None or (known[0] is not code or known[1] is not defaults or known[2] != named):
        known = table[anchor] = code, defaults, named, _read_signature(function)
    return known[3]


def _anchor(function: Any) -> tuple[Any, Any]:
    """What a signature is remembered for, and where; None for what tells its own each time."""
    kind = type(function)
    if kind is FunctionType or kind is functools.partial:
        return function, _SIGNATURES
    if not callable(function):
        return None, _SIGNATURES
    inner = function.__func__ if kind is MethodType else kind.__call__
    if type(inner) is not FunctionType or own(function, "__signature__") is not None:
        return None, _SIGNATURES
    return (None if own(function, "__wrapped__") is not None else inner), _OF_METHODS


@functools.lru_cache(maxsize=2048)
def _of_numpy(function: Any) -> inspect.Signature | None:
    return _read_signature(function)


def _unwrapped(function: Any) -> Any:
    """What tells the signature; of an object with a ``__call__`` its method."""
    while not isinstance(function, MethodType) and own(function, "__signature__") is None:
        inner = own(function, "__wrapped__")
        if inner is None:
            call = own(type(function), "__call__")
            usual = type(call) is FunctionType and not isinstance(function, type)
            return MethodType(call, function) if usual else function
        function = inner
    return function


def _read_signature(function: Any) -> inspect.Signature | None:
    plain = _unwrapped(function)
    if isinstance(plain, np.ufunc):  # its keywords (out, where, dtype …) are no arguments
        names = ["x"] if plain.nin == 1 else [f"x{k + 1}" for k in range(plain.nin)]
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])
    try:
        return inspect.signature(plain)
    except (TypeError, ValueError):
        return None


def bind(function: Traced, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Arguments with defaults filled in and keywords made positional where they can be."""
    signature = signature_of(function.__tracer_function__)
    if signature is None or own(function, "__tracer_unbound__"):
        return args, kwargs
    parameters = signature.parameters
    if (
        not kwargs
        and len(args) == len(parameters)
        and not any(
            p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.KEYWORD_ONLY) for p in parameters.values()
        )
    ):
        return args, kwargs
    bound = signature.bind(*args, **kwargs)
    if isinstance(innermost(function), (FunctionType, functools.partial)):
        bound.apply_defaults()  # NumPy's own functions know their defaults
    return bound.args, bound.kwargs


def argument_names(function: Traced, args: tuple, kwargs: dict[str, Any]) -> list[str]:
    """The name of each positional argument, then of each keyword."""
    signature = signature_of(function.__tracer_function__)
    names: list[str] = []
    if signature is not None:
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                rest = len(args) - len(names)
                names += [f"{parameter.name}[{k}]" for k in range(rest)]
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
    names = names[: len(args)]
    names += [f"x{k}" for k in range(len(names), len(args))]
    return names + list(kwargs)


def check_argnums(argnums: Any, names: list[str], function: str) -> tuple[tuple[int, ...], bool]:
    """Positions of the arguments that ``argnums`` means, and whether it was one alone."""
    alone = not isinstance(argnums, (tuple, list))
    wanted = (argnums,) if alone else tuple(argnums)
    positions = []
    for entry in wanted:
        if isinstance(entry, str) and entry in names:
            positions.append(names.index(entry))
        elif (
            isinstance(entry, (int, np.integer))
            and not isinstance(entry, bool)
            and (-len(names) <= entry < len(names))
        ):
            positions.append(int(entry) % len(names))
        else:
            raise errors.ArgnumsError(
                f"argnums={argnums!r} names no argument of {function}({', '.join(names)}).",
                None,
                "use a position, a name, or a tuple of them",
            )
    if len(set(positions)) != len(positions):
        raise errors.ArgnumsError(
            f"argnums={argnums!r} names an argument twice.", None, "name each argument once"
        )
    return tuple(positions), alone
