"""What a function takes: arguments bound to parameters, their names, and what ``argnums`` names.

>>> bind(function, (w,), {"y": y})
((w, y, 2.0), {}, ['w', 'y', 'scale'])
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


class Parameters:
    """The signature of a callable, and what every call asks of it.

    ``exactly`` is the number of positional arguments that a call gives if it gives all there are.
    """

    __slots__ = ("exactly", "positional", "rest", "signature")

    def __init__(self, signature: inspect.Signature):
        self.signature = signature
        found = signature.parameters.values()
        self.positional = [
            p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self.rest = next((p.name for p in found if p.kind is p.VAR_POSITIONAL), None)
        self.exactly = len(found) if len(found) == len(self.positional) else -1

    def names(self, args: tuple, kwargs: dict[str, Any]) -> list[str]:
        """The name of each positional argument, then of each keyword."""
        names, given = self.positional[: len(args)], len(args)
        if len(names) == given and not kwargs:
            return names
        if self.rest is not None:
            names += [f"{self.rest}[{k}]" for k in range(given - len(names))]
        return _numbered(names, args, kwargs)


# Parameters with what they were read from. A function is not kept alive: its closure may hold data.
_Entry = tuple[Any, Any, Any, Parameters | None]
_FUNCTIONS: WeakKeyDictionary[Any, _Entry] = WeakKeyDictionary()
_METHODS: WeakKeyDictionary[Any, _Entry] = WeakKeyDictionary()


def parameters_of(function: Any) -> Parameters | None:
    """The parameters of a callable, remembered; None if it does not tell."""
    if isinstance(function, (np.ufunc, type(np.sum))):
        return _of_numpy(function)
    anchor, table = _anchor(function)
    if anchor is None:
        return _read(function)
    # Code and defaults may be replaced while the function stays the same object. What is remembered
    # is alive, so that its numbers are not given to others.
    plain = innermost(function)
    code, defaults = own(plain, "__code__"), own(plain, "__defaults__")
    named = own(plain, "__kwdefaults__")
    named = named and {name: id(value) for name, value in named.items()}
    entry = table.get(anchor)
    if entry is None or (entry[0] is not code or entry[1] is not defaults or entry[2] != named):
        entry = table[anchor] = code, defaults, named, _read(function)
    return entry[3]


def _anchor(function: Any) -> tuple[Any, Any]:
    """What a signature is remembered for, and where; None for what tells its own each time."""
    kind = type(function)
    if kind is FunctionType or kind is functools.partial:
        return function, _FUNCTIONS
    if not callable(function):
        return None, _FUNCTIONS
    inner = function.__func__ if kind is MethodType else kind.__call__
    if type(inner) is not FunctionType or own(function, "__signature__") is not None:
        return None, _FUNCTIONS
    return (None if own(function, "__wrapped__") is not None else inner), _METHODS


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


def _read(function: Any) -> Parameters | None:
    plain = _unwrapped(function)
    if isinstance(plain, np.ufunc):  # its keywords (out, where, dtype …) are no arguments
        names = ["x"] if plain.nin == 1 else [f"x{k + 1}" for k in range(plain.nin)]
        kind = inspect.Parameter.POSITIONAL_ONLY
        return Parameters(inspect.Signature([inspect.Parameter(name, kind) for name in names]))
    try:
        return Parameters(inspect.signature(plain))
    except (TypeError, ValueError):
        return None


_of_numpy = functools.lru_cache(maxsize=2048)(_read)


def bind(
    function: Traced, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any], list[str]]:
    """Defaults filled in, keywords made positional where they can be, and the arguments' names."""
    taken = parameters_of(function.__tracer_function__)
    if taken is None:
        return args, kwargs, _numbered([], args, kwargs)
    if (kwargs or len(args) != taken.exactly) and not own(function, "__tracer_unbound__"):
        bound = taken.signature.bind(*args, **kwargs)
        if isinstance(innermost(function), (FunctionType, functools.partial)):
            bound.apply_defaults()  # NumPy's own functions know their defaults
        args, kwargs = bound.args, bound.kwargs
    return args, kwargs, taken.names(args, kwargs)


def argument_names(function: Traced, args: tuple, kwargs: dict[str, Any]) -> list[str]:
    """The name of each positional argument, then of each keyword."""
    taken = parameters_of(function.__tracer_function__)
    return _numbered([], args, kwargs) if taken is None else taken.names(args, kwargs)


def _numbered(names: list[str], args: tuple, kwargs: dict[str, Any]) -> list[str]:
    """The names, with numbers for arguments that have none."""
    return [*names, *[f"x{k}" for k in range(len(names), len(args))], *kwargs]


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
