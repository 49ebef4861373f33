"""Eager calls: NumPy computes on plain arrays at once, and the call becomes a node.

>>> x = Tensor([1.0, 2.0], name="x")
>>> call(registry.op_of(np.sin), (x,), {})
Tensor([0.84147098, 0.90929743])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer import errors
from tracer.eager.libraries import refuse_library
from tracer.eager.state import (
    EagerArray,
    View,
    constant,
    merged,
    node_of,
    operand,
    place,
    refuse_type,
    wrap,
)
from tracer.graph.node import HOLES, Node, Params, hole, map_structure
from tracer.graph.op import Op
from tracer.graph.spec import spec_of
from tracer.ops import registry
from tracer.recording.source.locator import CallSite
from tracer.recording.tensor.active import ACTIVE

NUMBERS = (np.ndarray, np.generic, float, complex)


class CallTemplate:
    """A call split into its template, its operands' nodes and their values."""

    def __init__(self, args: Sequence[Any], kwargs: dict[str, Any]):
        self.tensors: list[EagerArray | None] = []  # None for a constant
        self.inputs: list[Node] = []
        self.values: list[Any] = []
        put = self._put
        self.params = Params(
            tuple([map_structure(put, a) for a in args]),
            {key: map_structure(put, value) for key, value in kwargs.items()},
        )

    def _put(self, leaf: Any) -> Any:
        if isinstance(leaf, EagerArray):
            self.inputs.append(node_of(leaf))
            self.values.append(operand(leaf))
            self.tensors.append(leaf)
        elif isinstance(leaf, (np.ndarray, np.generic)):
            refuse_type(leaf)
            node = constant(leaf)
            self.inputs.append(node)
            self.values.append(node.params.args[0].value)
            self.tensors.append(None)
        else:
            return leaf
        return hole(len(self.inputs) - 1)

    @property
    def kind(self) -> type[Any]:
        """The class of the results: that of the first Tensor."""
        return next(type(t) for t in self.tensors if t is not None)

    def graph_inputs(self) -> dict:
        return merged([t._inputs for t in self.tensors if t is not None])


def run(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call NumPy itself, outside of any trace that is open."""
    if ACTIVE.get() is None:
        return function(*args, **kwargs)
    token = ACTIVE.set(None)
    try:
        return function(*args, **kwargs)
    finally:
        ACTIVE.reset(token)


def call(op: Op, args: Sequence[Any], kwargs: dict[str, Any], spelling: str = "") -> Any:
    """Compute ``op`` and write it down; Tensors, or what NumPy returned if that is no number."""
    refuse_library()
    split = CallTemplate(args, kwargs)
    function = op.operator if spelling == "operator" and op.operator is not None else op.evaluate
    result = run(function, *split.params.fill(split.values))
    several = isinstance(result, (tuple, list))
    results = result if several else [result]
    if not all([is_recorded(value) for value in results]):
        return _plain(result, split)
    if not several and not isinstance(result, np.ndarray) and spec_of(result).dtype.kind in "biu":
        return result
    found = place()
    return _record(op, split, result, spelling, found)


def is_recorded(value: Any) -> bool:
    """Whether a result is a number or an array of numbers."""
    return isinstance(value, NUMBERS) and (
        not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind in "biufc"
    )


def _plain(result: Any, split: CallTemplate) -> Any:
    """An answer about shapes, a text, nothing: as it is, unless it is memory of a Tensor's."""
    if isinstance(result, np.ndarray):
        return result.copy()
    return result


def _record(op: Op, split: CallTemplate, result: Any, spelling: str, found: CallSite | None) -> Any:
    origin = found.origin if found is not None else None
    target = found.target if found is not None else ""
    inputs, graph_inputs = tuple(split.inputs), split.graph_inputs()
    several = isinstance(result, (tuple, list))
    results = list(result) if several else [result]
    specs = tuple([spec_of(value) for value in results])
    name = target if isinstance(target, str) and not several else ""
    node = Node(op, inputs, split.params, specs, origin, name, spelling)
    if not several:
        return _result(split, node, node, result, graph_inputs, -1)
    names = target if isinstance(target, tuple) else ()
    made = []
    for k, value in enumerate(results):
        name = names[k] if k < len(names) else ""
        item = Node(registry.ITEM, (node,), Params((HOLES[0], k)), (specs[k],), origin, name)
        made.append(_result(split, node, item, value, graph_inputs, k))
    if isinstance(result, list):
        return made
    return type(result)(*made) if hasattr(result, "_fields") else tuple(made)


def _result(
    split: CallTemplate, node: Node, own: Node, value: Any, graph_inputs: dict, item: int
) -> Any:
    """A Tensor for one result: of memory of its own, or a view of an operand's."""
    if not isinstance(value, np.ndarray):
        return wrap(split.kind, np.asarray(value), own, graph_inputs)
    for slot, (tensor, source) in enumerate(zip(split.tensors, split.values, strict=True)):
        if value is source and tensor is not None:
            return tensor
        if not isinstance(source, np.ndarray) or not shares(value, source):
            continue
        if tensor is None:  # memory of a constant: the node's, not the user's
            return wrap(split.kind, value.copy(), own, graph_inputs)
        view = View(
            tensor, node.op, node.params, node.inputs, slot, item, node.specs, node.spelling
        )
        return wrap(split.kind, value, own, graph_inputs, tensor._memory, view)
    return wrap(split.kind, value, own, graph_inputs)


def shares(value: np.ndarray, source: np.ndarray) -> bool:
    """Whether a result is memory of an operand; a result that owns its memory is not."""
    if value.base is None and value is not source:
        return False
    return np.may_share_memory(value, source)


# -- what NumPy dispatches -----------------------------------------------------------------------


def operate(op: Op, operands: tuple[Any, ...]) -> Any:
    """A Python operator; NotImplemented leaves the word to the partner."""
    for one in operands:
        if isinstance(one, EagerArray) or type(one) in _PLAIN:
            continue
        if isinstance(one, (list, tuple)):
            return operate(op, tuple([as_array(o) for o in operands]))
        if is_foreign(one):
            return NotImplemented
        if not isinstance(one, (np.ndarray, np.generic)):
            if op.name not in ("equal", "not_equal") or op.operator is None:
                return NotImplemented
            return op.operator(*[operand(o) if isinstance(o, EagerArray) else o for o in operands])
    return call(op, operands, {}, "operator")


_PLAIN = frozenset({np.ndarray, float, int, complex, bool, np.float64, np.float32, np.int64})


def is_foreign(value: Any) -> bool:
    """Whether a partner has protocols of its own, which then decide."""
    if isinstance(value, EagerArray) or type(value) in _PLAIN:
        return False
    own = getattr(type(value), "__array_ufunc__", np.ndarray.__array_ufunc__)
    return own is not np.ndarray.__array_ufunc__ and not isinstance(value, np.generic)


def as_array(data: Any) -> Any:
    """Nested lists as an array, recorded if they hold Tensors."""
    if not isinstance(data, (list, tuple)):
        return data
    found: list[Any] = []
    map_structure(lambda leaf: found.append(leaf) if isinstance(leaf, EagerArray) else None, data)
    return call(registry.op_of(np.array), (data,), {}) if found else np.array(data)


def has_gradient(tree: Any) -> bool:
    """Whether there is a Tensor of real or complex numbers among nested arguments."""
    found: list[Any] = []

    def note(leaf: Any) -> Any:
        if isinstance(leaf, EagerArray) and leaf.dtype.kind in "fc":
            found.append(leaf)

    map_structure(note, tree)
    return bool(found)


def leak_error(what: str, fix: str) -> errors.LeakError:
    """A LeakError at the user's line."""
    found = place()
    return errors.LeakError(what, found.origin if found is not None else None, fix)
