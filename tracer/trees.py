"""Nested dicts, lists, tuples, namedtuples and dataclasses as flat lists of leaves, and back.

>>> leaves, structure = flatten({"w": [1.0, 2.0], "b": (3.0, None)})
>>> leaves
[1.0, 2.0, 3.0]
>>> unflatten(structure, [10.0, 20.0, 30.0])
{'w': [10.0, 20.0], 'b': (30.0, None)}
>>> paths({"w": [1.0, 2.0]}, "params")
["params['w'][0]", "params['w'][1]"]

Dicts keep their insertion order. ``None`` holds no leaf. Whatever is no container is a leaf, and
so is a subclass of a container that says nothing of how to rebuild it.
"""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from tracer.python.attributes import own


class TreeDef:
    """The structure of a tree without its leaves: hashable, comparable, with one line of text.

    Attributes
    ----------
    kind : type or None
        The container's class; None for a leaf.
    keys : tuple
        Dict keys, or field names of a namedtuple or dataclass.
    children : tuple of TreeDef
    leaves : int
        How many leaves it takes.
    data : object
        What else rebuilding needs: a defaultdict's factory, a registered class's own data.
    """

    __slots__ = ("_hash", "children", "data", "keys", "kind", "leaves")

    def __init__(
        self,
        kind: type | None,
        keys: tuple[Any, ...] = (),
        children: tuple[TreeDef, ...] = (),
        data: Any = None,
    ):
        self.kind = kind
        self.keys = keys
        self.children = children
        self.data = data
        self.leaves: int = 1 if kind is None else sum([child.leaves for child in children])
        self._hash = hash((kind, keys, children))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TreeDef) or self._hash != other._hash:
            return False
        return (
            self.kind is other.kind
            and self.keys == other.keys
            and (not self.keys or [type(k) for k in self.keys] == [type(k) for k in other.keys])
            and self.children == other.children
            and bool(self.data == other.data)
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self):
        if self is LEAF:
            return "LEAF"
        return TreeDef, (self.kind, self.keys, self.children, self.data)

    def __repr__(self) -> str:
        return f"TreeDef({self})"

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        inner = [str(child) for child in self.children]
        if self.kind is dict:
            return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(self.keys, inner)) + "}"
        if self.kind is list:
            return "[" + ", ".join(inner) + "]"
        if self.kind is tuple:
            return "(" + ", ".join(inner) + ("," if len(inner) == 1 else "") + ")"
        if self.kind is type(None):
            return "None"
        named = [f"{k}={v}" if isinstance(k, str) else v for k, v in zip(self.keys, inner)]
        return f"{self.kind.__name__}({', '.join(named or inner)})"


LEAF = TreeDef(None)
NONE = TreeDef(type(None))

# What the leaves of a hot call are: no container, so no further question is asked.
_LEAF_TYPES = frozenset({np.ndarray, np.float64, np.float32, float, int, bool, complex, str, bytes})


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """The leaves of a tree, left to right, and its structure.

    Raises
    ------
    ValueError
        If the tree contains itself.
    """
    if type(tree) in _LEAF_TYPES:
        return [tree], LEAF
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, set())


def _flatten(tree: Any, leaves: list[Any], above: set[int]) -> TreeDef:
    kind = type(tree)
    if kind in _LEAF_TYPES:
        leaves.append(tree)
        return LEAF
    if tree is None:
        return NONE
    parts = opened(tree)
    if parts is None:
        leaves.append(tree)
        return LEAF
    if id(tree) in above:
        raise ValueError(f"a {kind.__name__} contains itself: it has no end to flatten")
    keys, items, data = parts
    above.add(id(tree))
    children = tuple([_flatten(item, leaves, above) for item in items])
    above.discard(id(tree))
    return TreeDef(kind, keys, children, data)


def opened(tree: Any) -> tuple[tuple[Any, ...], Sequence[Any], Any] | None:
    """Keys, items and rebuilding data of a container; None for a leaf."""
    kind = type(tree)
    if kind is dict or kind is OrderedDict:
        return tuple(tree), list(tree.values()), None
    if kind is list or kind is tuple:
        return (), tree, None
    if kind is defaultdict:
        return tuple(tree), list(tree.values()), tree.default_factory
    if isinstance(tree, tuple) and own(kind, "_fields") is not None:
        return kind._fields, tree, None
    if own(kind, "__dataclass_fields__") is not None:
        names = tuple([field.name for field in fields(kind)])
        return names, [getattr(tree, name) for name in names], None
    registered = _optree_entry(kind)
    if registered is not None:
        children, data, *_ = registered.flatten_func(tree)
        return (), list(children), data
    return None


def _optree_entry(kind: type) -> Any:
    """How optree opens a class that the user registered there, if optree is imported at all."""
    optree = sys.modules.get("optree")
    entry = optree and optree.register_pytree_node.get(kind)
    return entry if entry and entry.kind.name == "CUSTOM" else None


def unflatten(structure: TreeDef, leaves: Sequence[Any]) -> Any:
    """The tree of a structure with these leaves.

    Raises
    ------
    ValueError
        If their number does not fit.
    """
    if structure is LEAF and len(leaves) == 1:
        return leaves[0]
    if len(leaves) != structure.leaves:
        raise ValueError(f"{structure!s} takes {structure.leaves} leaves, not {len(leaves)}")
    if structure.kind is dict and structure.children.count(LEAF) == len(structure.keys):
        return dict(zip(structure.keys, leaves))  # the usual case
    return _build(structure, iter(leaves).__next__)


def _build(structure: TreeDef, take: Callable[[], Any]) -> Any:
    kind = structure.kind
    if kind is None:
        return take()
    if kind is type(None):
        return None
    items = [_build(child, take) for child in structure.children]
    return rebuilt(kind, structure.keys, items, structure.data)


def rebuilt(kind: type, keys: tuple[Any, ...], items: list[Any], data: Any) -> Any:
    """A container of what `opened` gave."""
    if kind is list:
        return items
    if kind is tuple:
        return tuple(items)
    if kind is dict or kind is OrderedDict:
        return kind(zip(keys, items))
    if kind is defaultdict:
        return defaultdict(data, zip(keys, items))
    if issubclass(kind, tuple):
        return kind(*items)
    if own(kind, "__dataclass_fields__") is not None:
        return _build_dataclass(kind, dict(zip(keys, items)))
    return _optree_entry(kind).unflatten_func(data, items)


def _build_dataclass(kind: type, values: dict[str, Any]) -> Any:
    """Set the fields as they were: ``__init__`` may change or refuse them, so it is not run."""
    made: Any = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def containers(tree: Any) -> Iterator[Any]:
    """The tree itself and all containers in it."""
    parts = opened(tree)
    if parts is not None:
        yield tree
        for part in parts[1]:
            yield from containers(part)


def paths(tree: Any, root: str = "") -> list[str]:
    """How Python reaches each leaf from ``root``.

    Returns
    -------
    list of str
        ``params['w1']``, ``[0]``, ``.field``, in the order of the leaves.
    """
    return _paths(flatten(tree)[1], root)


def _paths(structure: TreeDef, root: str) -> list[str]:
    if structure.kind is None:
        return [root]
    found: list[str] = []
    for number, child in enumerate(structure.children):
        found += _paths(child, root + _step(structure, number))
    return found


def _step(structure: TreeDef, number: int) -> str:
    kind = structure.kind
    assert kind is not None
    if not structure.keys:
        return f"[{number}]"
    if issubclass(kind, dict):
        return f"[{structure.keys[number]!r}]"
    return f".{structure.keys[number]}"


def map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function leaf by leaf to trees of one structure.

    Raises
    ------
    ValueError
        If the structures differ.
    """
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        more, its_structure = flatten(other)
        if its_structure != structure:
            raise ValueError(f"the trees differ: {structure!s} and {its_structure!s}")
        columns.append(more)
    return unflatten(structure, [function(*row) for row in zip(*columns)])


def ravel(tree: Any) -> tuple[np.ndarray, Callable[[Any], Any]]:
    """All numbers of a tree in one vector, and the way back: what an optimiser wants.

    Returns
    -------
    vector : ndarray, shape (n,)
        In the leaves' common dtype; a copy.
    unravel : callable
        ``unravel(vector)`` gives the tree with each leaf's own shape and dtype; the vector may
        have another length along no axis: ``(n,)`` only.

    Raises
    ------
    ValueError
        From ``unravel``, if the vector has another shape.

    Examples
    --------
    >>> vector, unravel = ravel({"w": np.ones((2, 2)), "b": 0.5})
    >>> vector
    array([1. , 1. , 1. , 1. , 0.5])
    >>> unravel(vector * 2)["b"]
    np.float64(1.0)
    """
    leaves, structure = flatten(tree)
    arrays = [np.asarray(leaf) for leaf in leaves]
    if not arrays:
        return np.zeros(0), lambda vector: unflatten(structure, [])
    specs = [(array.shape, array.dtype) for array in arrays]
    ends = np.cumsum([array.size for array in arrays]).tolist()
    vector = np.concatenate([array.ravel() for array in arrays])

    def unravel(vector: Any) -> Any:
        vector = np.asarray(vector)
        if vector.shape != (ends[-1],):
            raise ValueError(f"a vector of shape ({ends[-1]},) is needed, not {vector.shape}")
        parts = [
            vector[end - int(np.prod(shape)) : end].reshape(shape).astype(dtype, copy=False)
            for (shape, dtype), end in zip(specs, ends)
        ]
        return unflatten(structure, [part[()] if part.ndim == 0 else part for part in parts])

    return vector, unravel
