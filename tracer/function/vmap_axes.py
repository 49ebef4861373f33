"""Which axes count the examples: ``in_axes`` and ``out_axes`` against the arguments' trees.

>>> broadcast_prefix({"w": 0, "b": None}, {"w": w, "b": (b, 2.0)}, "in_axes of params")
[0, None, None]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors, trees
from tracer.python.attributes import own
from tracer.recording.tensor.tensor import TracedTensor

Axis = int | None


def axes_of_call(in_axes: Any, args: tuple, kwargs: dict[str, Any], names: list[str]) -> list[Axis]:
    """The mapped axis of each leaf; None where all examples share it.

    Keyword arguments are mapped over axis 0, as far as they are arrays.
    """
    if isinstance(in_axes, (tuple, list)) and len(in_axes) != len(args):
        raise errors.BatchError(
            f"vmap: in_axes has {len(in_axes)} entries for {len(args)} positional arguments.",
            None,
            "give one entry per positional argument, or one int for all",
        )
    entries = in_axes if isinstance(in_axes, (tuple, list)) else [in_axes] * len(args)
    found: list[Axis] = []
    for entry, value, name in zip(entries, args, names, strict=False):
        found += broadcast_prefix(entry, value, f"in_axes of {name}")
    for leaf in trees.flatten(kwargs)[0]:
        found.append(0 if isinstance(leaf, np.ndarray) and np.ndim(value_of(leaf)) else None)
    leaves = trees.flatten((args, kwargs))[0]
    return [axis if _is_numeric(leaf) else None for axis, leaf in zip(found, leaves, strict=True)]


def broadcast_prefix(prefix: Any, tree: Any, what: str) -> list[Axis]:
    """An axis for each leaf of ``tree`` from a tree of axes that may end above the leaves.

    Raises
    ------
    BatchError
        If the two do not fit.
    """
    leaves, structure = trees.flatten(tree)
    if prefix is None or isinstance(prefix, (int, np.integer)):
        if isinstance(prefix, bool):
            raise TypeError(f"vmap: {what} is {prefix!r}, not an int or None")
        return [prefix if prefix is None else int(prefix)] * len(leaves)
    kind = type(prefix)
    opens = isinstance(prefix, (tuple, list, dict))
    if not opens and own(kind, "__dataclass_fields__") is None:
        raise TypeError(f"vmap: {what} is a {kind.__name__}, not an int, None or a tree")
    given, parts = _children(prefix), _children(tree)
    if given is None or parts is None or given.keys() != parts.keys():
        raise errors.BatchError(
            f"vmap: {what} is {prefix!r}, which does not fit the structure {structure}.",
            None,
            "give an int, None, or a tree of them that is a prefix of the argument's tree",
        )
    return [
        axis for key, part in parts.items() for axis in broadcast_prefix(given[key], part, what)
    ]


def _children(tree: Any) -> dict[Any, Any] | None:
    """The parts of a container by key or position; None for a leaf."""
    if isinstance(tree, dict):
        return dict(tree)
    if isinstance(tree, (tuple, list)):
        return dict(enumerate(tree))
    if own(type(tree), "__dataclass_fields__") is not None:
        return {name: getattr(tree, name) for name in tree.__dataclass_fields__}
    return None


def leaf_paths(args: tuple, kwargs: dict[str, Any], names: Sequence[str]) -> list[str]:
    """How a person would write each leaf of the arguments."""
    found: list[str] = []
    for name, value in zip(names, [*args, *kwargs.values()], strict=True):
        found += trees.paths(value, name)
    return found


def batch_size(leaves: Sequence[Any], axes: Sequence[Axis], paths: Sequence[str]) -> int:
    """The one length of all mapped axes.

    Raises
    ------
    BatchError
        If there is none, or more than one.
    """
    sizes: dict[str, int] = {}
    for leaf, axis, path in zip(leaves, axes, paths, strict=True):
        if axis is None:
            continue
        shape = leaf.shape if isinstance(leaf, TracedTensor) else np.shape(leaf)
        if not -len(shape) <= axis < len(shape):
            what = f"has shape {shape}" if shape else "is a number"
            raise errors.BatchError(
                f"vmap: {path} is to be mapped over axis {axis}, but {what}.",
                None,
                "say None in in_axes for arguments that all examples share",
            )
        sizes[path] = shape[axis]
    if not sizes:
        raise errors.BatchError(
            "vmap: no argument is mapped, so the number of examples is unknown.",
            None,
            "at least one entry of in_axes must be an axis of an array",
        )
    if len(set(sizes.values())) > 1:
        told = ", ".join([f"{path} has {size}" for path, size in sizes.items()])
        raise errors.BatchError(
            f"vmap: the mapped axes have different lengths: {told}.",
            None,
            "map axes of one length, or say None in in_axes for what all examples share",
        )
    return next(iter(sizes.values()))


def value_of(leaf: Any) -> Any:
    return leaf._value if isinstance(leaf, TracedTensor) else leaf


def _is_numeric(leaf: Any) -> bool:
    """Whether a leaf is an array or a number; strings, flags and functions are never mapped."""
    return isinstance(leaf, (np.ndarray, np.generic, int, float, complex)) and (
        not isinstance(leaf, bool)
    )


def with_batch_axis(result: Any, axis: int) -> Any:
    """A batch of results with the batch at ``axis``.

    Raises
    ------
    BatchError
        If the result has no such axis.
    """
    ndim = np.ndim(value_of(result))
    if not -ndim <= axis < ndim:
        raise errors.BatchError(
            f"vmap: out_axes is {axis} for a result of {ndim} axes, the batch among them.",
            None,
            f"use an axis from {-ndim} to {ndim - 1}",
        )
    return result if axis in (0, -ndim) else np.moveaxis(result, 0, axis)
