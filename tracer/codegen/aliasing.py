"""Which values may share memory: what decides where a write may happen in place.

>>> may_alias(node_of("x[1:]")), may_alias(node_of("x * 2"))
((x,), ())
"""

from __future__ import annotations

import numpy as np

from tracer.graph.node import Hole, Node

# Functions (not ufuncs) that always return memory of their own. What is not here may be a view.
FRESH = frozenset(
    "sum prod max min amax amin mean var std all any argmax argmin ptp count_nonzero nansum nanmax "
    "nanmin nanmean nanvar nanstd dot vdot inner outer tensordot kron trace zeros ones full empty "
    "zeros_like ones_like full_like eye identity arange linspace logspace geomspace tri where clip "
    "concatenate stack vstack hstack dstack column_stack repeat tile sort argsort cumsum cumprod "
    "pow take take_along_axis compress astype zeros_of setitem scatter_add copy size_of same_size "
    "linalg.inv linalg.solve linalg.det linalg.cholesky linalg.norm".split()
)  # fmt: skip


def may_alias(node: Node) -> tuple[Node, ...]:
    """The operands whose memory the node's value may share; none if it surely owns its own."""
    if all(spec.kind in ("scalar", "weak") for spec in node.specs):
        return ()  # scalars are immutable copies
    name = node.op.name
    if name in FRESH or isinstance(node.op.evaluate, np.ufunc):
        return ()
    if name == "getitem" and picks_copies(node):
        return ()
    if name == "getitem":
        return node.inputs[:1]
    return node.inputs


def owns_memory(node: Node) -> bool:
    """Whether a later write may happen in the node's own array."""
    if len(node.specs) != 1 or node.spec.kind != "array" or not node.shape:
        return False
    if node.op.name in ("input", "constant", "item", "call", "cond", "loop"):
        return False
    return not may_alias(node)


def _index_parts(node: Node) -> tuple:
    index = node.params.args[-1] if len(node.params.args) > 1 else node.params.kwargs["index"]
    return index if type(index) is tuple else (index,)


def picks_copies(node: Node) -> bool:
    """Whether an index selects by arrays, so that NumPy copies instead of making a view."""
    for part in _index_parts(node):
        if type(part) is list:
            return True
        if type(part) is Hole:
            spec = node.inputs[part.slot].spec
            if spec.kind == "array" and spec.shape:
                return True
    return False


def hits_once(node: Node) -> bool:
    """Whether no element is written twice, so that ``x[i] += v`` equals ``np.add.at``.

    So for ints and slices, masks, and for arrays of which one is an ``np.arange``.
    """
    arrays = []
    for part in _index_parts(node):
        if type(part) is list:
            return False
        if type(part) is not Hole:
            continue
        operand = node.inputs[part.slot]
        if operand.dtype.kind != "b" and operand.spec.kind == "array" and operand.shape:
            arrays.append(operand)
        if operand.dtype.kind == "b":
            return len(_index_parts(node)) == 1
    if not arrays:
        return True
    return any(
        array.op.name == "arange" and all(other.shape == array.shape for other in arrays)
        for array in arrays
    )
