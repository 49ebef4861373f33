"""A Node: one value of a CalcGraph, made by an op from other nodes.

The call's structure is kept as a template with holes for the operands, so that
``np.block([[t, u]])`` and ``np.mean(x, where=mask)`` are nodes with flat ``inputs``:

>>> Params(([[HOLES[0], HOLES[1]]],))
([[%0, %1]])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from tracer.graph.op import Op
from tracer.graph.origin import Origin
from tracer.graph.spec import ArraySpec


class Hole:
    """Stands in a Params template for operand number ``slot``."""

    __slots__ = ("slot",)

    def __init__(self, slot: int):
        self.slot = slot

    def __repr__(self) -> str:
        return f"%{self.slot}"

    def __reduce__(self):
        return hole, (self.slot,)


HOLES = [Hole(slot) for slot in range(64)]


def hole(slot: int) -> Hole:
    """The one Hole for a slot."""
    while slot >= len(HOLES):
        HOLES.append(Hole(len(HOLES)))
    return HOLES[slot]


class Ref:
    """A value that is printed as a reference into a table: a constant array or a callable."""

    __slots__ = ("value", "label")

    def __init__(self, value: Any, label: str = ""):
        self.value = value
        self.label = label

    def __repr__(self) -> str:
        return f"${self.label or type(self.value).__name__}"


def map_structure(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply ``function`` to the leaves of nested lists, tuples, dicts and slices."""
    kind = type(tree)
    if kind is tuple:
        return tuple([map_structure(function, item) for item in tree])
    if kind is list:
        return [map_structure(function, item) for item in tree]
    if kind is dict:
        return {key: map_structure(function, item) for key, item in tree.items()}
    if kind is slice:
        return slice(*[map_structure(function, i) for i in (tree.start, tree.stop, tree.step)])
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind(*[map_structure(function, item) for item in tree])
    return function(tree)


def typed(tree: Any) -> Any:
    """A hashable stand-in that tells 1, 1.0, True and -0.0 apart."""
    kind = type(tree)
    if kind in (tuple, list):
        return (kind.__name__, *[typed(item) for item in tree])
    if kind is dict:
        return ("dict", *[(key, typed(item)) for key, item in tree.items()])
    if kind is slice:
        return ("slice", typed(tree.start), typed(tree.stop), typed(tree.step))
    if kind is Hole:
        return ("%", tree.slot)
    if kind is float:
        return ("float", tree.hex())
    if kind is complex:
        return ("complex", tree.real.hex(), tree.imag.hex())
    if kind is Ref:
        return ("$", id(tree.value))
    if isinstance(tree, np.generic):
        return (kind.__name__, tree.dtype.str, tree.tobytes())
    if isinstance(tree, np.ndarray):
        return ("ndarray", id(tree))
    try:
        hash(tree)
    except TypeError:
        return (kind.__name__, id(tree))
    return (kind.__name__, tree)


class Params:
    """The arguments of a call, with a Hole where an operand goes; immutable by convention.

    Static arguments (axes, dtypes, Python literals) stand in it as they are.
    """

    __slots__ = ("args", "kwargs", "_flat", "_key", "_level")

    def __init__(self, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None):
        self.args = tuple(args)
        self.kwargs = kwargs or {}
        self._flat = not self.kwargs and all(
            type(a) is Hole and a.slot == i for i, a in enumerate(self.args)
        )
        self._level = False
        self._key: tuple | None = None

    @classmethod
    def of(cls, *args: Any) -> Params:
        """Holes and numbers, neither nested nor all of them holes."""
        made = cls.__new__(cls)
        made.args, made.kwargs, made._flat, made._key = args, {}, False, None
        made._level = True
        return made

    def fill(self, operands: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """The call's ``(args, kwargs)`` with the operands in their holes."""
        if self._flat:
            return operands, {}
        if self._level:
            return [operands[a.slot] if type(a) is Hole else a for a in self.args], {}

        def put(leaf):
            if type(leaf) is Hole:
                return operands[leaf.slot]
            return leaf.value if type(leaf) is Ref else leaf

        kwargs = {key: map_structure(put, value) for key, value in self.kwargs.items()}
        return [map_structure(put, value) for value in self.args], kwargs

    def slots(self) -> list[int]:
        """The slots of all holes, in order of appearance."""
        found: list[int] = []

        def note(leaf):
            if type(leaf) is Hole:
                found.append(leaf.slot)
            return leaf

        map_structure(note, (*self.args, *self.kwargs.values()))
        return found

    def key(self) -> tuple:
        """Hashable and typed: equal only if the two calls mean the same to the last bit."""
        if self._key is None:
            self._key = (typed(self.args), typed(self.kwargs) if self.kwargs else ())
        return self._key

    def __repr__(self) -> str:
        parts = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"({', '.join(parts)})"


POSITIONAL = tuple(Params(HOLES[:count]) for count in range(9))


class Region(Protocol):
    """What a node asks of the closed graph that it holds; a CalcGraph."""

    @property
    def order(self) -> tuple[Node, ...]: ...
    @property
    def outputs(self) -> tuple[Node, ...]: ...
    @property
    def guards(self) -> tuple: ...
    @property
    def effects(self) -> tuple: ...
    @property
    def title(self) -> str: ...
    @property
    def roles(self) -> dict[str, int]: ...
    def key(self) -> tuple: ...


class Node:
    """One value, or several, of a CalcGraph. Compared by identity; immutable by convention.

    Attributes
    ----------
    op : Op
    inputs : tuple of Node
        The operands, flat, in slot order.
    params : Params
        The call as a template with holes.
    specs : tuple of ArraySpec
        One per output. Consumers of a node with several outputs go through an ``item`` node.
    origin : Origin or None
        Where the user wrote it.
    name : str
        Hint from the user's assignment target; ``""`` for intermediate values.
    spelling : str
        ``""`` (function), ``"operator"``, ``"method"`` or ``"attribute"``: how the emitter
        writes it. It never changes the bits, but ``"operator"`` on Python scalars is Python's.
    context : tuple or None
        The ``np.errstate`` settings in force: sorted ``(key, value)`` pairs.
    regions : tuple of CalcGraph
        Bodies of ``call``, ``cond`` and ``loop``: closed graphs, no capture.
    """

    __slots__ = (
        "op",
        "inputs",
        "params",
        "specs",
        "origin",
        "name",
        "spelling",
        "context",
        "regions",
        "__weakref__",
    )

    def __init__(
        self,
        op: Op,
        inputs: tuple[Node, ...],
        params: Params,
        specs: tuple[ArraySpec, ...],
        origin: Origin | None = None,
        name: str = "",
        spelling: str = "",
        context: tuple | None = None,
        regions: tuple[Any, ...] = (),
    ):
        self.op = op
        self.inputs = inputs
        self.params = params
        self.specs = specs
        self.origin = origin
        self.name = name
        self.spelling = spelling
        self.context = context
        self.regions = regions

    @property
    def spec(self) -> ArraySpec:
        """The spec of the only output."""
        return self.specs[0]

    @property
    def shape(self) -> tuple:
        return self.specs[0].shape

    @property
    def dtype(self) -> np.dtype:
        return self.specs[0].dtype

    def replace(self, **changes: Any) -> Node:
        """A new node like this one, but for the given attributes."""
        values = {slot: getattr(self, slot) for slot in Node.__slots__[:-1]}
        return Node(**(values | changes))

    def call_function(self) -> Callable[..., Any]:
        """The callable that evaluates this node, by its spelling."""
        op = self.op
        if self.spelling == "operator" and op.operator is not None:
            return op.operator
        return op.evaluate

    def __repr__(self) -> str:
        name = f"{self.name}: " if self.name else ""
        return f"<{name}{' '.join(map(repr, self.specs))} = {self.op.name}{self.params}>"


def is_pure(node: Node) -> bool:
    """Whether two such nodes on the same operands are one value, its regions included."""
    return node.op.is_pure and all(
        not region.effects and all(map(is_pure, region.order)) for region in node.regions
    )


def may_act(node: Node) -> bool:
    """Whether the node does more than give a value: it draws, or it may raise.

    An index that is computed may be out of bounds; a Python number may be divided by zero.
    """
    if node.op.effects:
        return True
    if node.op.name in ("getitem", "take"):
        return any([spec.dtype.kind in "iu" for n in node.inputs[1:] for spec in n.specs])
    if node.op.is_write:
        return _write_may_raise(node)
    return node.op.name in PYTHON_RAISES and node.specs[0].kind == "weak"


def _write_may_raise(node: Node) -> bool:
    """Whether a place may be out of bounds, or there may be more or fewer values than places.

    Derivatives write at places that were read before: zeros, or into an array of zeros.
    """
    value = node.params.args[1]
    slot_of_value = value.slot if type(value) is Hole else 0
    others = [n for slot, n in enumerate(node.inputs) if slot and slot != slot_of_value]
    computed = any([n.specs[0].dtype.kind in "iu" for n in others])
    if computed and node.inputs[0].op.name not in ZEROS:
        if type(value) is not float or value != 0.0:
            return True
    if type(value) is not Hole:
        return False
    spec = node.inputs[value.slot].specs[0]
    masked = any([n.specs[0].dtype.kind == "b" for n in others])
    return not spec.is_static or bool(masked and spec.shape)


ZEROS = frozenset({"zeros", "zeros_like"})
PYTHON_RAISES = frozenset({"divide", "floor_divide", "remainder", "pow"})


def users(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node, the nodes that read it (once per reader), in order."""
    found: dict[Node, list[Node]] = {}
    for node in nodes:
        for operand in dict.fromkeys(node.inputs):
            found.setdefault(operand, []).append(node)
    return found
