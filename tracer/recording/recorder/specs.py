"""The ArraySpec of a concrete value, and of what an op would give.

>>> spec_of(np.ones(3))
float64[3]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.graph.node import Node, Params
from tracer.graph.op import Op
from tracer.graph.spec import WEAK_SPECS, ArraySpec, array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.indexing import DATA_DEPENDENT, slice_slots
from tracer.ops.infer import infer
from tracer.recording.tensor.active import ACTIVE

# Functions whose plain answer depends on shapes and dtypes alone, or on memory.
ABOUT_TYPES = frozenset(
    "ndim shape size result_type can_cast iscomplexobj isrealobj common_type min_scalar_type "
    "isscalar shares_memory may_share_memory broadcast_shapes einsum_path".split()
)


def spec_of(value: Any) -> ArraySpec:
    if isinstance(value, np.ndarray):
        return array_spec(value.shape, value.dtype)
    if isinstance(value, np.generic):
        return scalar_spec(value.dtype)
    return WEAK_SPECS[type(value)]


def inferred_specs(
    op: Op, params: Params, inputs: Sequence[Node], spelling: str
) -> tuple[ArraySpec, ...]:
    """Inference, which runs NumPy itself and must not be traced."""
    if op is registry.ITEM:  # the other ops have one value for each operand
        return (inputs[0].specs[params.args[1]],)
    token = ACTIVE.set(None)
    try:
        return infer(op, params, tuple([node.specs[0] for node in inputs]), spelling)
    finally:
        ACTIVE.reset(token)


def depends_on_data(op: Op, params: Params, inputs: tuple[Node, ...]) -> bool:
    """Whether the result's shape is a matter of values: a mask among the indices, nonzero …"""
    if op is registry.GETITEM:
        bounds = slice_slots(params)
        deciding = [
            node
            for slot, node in enumerate(inputs)
            if slot in bounds or (slot and node.specs[0].dtype.kind == "b")
        ]
        return any([not _is_literal(node) for node in deciding])
    if op.name == "where":
        return len(params.args) == 1
    if op.name not in DATA_DEPENDENT or not inputs or op.schema.kind == "creation":
        return False
    deciding = inputs[DECIDING[op.name]] if op.name in DECIDING else inputs
    return any([not _is_literal(node) for node in deciding])


# The operands that decide the size of a result, where it is not all of them.
DECIDING = {
    **dict.fromkeys(("delete", "repeat", "resize", "tile"), slice(1, None)),
    **dict.fromkeys(("compress", "extract"), slice(0, 1)),
}


def _is_literal(node: Node, depth: int = 8) -> bool:
    """Whether a value was written down in the program: it is the same in every call."""
    if node.op is registry.INPUT or depth == 0 or not node.op.is_pure:
        return False
    return all([_is_literal(operand, depth - 1) for operand in node.inputs])


def is_shape_error(error: ValueError) -> bool:
    text = str(error)
    return any(
        word in text
        for word in ("broadcast", "shape", "mismatch", "dimension", "aligned", "reshape")
    )
