"""Asking NumPy itself: an op is run once on stand-ins that cost no memory.

>>> probe(op_of(np.mean), Params((HOLES[0],)), (array_spec((4, 2), np.float32),))
(scalar f32,)
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tracer.graph.node import Params
from tracer.graph.op import Op
from tracer.graph.spec import ArraySpec, Dim, spec_of

ONES = {"b": True, "i": 1, "u": 1, "f": 1.0, "c": 1 + 0j}


def stand_in(spec: ArraySpec, shape: tuple[int, ...] | None = None, eye: bool = False) -> Any:
    """A value with the dtype and kind of ``spec``: ones, held in one element.

    ``eye`` makes matrices the identity instead, for functions that refuse singular ones.
    """
    if spec.kind == "weak":
        return ONES[spec.dtype.kind]
    if spec.kind == "scalar":
        return spec.dtype.type(1)
    shape = spec.seen_shape if shape is None else shape
    if eye and len(shape) >= 2:
        return np.broadcast_to(np.eye(*shape[-2:], dtype=spec.dtype), shape)
    if not shape:
        return np.ones((), spec.dtype)
    return np.broadcast_to(np.ones((), spec.dtype), shape)


def run(op: Op, params: Params, operands: list[Any], spelling: str = "") -> tuple[ArraySpec, ...]:
    """The specs of what NumPy makes of ``operands``; its own exception if it refuses them."""
    function = op.operator if spelling == "operator" and op.operator is not None else op.evaluate
    args, kwargs = params.fill(operands)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*args, **kwargs)
    if isinstance(result, (tuple, list)):
        return tuple([spec_of(item) for item in result])
    return (spec_of(result),)


def probe(
    op: Op, params: Params, specs: tuple[ArraySpec, ...], spelling: str = ""
) -> tuple[ArraySpec, ...]:
    """The specs of the outputs, by running the op on stand-ins of the operands' own shapes.

    Sizes that follow a run-time size are found by running it a second time with other sizes.
    """
    eye = op.name.startswith("linalg.")
    first = run(op, params, [stand_in(spec, None, eye) for spec in specs], spelling)
    dims = {size: None for spec in specs for size in spec.shape if isinstance(size, Dim)}
    if not dims:
        return first
    other = {dim: dim.seen + 3 + 7 * number for number, dim in enumerate(dims)}
    shapes = [
        tuple([other[size] if isinstance(size, Dim) else size for size in spec.shape])
        for spec in specs
    ]
    moved = [stand_in(spec, shape, eye) for spec, shape in zip(specs, shapes, strict=True)]
    second = run(op, params, moved, spelling)
    return tuple([_with_dims(a, b, other, op) for a, b in zip(first, second, strict=True)])


def _with_dims(first: ArraySpec, second: ArraySpec, other: dict[Dim, int], op: Op) -> ArraySpec:
    sizes: list[Any] = []
    for axis, (seen, moved) in enumerate(zip(first.shape, second.shape, strict=True)):
        same = [dim for dim, size in other.items() if dim.seen == seen and size == moved]
        if seen == moved:
            sizes.append(seen)
        else:
            sizes.append(same[0] if same else Dim(f"{op.name} axis {axis}", seen))
    return first.with_shape(tuple(sizes))
