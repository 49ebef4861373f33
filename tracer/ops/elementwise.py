"""Inference for elementwise ops: shapes broadcast; dtype and kind are NumPy's own answer, cached.

>>> infer_elementwise(op_named("add"), POSITIONAL[2], (f32[4,1], scalar f64), "operator")
(f64[4,1],)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.node import Hole, Params, Ref, map_structure
from tracer.graph.op import Op
from tracer.graph.spec import ArraySpec
from tracer.ops.broadcasting import broadcast_shapes
from tracer.ops.infer_by_probe import types_of, with_shapes


def infer_elementwise(
    op: Op, params: Params, specs: tuple[ArraySpec, ...], spelling: str
) -> tuple[ArraySpec, ...]:
    """Specs of an elementwise call; a mask in ``where=`` broadcasts with the operands."""
    types = types_of(op, params, specs, spelling)
    shape, _ = broadcast_shapes([spec.shape for spec in specs] + _literal_shapes(params))
    return with_shapes(types, [shape] * len(types))


def _literal_shapes(params: Params) -> list[tuple[int, ...]]:
    """Shapes of operands that stand in the template: lists, and arrays in a Ref."""
    return [
        np.shape(_without_holes(argument))
        for argument in params.args
        if type(argument) in (list, tuple, Ref, np.ndarray)
    ]


def _without_holes(tree: Any) -> Any:
    def plain(leaf: Any) -> Any:
        if type(leaf) is Ref:
            return leaf.value
        return 0.0 if type(leaf) is Hole else leaf

    return map_structure(plain, tree)
