"""Which calls share a program: the arguments as leaves, and their key.

>>> flatten_call((w, x), {}, ["w", "x"]).key"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors, settings, trees
from tracer.python.attributes import own, plain_array
from tracer.python.unwrap import innermost
from tracer.recording.captures.fingerprints import fingerprint


class Call:
    """The arguments of one call, flat, with the key that says which program fits them.

    ``names`` are those of the arguments, not of the leaves. ``weak`` counts ints that are inputs
    since they have varied; ``plain`` is then the same call with all ints in its key.
    """

    __slots__ = ("key", "leaves", "names", "plain", "static", "structure", "weak")

    def __init__(
        self,
        leaves: list[Any],
        structure: Any,
        names: list[str],
        key: tuple,
        static: frozenset[int] = frozenset(),
        weak: frozenset[int] = frozenset(),
        plain: Call | None = None,
    ):
        self.leaves = leaves
        self.structure = structure
        self.names = names
        self.key = key
        self.static = static
        self.weak = weak
        self.plain = plain


class ById:
    """An object by identity, kept alive: the number of a lost one may come again."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


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
        return kind, ById(code), fingerprint(leaf)  # its defaults are read by no path
    if isinstance(leaf, type) or callable(leaf):
        return kind, ById(leaf)
    try:
        hash(leaf)
    except TypeError:
        return kind, ById(leaf)
    if kind.__hash__ is object.__hash__:
        return (kind,)  # an object: what is read of it is captured by path
    return kind, leaf


def flatten_call(args: tuple, kwargs: dict[str, Any], names: list[str]) -> Call:
    """The call as leaves and a key."""
    leaves, structure = trees.flatten((args, kwargs))
    leaves = [plain_array(leaf) for leaf in leaves]
    key = (structure, *[leaf_key(leaf) for leaf in leaves], *_aliases(leaves), settings.current())
    return Call(leaves, structure, names, key)


def with_static(call: Call, static: Sequence[str]) -> Call:
    """The call with the named arguments' numbers taken out of its inputs, into its key.

    Raises
    ------
    ArgnumsError
        If the function has no such argument.
    """
    unknown = [name for name in static if name not in call.names]
    if unknown:
        raise errors.ArgnumsError(
            f"static={unknown[0]!r} names no argument of ({', '.join(call.names)}).",
            None,
            "use the names of arguments",
        )
    args, kwargs = trees.unflatten(call.structure, list(range(len(call.leaves))))
    numbers: set[int] = set()
    for name, value in zip(call.names, [*args, *kwargs.values()], strict=True):
        if name in static:
            numbers.update(trees.flatten(value)[0])
    values = [(number, exact_key(call.leaves[number])) for number in sorted(numbers)]
    return Call(call.leaves, call.structure, call.names, (*call.key, *values), frozenset(numbers))


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
