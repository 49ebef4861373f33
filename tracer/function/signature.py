"""Calls: their arguments bound and flattened, and the key that says which calls share a program.

>>> flatten_call((np.ones(3), 2), {}).key  # arrays by dtype and shape, ints by value
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tracer import errors, settings, trees
from tracer.python.attributes import innermost, own, plain_array
from tracer.recording.captures.captures import fingerprint

if TYPE_CHECKING:
    from tracer.function.traced import TracedFunction


class Call:
    """The arguments of one call, flat, with the key that says which program fits them.

    ``weak`` counts ints that are inputs since they have varied; ``plain`` is then the same call
    with all ints in its key.
    """

    __slots__ = ("key", "leaves", "plain", "static", "structure", "weak")

    def __init__(
        self,
        leaves: list[Any],
        structure: Any,
        key: tuple,
        static: frozenset[int] = frozenset(),
        weak: frozenset[int] = frozenset(),
        plain: Call | None = None,
    ):
        self.leaves = leaves
        self.structure = structure
        self.key = key
        self.static = static
        self.weak = weak
        self.plain = plain


class Same:
    """An object by identity, kept alive: the number of a lost one may come again."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any):
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def leaf_key(leaf: Any) -> Any:
    """What of one leaf selects a program: shape and dtype of arrays, type and value of the rest."""
    kind = type(leaf)
    if kind is np.ndarray:
        if not leaf.flags.carray:  # layout decides what is a view
            return leaf.shape, leaf.dtype, leaf.strides, leaf.flags.writeable
        return leaf.shape, leaf.dtype
    if kind is float or kind is complex:
        return kind
    if isinstance(leaf, np.ndarray):
        return kind, leaf.shape, leaf.dtype
    if isinstance(leaf, np.generic):
        return kind, leaf.dtype
    if kind in (int, bool, str, bytes, type(None)):
        return kind, leaf
    code = own(innermost(leaf), "__code__")
    if code is not None:
        return kind, Same(code), fingerprint(leaf)  # its defaults are read by no path
    if isinstance(leaf, type) or callable(leaf):
        return kind, Same(leaf)
    try:
        hash(leaf)
    except TypeError:
        return kind, Same(leaf)
    if kind.__hash__ is object.__hash__:
        return (kind,)  # an object: what is read of it is captured by path
    return kind, leaf


def flat_call(what: Any, args: tuple) -> tuple[tuple, list[Any]] | None:
    """Key and leaves of the usual call: plain arrays, floats and dicts of them; None for others."""
    key: list[Any] = [what]
    leaves: list[Any] = []
    for value in args:
        kind = type(value)
        if kind is np.ndarray and value.flags.carray:
            key += (value.shape, value.dtype)
            leaves.append(value)
        elif kind is float:
            key.append(kind)
            leaves.append(value)
        elif kind is not dict or not _flat_dict(value, key, leaves):
            return None
    return tuple(key), leaves


def _flat_dict(value: dict[Any, Any], key: list[Any], leaves: list[Any]) -> bool:
    names = tuple(value)
    key.append(names)
    for name, leaf in value.items():
        kind = type(leaf)
        if type(name) is not str:
            return False
        if kind is np.ndarray and leaf.flags.carray:
            key += (leaf.shape, leaf.dtype)
        elif kind is float:
            key.append(kind)
        else:
            return False
    leaves += value.values()
    return True


def flatten_call(args: tuple, kwargs: dict[str, Any]) -> Call:
    """The call as leaves and a key."""
    leaves, structure = trees.flatten((args, kwargs))
    leaves = [plain_array(leaf) for leaf in leaves]
    key = (structure, *[leaf_key(leaf) for leaf in leaves], *_aliases(leaves), settings.current())
    return Call(leaves, structure, key)


def with_static(call: Call, names: Sequence[str], static: Sequence[str]) -> Call:
    """The call with the named arguments' numbers taken out of its inputs, into its key.

    Raises
    ------
    ArgnumsError
        If the function has no such argument.
    """
    unknown = [name for name in static if name not in names]
    if unknown:
        raise errors.ArgnumsError(
            f"static={unknown[0]!r} names no argument of ({', '.join(names)}).",
            None,
            "use the names of arguments",
        )
    args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
    numbers: set[int] = set()
    for name, value in zip(names, [*args, *kwargs.values()], strict=True):
        if name in static:
            numbers.update(trees.flatten(value)[0])
    values = [(number, exact_key(call.leaves[number])) for number in sorted(numbers)]
    return Call(call.leaves, call.structure, (*call.key, *values), frozenset(numbers))


def exact_key(leaf: Any) -> Any:
    """A value's type and every bit of it."""
    kind = type(leaf)
    if isinstance(leaf, (np.ndarray, np.generic)):
        return kind, leaf.dtype, leaf.shape, leaf.tobytes()
    if kind is float:
        return kind, leaf.hex()
    if kind is complex:
        return kind, leaf.real.hex(), leaf.imag.hex()
    return leaf_key(leaf)


def _aliases(leaves: list[Any]) -> list[Any]:
    """Which arrays are one object: ``f(a, a)`` is another program than ``f(a, b)``."""
    arrays = [(k, id(leaf)) for k, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]
    if len({identity for _, identity in arrays}) == len(arrays):
        return []
    first: dict[int, int] = {}
    return [("same", k, first[i]) for k, i in arrays if first.setdefault(i, k) != k]


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


def bind(
    function: TracedFunction, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]]:
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


def argument_names(function: TracedFunction, args: tuple, kwargs: dict[str, Any]) -> list[str]:
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
