"""Batch: what a batch rule works with. A value that differs from example to example is Batched.

The batch stands first in the arrays of mapped values; a rule sees each example's shape:

>>> @batching("transpose")
... def _(batch, x, axes=None):            # x.shape is one example's, x.symbol's has the batch
...     return np.transpose(x.symbol, batch.order(axes, x.ndim))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.graph.node import Node, map_structure
from tracer.graph.op import Op
from tracer.graph.spec import ArraySpec, Shape
from tracer.ops.builder import Builder, Symbol

BatchRule = Callable[..., Any]
RULES: dict[str, BatchRule] = {}  # by the name of the op
SCHEMAS: dict[str, BatchRule] = {}  # by the kind of its schema, where no rule has its name


class Unbatchable(Exception):
    """A rule can't serve this call: its examples are computed one by one."""


def batching(names: str) -> Callable[[BatchRule], BatchRule]:
    """Decorator: the batch rule of the ops named; it takes the call's arguments after ``batch``."""

    def declare(rule: BatchRule) -> BatchRule:
        for name in names.split():
            RULES[name] = rule
        return rule

    return declare


def batching_schema(kind: str) -> Callable[[BatchRule], BatchRule]:
    """Decorator: the rule of a schema's ops, as far as they have none of their own."""

    def declare(rule: BatchRule) -> BatchRule:
        SCHEMAS[kind] = rule
        return rule

    return declare


class Batched:
    """An operand that has a value for each example.

    Attributes
    ----------
    symbol : Symbol
        All values, the batch first.
    spec : ArraySpec
        Of one example's value; its kind says whether that is a weak scalar.
    """

    __slots__ = ("spec", "symbol")

    def __init__(self, symbol: Symbol, spec: ArraySpec):
        self.symbol = symbol
        self.spec = spec

    @property
    def ndim(self) -> int:
        return len(self.spec.shape)

    @property
    def shape(self) -> Shape:
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype:
        return self.spec.dtype


class Batch:
    """The batch of one transform, and the node whose rule runs.

    Attributes
    ----------
    builder : Builder
    size : int
        How many examples there are.
    node : Node
        The example's node; its specs are what each example must get.
    """

    def __init__(self, builder: Builder, size: int):
        self.builder = builder
        self.size = size
        self.node: Node = None  # set before a rule runs

    @property
    def shape(self) -> Shape:
        """The shape of one example's result."""
        return self.node.specs[0].shape

    @property
    def ndim(self) -> int:
        return len(self.node.specs[0].shape)

    def same(self, *args: Any, **kwargs: Any) -> Any:
        """The node's own op on other arguments."""
        return self.builder.emit(self.node.op, args, kwargs, self._spelling())

    def _spelling(self) -> str:
        return self.node.spelling if self.node.spelling in ("operator", "method") else ""

    def emit(self, op: Op, *args: Any, **kwargs: Any) -> Any:
        return self.builder.emit(op, args, kwargs)

    # -- operands ---------------------------------------------------------------------------
    def lift(self, x: Any, ndim: int) -> Any:
        """``x`` ready to broadcast with values of ``ndim`` axes beside the batch."""
        if type(x) is not Batched:
            return x
        if x.ndim >= ndim or not x.ndim and not ndim:
            return x.symbol
        return np.expand_dims(x.symbol, short(tuple(range(1, 1 + ndim - x.ndim))))

    def full(self, x: Any, shape: Shape | None = None) -> Symbol:
        """``x``, mapped or not, with the batch in front (and broadcast to an example's shape)."""
        if type(x) is Batched:
            if shape is None or shape == x.shape:
                return x.symbol
            return np.broadcast_to(self.lift(x, len(shape)), (self.size, *shape))
        wanted = shape_of(x) if shape is None else shape
        symbol = x if type(x) is Symbol else self.constant(x)
        return np.broadcast_to(symbol, (self.size, *wanted))

    def constant(self, value: Any) -> Symbol:
        """A list or number among the arguments as the array that NumPy makes of it."""
        if holds(value, Symbol) or holds(value, Batched):
            raise Unbatchable("a list of traced values")
        return self.builder.constant(np.asarray(value))

    def mapped(self, x: Any) -> Batched:
        """``x`` as a mapped value."""
        if type(x) is Batched:
            return x
        spec = ArraySpec(shape_of(x), dtype_of(x))
        return Batched(self.full(x), spec)

    def as_mapped(self, symbol: Symbol) -> Batched:
        """A batched Symbol made by a rule, for use by another rule."""
        return Batched(symbol, ArraySpec(symbol.shape[1:], symbol.dtype))

    def flat(self, x: Batched) -> Batched:
        """Each example's values in a row."""
        if x.ndim == 1:
            return x
        size = 1
        for length in x.shape:
            size *= static(length)
        return self.as_mapped(np.reshape(x.symbol, (self.size, size)))


def shape_of(x: Any) -> Shape:
    return x.shape if type(x) in (Symbol, Batched) else np.shape(x)


def ndim_of(x: Any) -> int:
    return len(shape_of(x))


def dtype_of(x: Any) -> np.dtype:
    return x.dtype if type(x) in (Symbol, Batched) else np.asarray(x).dtype


def static(size: Any) -> int:
    """A size that is known.

    Raises
    ------
    Unbatchable
        If it is a run-time size.
    """
    if type(size) is not int:
        raise Unbatchable("a run-time size")
    return size


def holds(tree: Any, kind: type) -> bool:
    """Whether nested arguments hold a Batched (or a Symbol)."""
    found: list[Any] = []

    def note(leaf: Any) -> Any:
        if type(leaf) is kind:
            found.append(leaf)
        return leaf

    map_structure(note, tree)
    return bool(found)


def fixed(*arguments: Any) -> None:
    """Refuse arguments that differ between the examples where a rule takes none such."""
    if holds(list(arguments), Batched):
        raise Unbatchable("an argument that differs between the examples")


def short(axes: Sequence[int]) -> Any:
    """One axis as an int, several as a tuple."""
    return axes[0] if len(axes) == 1 else tuple(axes)


def axis_of(axis: Any, ndim: int) -> int:
    """An example's axis in the batched array."""
    return int(axis) % max(ndim, 1) + 1


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """An example's axes (None: all of them) in the batched array."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple([axis_of(a, ndim) for a in axes])
