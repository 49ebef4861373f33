"""fold_constants: what depends on no run-time input is computed once, while compiling.

>>> fold_constants(graph)                 # np.sqrt(2.0 * np.pi) becomes one number
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import run_node
from tracer.graph.node import Node, Params, Ref
from tracer.graph.rebuild import Rebuild
from tracer.graph.spec import ArraySpec, spec_of
from tracer.ops import registry
from tracer.ops.memory import BUFFERS, escaping

LARGEST = 1000  # elements; what is larger stays creation code
# Ops whose code is shorter than their result.
CODE = frozenset("broadcast_to broadcast_like tile repeat setitem scatter_add copy array".split())
FOLDED_SCHEMAS = frozenset("elementwise reduction gufunc contraction shape indexing".split())


def fold_constants(graph: CalcGraph) -> CalcGraph:
    """The graph with known values as constants.

    Not folded: creation code itself, captured arrays (they may change), what raises or warns,
    random draws, large results, and arrays that the caller gets as fresh ones.
    """
    work = Rebuild(graph, fold_constants)
    known: dict[Node, Any] = {}  # new node → its value
    stay: set[Node] = set()
    if any(_is_source(node) for node in graph.order):
        stay = escaping(graph) | {g.node for g in graph.guards if g.kind == "raises"}
    for node in graph.order:
        new = work.current(node)
        folded = None if node in stay else _fold(new, known)
        work.order.append(folded or new)
        if (folded or new) is not node:
            work.moved[node] = folded or new
    return work.finish()


def _is_source(node: Node) -> bool:
    """Whether a known value can start here."""
    name = node.op.name
    return (not node.inputs and name != "input") or name == "size_of" or name == "same_size"


def _fold(node: Node, known: dict[Node, Any]) -> Node | None:
    """The constant that a node is, or None; notes what it learns in ``known``."""
    op = node.op
    if not node.inputs:
        if op.name == "constant":
            value = node.params.args[0]
            value = value.value if type(value) is Ref else value
            if not isinstance(value, np.ndarray):
                known[node] = value
            return None
        # A buffer to fill, or one number in many places, is its own best form.
        if op.schema.kind == "creation" and op.name not in BUFFERS and _is_small(node):
            value = _value(node, ())
            if value is not None:
                known[node] = value
            return None
        if op.schema.kind != "elementwise":
            return None
    elif op.name in ("size_of", "same_size"):
        value = static_size(node)
        return None if value is None else _constant(node, value, known)
    elif not all(operand in known for operand in node.inputs):
        return None
    if op.schema.kind not in FOLDED_SCHEMAS or op.name in CODE or op.effects or not _is_small(node):
        return None
    operands = [known[operand] for operand in node.inputs]
    if node.shape and not any(np.ndim(operand) for operand in operands):
        return None  # one number in a larger shape: broadcasting says it better
    value = _value(node, operands)
    return None if value is None else _constant(node, value, known)


def static_size(node: Node) -> int | bool | None:
    """The outcome of ``size_of`` or ``same_size`` where shapes say it."""
    args = node.params.args
    shape = node.inputs[0].specs[0].shape
    if node.op is registry.SIZE_OF:
        size = shape[args[1]]
        return size if type(size) is int else None
    one, other = shape[args[2]], node.inputs[-1].specs[0].shape[args[3]]
    if one is other:
        return True
    return one == other if type(one) is int and type(other) is int else None


def _is_small(node: Node) -> bool:
    spec = node.specs[0]
    return len(node.specs) == 1 and spec.is_static and math.prod(spec.seen_shape) <= LARGEST


def _value(node: Node, operands: Any) -> Any:
    """The node's value, or None where computing it would raise, warn or surprise."""
    if any(isinstance(o, np.ndarray) and o.size > LARGEST for o in operands):
        return None
    try:
        with np.errstate(all="raise"):
            value = run_node(node.replace(context=None) if node.context else node, operands)
        return value if _spec(value) == node.specs[0] else None
    except Exception:
        return None


def _spec(value: Any) -> ArraySpec | None:
    known = isinstance(value, (np.ndarray, np.generic, int, float, complex))
    return spec_of(value) if known else None


def _constant(node: Node, value: Any, known: dict[Node, Any]) -> Node:
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    held = value if type(value) in (bool, int, float, complex) else Ref(value, node.name)
    new = Node(registry.CONSTANT, (), Params((held,)), node.specs, node.origin, node.name)
    known[new] = value
    return new
